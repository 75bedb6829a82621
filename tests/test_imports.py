"""Whatever is imported first brings Keras, which at once gets to know all that can be in a `.keras` file."""

import subprocess
import sys

import pytest

SCRIPT = """
import importlib, sys
importlib.import_module(sys.argv[1])
import keras
for name in ("Network", "IAUBlock", "CosineClassifier", "BatchHardTripletLoss", "MarginSoftmaxLoss", "Adam", "WarmUp"):
    assert keras.saving.get_registered_object(f"iaunet_tf>{name}"), name
"""


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("layers", "losses.triplet")]


@pytest.mark.parametrize("first", ["models.iaunet", "weights.loading", *SLOW])
def test_first_import(first):
    done = subprocess.run([sys.executable, "-c", SCRIPT, f"iaunet_tf.{first}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
