"""Wheel and sdist: all that belongs in them, and that the wheel alone is enough."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A small training that takes seconds.
SMALL = "--model.width 0.25 --data.height 64 --data.width 32 --train.epochs 1 --train.batch_size 32 --run_dir run"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tracked():
    """Paths of the repository's files."""
    done = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        pytest.skip("not a clone")
    return set(done.stdout.splitlines())


@pytest.fixture(scope="module")
def built(tracked, tmp_path_factory):
    """The sdist of a copy of the repository, and the wheel that is built from that sdist alone."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("dist")
    for name in tracked:
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(copy)]
    subprocess.run(words, check=True, capture_output=True)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def test_the_sdist_has_the_whole_repository(built, tracked):
    with tarfile.open(built[0]) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    made = {name for name in names if name in ("PKG-INFO", "setup.cfg") or name.startswith("iaunet_tf.egg-info/")}
    assert names - made == tracked


def test_the_wheel_has_the_package_and_the_configurations(built, tracked):
    with zipfile.ZipFile(built[1]) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = {name for name in tracked if name.startswith("iaunet_tf/")}
    assert names == package | {f"iaunet_tf/{name}" for name in tracked if name.startswith("configs/")}
    assert {"iaunet_tf/py.typed", "iaunet_tf/configs/demo.yaml", "iaunet_tf/serving/pages/style.css"} <= names


@pytest.fixture(scope="module")
def alone(built, tmp_path_factory):
    """Runs `iaunet` from the installed wheel, in an empty folder."""
    folder, place = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=True)
    packages = next(place.glob("lib/python*/site-packages"))
    # All that is installed here, but for the clone: what .pth files here say is not read there.
    (packages / "here.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")))
    words = [place / "bin" / "pip", "install", "--quiet", "--no-deps", "--no-index", str(built[1])]
    subprocess.run(words, check=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def iaunet(line):
        words = [place / "bin" / "iaunet", *line.split()]
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    iaunet.folder, iaunet.packages = folder, packages
    return iaunet


def test_from_training_to_search(alone):
    alone("data images datasets/synthetic --train_people 12 --test_people 6 --shots 2")
    said = alone(f"train {SMALL}")
    assert f"those of the demo, {alone.packages / 'iaunet_tf' / 'configs' / 'demo.yaml'}" in said
    assert "configs/demo_baseline.yaml: not in this folder; it is iaunet-tf's own" in alone(
        f"train --config configs/demo_baseline.yaml {SMALL}-baseline"
    )
    assert "mAP" in alone("evaluate run")
    alone("export onnx run --out people.onnx")
    alone("embed people.onnx datasets/synthetic/query datasets/synthetic/bounding_box_test --out features.npz")
    assert "datasets/synthetic/bounding_box_test/" in alone("nearest features.npz --of datasets/synthetic/query")
    alone("report run")
    assert "<style>" in (alone.folder / "run" / "report" / "report.html").read_text()
    alone("data world world --seconds 4 --cameras 2 --people 2")
    alone("gallery add people.db people.onnx datasets/synthetic/bounding_box_test")
    assert "entries" in alone("gallery info people.db")
    said = alone(
        "identify world/camera1.mp4 --detections world/camera1.noisy.txt --model people.onnx --threshold 0.3 --out who"
    )
    assert "tracklets" in said and (alone.folder / "who" / "index.html").is_file()
    assert "--port" in alone("serve --help")
