import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parent
STREET = TESTS.parents[1] / "shared" / "data" / "street"


@pytest.fixture
def oracle():
    """Numbers from the authors' PyTorch modules: `oracle("losses")` is a dictionary of arrays."""

    def load(name):
        with np.load(TESTS / "oracle" / f"{name}.npz") as arrays:
            return dict(arrays)

    return load


@pytest.fixture
def street():
    """Folder of real pedestrians in Market-1501 and MARS layout; the test is skipped without it."""
    if not STREET.is_dir():
        pytest.skip("the street data set is not here")
    return STREET
