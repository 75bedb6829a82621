"""Runs the commands and code of every page, from its top to its end."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from docs.pages import PAGES, ROOT
from filelock import FileLock

NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


def python(folder, *words):
    """Runs a module of Python for a reader whose home is the folder."""
    environment = {
        **os.environ,
        "HOME": str(folder),
        "MPLCONFIGDIR": str(folder.parent / "matplotlib"),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
        "PATH": os.pathsep.join((str(folder / "bin"), os.environ["PATH"])),
    }
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environment,
        text=True,
        timeout=3600,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    """The folder of what pages take for granted, the same for all workers."""
    for package in ("tf2onnx", "onnxruntime", "openvino", "pymilvus", "av", "trackers"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder = shared / "given"
    with FileLock(shared / "given.lock"):
        if not (ready := shared / "given.ready").exists():
            folder.mkdir()
            python(folder, "docs.given")
            ready.touch()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", NAMES)
def test_page(page, given, tmp_path, record_property):
    folder = tmp_path / "home"
    shutil.copytree(given, folder, symlinks=True)
    python(folder, "docs.running", page, "results.json")
    results = json.loads((folder / "results.json").read_text())
    seconds = sum(each["seconds"] for each in results)
    wrong = [f"{each['place']} ({each['kind']}): {each['why']}" for each in results if each["became"] == "wrong"]
    counts = Counter((each["kind"], each["became"], each["why"]) for each in results if each["became"] != "wrong")
    rows = [
        (page, f"{kind} {became}" + (f" ({why})" if why else ""), count)
        for (kind, became, why), count in counts.items()
    ]
    record_property("documentation", [*sorted(rows), (page, "seconds", round(seconds))])
    assert not wrong, "\n\n".join(wrong)
