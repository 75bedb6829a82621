"""Tests the block on Keras' other backends. Skipped if they are not installed; to run them:

python -m venv other && other/bin/pip install keras==3.15.1 torch==2.13.0 jax pytest numpy pillow
IAUNET_BACKENDS_PYTHON=other/bin/python python -m pytest tests/layers/test_backends.py
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PYTHON = os.environ.get("IAUNET_BACKENDS_PYTHON", sys.executable)

SCRIPT = """
import sys
sys.path[:0] = sys.argv[2:]
import numpy as np
from keras import backend, ops
from layers import oracle_weights
from iaunet_tf.layers import IAUBlock

assert backend.backend() == sys.argv[1]
for case in ("iau_image", "iau_clip4", "iau_clip3_of_4"):
    numbers = dict(np.load(f"{sys.argv[2]}/oracle/{case}.npz"))
    x = oracle_weights.channels_last(numbers["input"])
    for mode, training, rows in (("eval", False, None), ("train", True, None), ("eval", False, 7)):
        block = IAUBlock(rows=rows)
        block.build(x.shape)
        oracle_weights.load(block, numbers)
        y, attention = block(ops.convert_to_tensor(x), training=training)
        y, attention = (ops.convert_to_numpy(part) for part in (y, attention))
        np.testing.assert_allclose(y, oracle_weights.channels_last(numbers[f"{mode}/output"]), atol=1e-5)
        expected = oracle_weights.channels_last(numbers[f"{mode}/attention"]).reshape(attention.shape)
        np.testing.assert_allclose(attention, expected, atol=1e-5)
print("equal under", backend.backend())
"""


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_block_equals_the_authors(name):
    environment = {**os.environ, "KERAS_BACKEND": name}
    found = subprocess.run([PYTHON, "-c", f"import {name}, keras"], env=environment, capture_output=True)
    if found.returncode:
        pytest.skip(f"{name} is not installed")
    command = [PYTHON, "-c", SCRIPT, name, str(TESTS), str(TESTS.parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "equal under" in done.stdout
