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


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """Folder of small networks and their exports, by the command: `images.keras` and what became of it in
    `image.onnx`, `bytes.onnx` and `tracker.onnx`; `clips.keras` and `clips.onnx`."""
    for package in ("tf2onnx", "onnxruntime"):
        pytest.importorskip(package)
    from exporting.networks import network

    from iaunet_tf.exporting.command import main_onnx

    folder = tmp_path_factory.mktemp("networks")
    network().save(folder / "images.keras")
    network(video=True).save(folder / "clips.keras")
    for source, name, options in (
        ("images", "image", []),
        ("images", "bytes", ["--dtype", "uint8"]),
        ("images", "tracker", ["--layout", "tracker"]),
        ("clips", "clips", []),
    ):
        out = folder / name / f"{name}.onnx"
        assert main_onnx([str(folder / f"{source}.keras"), "--out", str(out), *options]) == 0
    return folder


@pytest.fixture
def street():
    """Folder of real pedestrians in Market-1501 and MARS layout; the test is skipped without it."""
    if not STREET.is_dir():
        pytest.skip("the street data set is not here")
    return STREET
