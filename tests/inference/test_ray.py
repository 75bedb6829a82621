"""Embedding by workers of Ray; the commands run as processes of their own, since they start and end Ray."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from inference import others
from PIL import Image

from iaunet_tf import Embedder
from iaunet_tf.commands import main
from iaunet_tf.features import read_features

pytest.importorskip("pyarrow")
ray = pytest.importorskip("ray.data")
pytestmark = pytest.mark.slow
COUNT = 300
ROOT = str(Path(__file__).parents[2])
started: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def nothing_goes_on():
    yield
    while started:
        started.pop().kill()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of images of several kinds and sizes, one of them with a name that is not ASCII."""
    folder, rng = tmp_path_factory.mktemp("crops"), np.random.default_rng(0)
    for number in range(COUNT):
        place = folder / f"camera {number % 3}" / f"{number:04} é.{('jpg', 'png', 'webp')[number % 3]}"
        place.parent.mkdir(exist_ok=True)
        height = 40 + number % 30
        Image.fromarray(rng.integers(0, 256, (height, 32, 3)).astype("uint8")).save(place)
    return folder


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return others.write_onnx(tmp_path_factory.mktemp("network") / "network.onnx")


@pytest.fixture(scope="module")
def alone(network):
    return Embedder(network, input={"scale": "imagenet"})


@pytest.fixture(scope="module")
def expected(alone, images):
    """Embeddings by path, of `Embedder` alone."""
    paths = sorted(path for path in images.rglob("*") if path.is_file())
    return dict(zip(map(str, paths), alone(paths), strict=True))


def command(network, *words, **options):
    """Starts the command."""
    start = [sys.executable, "-m", "iaunet_tf", "embed", str(network), *map(str, words), "--engine", "ray"]
    environment = {**os.environ, "PYTHONPATH": ROOT}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started.append(
        subprocess.Popen([*start, "--input.scale=imagenet", "--batch_size=1"], env=environment, **pipes, **options)
    )
    return started[-1]


def done(process, code=0):
    """What an ended command has printed."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    return out if code == 0 else err


def parts(out):
    return sorted(out.glob("part-*.parquet"))


def until(condition, seconds=180):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def embedding(process):
    """The processes that embed for a command."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "MapWorker" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def check(out, expected):
    """Every image is there once, in order, and its embedding that of `Embedder`."""
    paths, embeddings, _ = read_features(out)
    assert paths == list(expected)
    np.testing.assert_allclose(embeddings, list(expected.values()), atol=1e-5)


@pytest.mark.parametrize("size", [7, 1000])
def test_a_folder_of_parts_is_what_one_process_computes(network, alone, images, expected, size, tmp_path, capsys):
    out = tmp_path / "out"
    printed = done(command(network, images, "--out", out, "--workers=2", f"--part_size={size}"))
    assert printed.splitlines()[-1] == f"{COUNT} embeddings of 8 numbers: {out}" and len(printed.splitlines()) == 2
    check(out, expected)
    assert len(parts(out)) == -(-COUNT // size)
    manifest = json.loads((out / "_manifest.json").read_text())
    assert manifest["images"] == manifest["embedded"] == COUNT and manifest["sources"] == [str(images)]
    assert manifest["network"] == alone.fingerprint == read_features(out)[2]
    # Other commands read the folder, and so does whatever reads folders of Parquet.
    assert main(["nearest", str(out), "--of", str(next(iter(expected))), "--k=1"]) == 0
    assert capsys.readouterr().out.startswith(next(iter(expected)))
    import pyarrow.parquet

    assert pyarrow.parquet.read_table(out).num_rows == COUNT


def test_a_worker_that_is_killed_costs_nothing(network, images, expected, tmp_path):
    out = tmp_path / "out"
    process = command(network, images, "--out", out, "--workers=2", "--part_size=5")
    until(lambda: len(parts(out)) >= 3 and embedding(process))
    embedding(process)[0].kill()
    printed = done(process)
    check(out, expected)
    assert len(printed.splitlines()) == 2  # not a word on it


def test_a_command_that_is_killed_goes_on(network, images, expected, tmp_path):
    out, words = tmp_path / "out", ["--out", tmp_path / "out", "--workers=2", "--part_size=5"]
    for end in (signal.SIGKILL, signal.SIGTERM):
        before = len(parts(out))
        process = command(network, images, *words)
        until(lambda before=before: len(parts(out)) >= before + 3)
        workers = embedding(process)
        process.send_signal(end)
        done(process, 143 if end == signal.SIGTERM else -end)
        assert workers and not psutil.wait_procs(workers, 30)[1]
    assert main(["nearest", str(out), "--of", "x"]) == 1  # a folder that is not finished is not read
    there = parts(out)
    assert 6 <= len(there) < COUNT // 5
    there[1].write_bytes(there[1].read_bytes()[:100])  # as after a power failure
    kept = {path: path.stat().st_mtime_ns for path in (there[0], *there[2:])}
    printed = done(command(network, images, *words))
    assert f"goes on after {5 * len(kept)} of {COUNT}" in printed
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    check(out, expected)
    assert not list(out.glob(".unfinished*"))


def test_what_kills_every_worker_is_named(network, tmp_path):
    (tmp_path / "large").mkdir()
    Image.linear_gradient("L").resize((5000, 5000)).save(tmp_path / "0.jpg")
    for number in range(60):
        (tmp_path / "large" / f"{number}.jpg").symlink_to(tmp_path / "0.jpg")
    process = command(network, tmp_path / "large", "--out", tmp_path / "out", "--workers=1")
    killed = set()

    def kill():
        for worker in embedding(process):
            with_part = "submit" in " ".join(worker.cmdline())
            if with_part and worker.pid not in killed:
                time.sleep(0.3)
                killed.add(worker.pid)
                worker.kill()
        return process.poll() is not None

    until(kill)
    assert "error: 3 workers died while they embedded" in done(process, 1)


def test_images_that_cannot_be_read(network, images, expected, tmp_path):
    given = [*list(expected)[:20]]
    broken, gone = tmp_path / "broken.jpg", tmp_path / "gone.jpg"
    broken.write_bytes(b"no image")
    rows = [*given[:3], str(broken), *given[3:9], str(gone), *given[9:]]
    list_, out = tmp_path / "list.csv", tmp_path / "out"
    list_.write_text("camera,path\n" + "".join(f'1,"{row}"\n' for row in rows))
    words = [list_, "--out", out, "--part_size=8"]
    line = done(command(network, *words), 1)
    assert line.count("\n") == 1 and ("broken.jpg: not a readable image" in line or "gone.jpg: no such file" in line)
    assert "--on_corrupt skip" in line
    assert "2 of 22 images cannot be used and are left out" in done(command(network, *words, "--on_corrupt=skip"))
    check(out, {path: expected[path] for path in given})
    with (out / "_left_out.csv").open(newline="") as file:
        left = {row["path"]: row["reason"] for row in csv.DictReader(file)}
    assert set(left) == {str(broken), str(gone)} and "no such file" in left[str(gone)]


def test_lists_of_images(network, images, expected, tmp_path):
    import pyarrow
    import pyarrow.parquet

    some = list(expected)[::17]
    relative = [os.path.relpath(path, tmp_path) for path in some]
    pyarrow.parquet.write_table(pyarrow.table({"path": relative, "n": [1] * len(some)}), tmp_path / "list.parquet")
    out = tmp_path / "out"
    printed = done(command(network, tmp_path / "list.parquet", some[0], "--out", out, "--part_size=8"))
    check(out, {os.path.join(tmp_path, name): expected[path] for name, path in zip(relative, some, strict=True)})
    assert "1 images are given twice" in printed


def test_object_storage(network, images, expected, tmp_path, monkeypatch):
    server, boto3 = pytest.importorskip("moto.server"), pytest.importorskip("boto3")
    started = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    started.start()
    try:
        address = "http://{}:{}".format(*started.get_host_and_port())
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, address if name.endswith("URL") else "x")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="crops")
        some = {f"s3://crops/cam #1/{number}.jpg": path for number, path in enumerate(list(expected)[:9])}
        for key, path in some.items():
            client.put_object(Bucket="crops", Key=key.removeprefix("s3://crops/"), Body=Path(path).read_bytes())
        client.put_object(Bucket="crops", Key="cam #1/.hidden.jpg", Body=b"")
        client.put_object(Bucket="crops", Key="lists/a.csv", Body=b"path\n../cam #1/3.jpg\n")
        done(command(network, "s3://crops/cam #1/", "--out", tmp_path / "out", "--part_size=4"))
        check(tmp_path / "out", {key: expected[path] for key, path in some.items()})
        done(command(network, "s3://crops/lists/a.csv", "--out", tmp_path / "one"))
        assert read_features(tmp_path / "one")[0] == ["s3://crops/cam #1/3.jpg"]
        assert "contains no images" in done(command(network, "s3://crops/none", "--out", tmp_path / "no"), 1)
    finally:
        started.stop()


def test_a_folder_of_something_else_is_refused(network, images, tmp_path, capsys):
    some, out = sorted(images.glob("*/*"))[:10], tmp_path / "out"
    done(command(network, *some, "--part_size=4", f"--out={out}"))
    words = ["embed", str(network), *map(str, some), "--engine=ray", "--part_size=4", f"--out={out}"]
    words += ["--input.scale=imagenet", "--batch_size=1"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("x")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "_manifest.json").write_text('{"network": 1}')
    for changed, message in (
        (["--part_size=5"], "was begun with --part_size 4"),
        ([str(images / "camera 0")], "holds embeddings of other images"),
        ([f"--out={tmp_path / 'full'}"], "is not empty, and holds no _manifest.json"),
        ([f"--out={damaged}"], "_manifest.json: damaged"),
        ([f"--out={network}"], "is a file; with --engine ray it is a folder"),
    ):
        more, fewer = (changed, []) if changed[0].startswith("--") else ([], changed)
        assert main([*words[:2], *fewer, *words[2:], *more]) == 1
        printed = capsys.readouterr()
        assert message in printed.err and printed.err.count("\n") == 1
    other = others.write_onnx(tmp_path / "other.onnx", matrix=others.MATRIX + 1)
    for changed in ([str(other), *words[2:]], [words[1], *words[2:], "--input.scale=255"]):
        assert main(["embed", *changed]) == 1
        assert "holds embeddings of another network" in capsys.readouterr().err
