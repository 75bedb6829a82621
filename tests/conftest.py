import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from iaunet_tf.files import replacing

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
    """Folder of small networks and their exports, by the commands: `images.keras` and what became of it in
    `image.onnx`, `bytes.onnx`, `tracker.onnx`, `lite.tflite` and `served/iaunet`; `clips.keras` and what became of it
    in `clips.onnx`, `liteclips.tflite` and `served/clips`."""
    for package in ("tf2onnx", "onnxruntime", "ai_edge_litert", "tensorflow_serving"):
        pytest.importorskip(package)
    # The workers of pytest-xdist share it.
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "networks"
    with FileLock(shared / "networks.lock"):
        if not folder.is_dir():
            with replacing(folder) as temporary:
                _export(temporary)
    return folder


def _export(folder):
    from exporting.networks import network

    from iaunet_tf.exporting.command import main_litert, main_onnx, main_savedmodel

    folder.mkdir()
    network().save(folder / "images.keras")
    network(video=True).save(folder / "clips.keras")
    for main, source, name, options in (
        (main_onnx, "images", "image.onnx", []),
        (main_onnx, "images", "bytes.onnx", ["--dtype", "uint8"]),
        (main_onnx, "images", "tracker.onnx", ["--layout", "tracker"]),
        (main_onnx, "clips", "clips.onnx", []),
        (main_litert, "images", "lite.tflite", []),
        (main_litert, "clips", "liteclips.tflite", []),
        (main_savedmodel, "images", "", ["--part-attention"]),
        (main_savedmodel, "clips", "", ["--name", "clips"]),
    ):
        out = folder / name.split(".")[0] / name if name else folder / "served"
        assert main([str(folder / f"{source}.keras"), "--out", str(out), *options]) == 0


@pytest.fixture
def street():
    """Folder of real pedestrians in Market-1501 and MARS layout; the test is skipped without it."""
    if not STREET.is_dir():
        pytest.skip("the street data set is not here")
    return STREET
