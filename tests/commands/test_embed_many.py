"""`iaunet embed --engine ray` until Ray starts: sources, and what is refused by one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.commands import main
from iaunet_tf.errors import InputError
from iaunet_tf.many.shares import share
from iaunet_tf.many.sources import list_images

WITHOUT = "import sys; sys.modules['ray'] = None; from iaunet_tf.commands import main; sys.exit(main(sys.argv[1:]))"


def node(cpus, gpus=0, alive=True):
    return {"Alive": alive, "Resources": {"CPU": float(cpus), "GPU": float(gpus)}}


@pytest.mark.parametrize(
    ("nodes", "workers", "device", "shares"),
    [
        ([node(2)], None, "auto", (1, 2, 0)),
        ([node(2)], 2, "auto", (2, 1, 0)),
        ([node(8), node(8)], None, "cpu", (2, 8, 0)),
        ([node(8), node(8)], 3, "cpu", (3, 4, 0)),  # two on one machine
        ([node(16, 2), node(8)], None, "auto", (2, 8, 1)),
        ([node(16, 2), node(8)], None, "cpu", (2, 8, 0)),
        ([node(16, 2), node(8, 1)], 3, "cuda", (3, 8, 1)),
        ([node(4), node(64, 8, alive=False), {"Alive": True, "Resources": {}}], None, "auto", (1, 4, 0)),
    ],
)
def test_workers_share_the_machines(nodes, workers, device, shares):
    assert share(nodes, workers, device) == shares


@pytest.mark.parametrize(
    ("nodes", "workers", "device", "message"),
    [
        ([node(2)], 3, "auto", "--workers 3: Ray has 2 CPUs, and each worker needs one"),
        ([node(8, 2)], 3, "auto", "--workers 3: Ray has 2 GPUs"),
        ([node(8)], None, "cuda", "--device cuda: Ray finds no GPU"),
        ([], None, "auto", "Ray has 0 CPUs"),
    ],
)
def test_too_many_workers(nodes, workers, device, message):
    with pytest.raises(InputError, match=message):
        share(nodes, workers, device)


@pytest.fixture
def folder(tmp_path):
    for name in ("b/2.jpg", "b/10.png", "a/1.jpg", "a/.hidden.jpg", "a/notes.txt"):
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4, 3), "uint8")).save(file, "PNG")
    return tmp_path / "images"


def test_sources_are_listed_in_order_and_once(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "l.csv").write_bytes(
        '\ufeffn,path\r\n1,../images/b/2.jpg\r\n2,"é, 1.jpg"\r\n3,s3://b/k #.jpg'.encode()
    )
    got = list_images(["images/b/2.jpg", "images", str(folder / "a"), "lists/l.csv"])
    assert got == ["images/b/2.jpg", "images/a/1.jpg", "images/b/10.png", "lists/é, 1.jpg", "s3://b/k #.jpg"]
    assert "3 images are given twice" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"image,camera\na.jpg,1\n", "has no column path, but image, camera"),
        (b"", "has no column path, but none"),
        (b"path\n", "lists no images"),
        (b"path,n\na.jpg,1\n ,2\n", "row 2 has no path"),
        (b"n,path\n1\n", "row 1 has no path"),
        (b"path\n\xff\xfe\n", "not a readable list"),
    ],
)
def test_lists_that_are_none(content, message, tmp_path):
    (tmp_path / "l.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        list_images([str(tmp_path / "l.csv")])


def test_parquet_lists(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for name, table in (
        ("good", {"path": ["a.jpg", "/b.jpg"]}),
        ("other", {"image": ["a.jpg"]}),
        ("null", {"path": ["a.jpg", None]}),
        ("number", {"path": [1]}),
        ("empty", {"path": pyarrow.array([], pyarrow.string())}),
    ):
        parquet.write_table(pyarrow.table(table), tmp_path / f"{name}.parquet")
    (tmp_path / "text.parquet").write_text("no Parquet")
    assert list_images([str(tmp_path / "good.parquet")]) == [str(tmp_path / "a.jpg"), "/b.jpg"]
    for name, message in (
        ("other", "no column path, but image"),
        ("null", "row 2 has no path"),
        ("number", "row 1 has no path"),
        ("empty", "lists no images"),
        ("text", "not a readable list"),
        ("gone", "no such file"),
    ):
        with pytest.raises(InputError, match=f"{name}.parquet: .*{message}"):
            list_images([str(tmp_path / f"{name}.parquet")])


@pytest.mark.parametrize("option", ["--workers=2", "--address=auto", "--part_size=5"])
def test_options_of_ray_alone(option, capsys):
    assert main(["embed", "a", "b", "--out", "c.npz", option]) == 1
    assert f"{option.partition('=')[0]} is for --engine ray" in capsys.readouterr().err


def test_without_ray_the_remedy_is_one_line(folder, tmp_path):
    words = ["embed", "n.onnx", str(folder), "--out", str(tmp_path / "out"), "--engine", "ray"]
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True, cwd=root)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "error: --engine ray: requires Ray: pip install 'iaunet-tf[ray]'\n"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("rubbish", "must be auto or host:port; received rubbish"),
        ("http://a:1", "must be auto or host:port"),
        ("a:99999", "must be auto or host:port"),
        ("127.0.0.1:9", "127.0.0.1:9: does not answer"),
        ("ray://127.0.0.1:10001", "give --address auto"),
    ],
)
def test_addresses_are_refused_at_once(address, message, tmp_path, capsys):
    pytest.importorskip("ray.data")
    assert main(["embed", "a", "b", "--out", str(tmp_path / "out"), "--engine=ray", f"--address={address}"]) == 1
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and not printed.out
