import csv
import gc
import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from iaunet_tf.files import replacing

# A shell ignores Ctrl-C for what it runs in the background, and that is inherited by every process of a test.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
STREET = TESTS.parents[1] / "shared" / "data" / "street"


def pytest_collection_finish():
    """Garbage is not looked for in all that has been imported: it is much, and lasts."""
    gc.freeze()


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

    from iaunet_tf.commands import main

    folder.mkdir()
    network().save(folder / "images.keras")
    network(video=True).save(folder / "clips.keras")
    for kind, source, name, options in (
        ("onnx", "images", "image.onnx", []),
        ("onnx", "images", "bytes.onnx", ["--dtype", "uint8"]),
        ("onnx", "images", "tracker.onnx", ["--layout", "tracker"]),
        ("onnx", "clips", "clips.onnx", []),
        ("litert", "images", "lite.tflite", []),
        ("litert", "clips", "liteclips.tflite", []),
        ("savedmodel", "images", "", ["--part_attention", "true"]),
        ("savedmodel", "clips", "", ["--name", "clips"]),
    ):
        out = folder / name.split(".")[0] / name if name else folder / "served"
        assert main(["export", kind, str(folder / f"{source}.keras"), "--out", str(out), *options]) == 0


@pytest.fixture
def read_history():
    """A function from a run's folder to the rows of its history."""

    def read(run):
        with (run / "history.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def stop_in_epoch(monkeypatch):
    """`stop_in_epoch(Task, n)`: training of the task is interrupted at the start of epoch `n`; returns a function that
    undoes this."""

    def arrange(task, number):
        whole = task.batches

        def batches(self, epoch, share):
            if epoch == number:
                raise KeyboardInterrupt
            return whole(self, epoch, share)

        monkeypatch.setattr(task, "batches", batches)
        return monkeypatch.undo

    return arrange


@pytest.fixture
def street():
    """Folder of real pedestrians in Market-1501 and MARS layout; the test is skipped without it."""
    if not STREET.is_dir():
        pytest.skip("the street data set is not here")
    return STREET


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium, driven by playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="pages are tested with playwright, which is missing")
    chromium = Path("/usr/bin/chromium")
    if not chromium.is_file():
        pytest.skip(f"pages are tested in Debian's chromium, which is missing: {chromium}")
    quiet = "gpu", "quic", "background-networking", "component-update", "sync"
    flags = ["--no-sandbox", "--no-first-run", *(f"--disable-{each}" for each in quiet)]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()
