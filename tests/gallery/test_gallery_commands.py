"""`iaunet gallery` as a user types it."""

import csv
import os
import shutil

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pymilvus")
pytest.importorskip("onnxruntime")

from exporting.networks import network
from inference.others import MATRIX, write_onnx

from iaunet_tf import Embedder, Gallery
from iaunet_tf.commands import main
from iaunet_tf.inference.measured import write_thresholds
from iaunet_tf.thresholds import Threshold, Thresholds


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network of others, since it opens at once."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "people.yaml").write_text("scale: half\n")
    return str(write_onnx(folder / "people.onnx"))


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Twelve images of four people in `crops`, named as in Market-1501, with droppings, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crops").mkdir()
    rng = np.random.default_rng(0)
    for person in range(4):
        colours = rng.integers(0, 256, (8, 4, 3))
        for camera in (1, 2, 3):
            noise = rng.integers(-9, 10, (8, 4, 3))
            picture = Image.fromarray((colours + noise).clip(0, 255).astype("uint8")).resize((32, 64))
            picture.save(tmp_path / "crops" / f"{person + 7:04}_c{camera}s1_000451_03.jpg", quality=95)
    (tmp_path / "crops" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "crops" / ".DS_Store").write_bytes(b"x")
    return tmp_path / "crops"


def run(capsys, *words, code=0):
    """Lines that the command prints, or of its mistake."""
    capsys.readouterr()
    assert main(["gallery", *map(str, words)]) == code
    printed = capsys.readouterr()
    if code:
        assert printed.err.startswith("error: ") and printed.err.count("\n") == 1, printed.err
        return printed.err
    return printed.out


@pytest.mark.parametrize(
    ("strangers", "said"),
    [
        (True, "threshold 0.1000: 1 % of people who are not in a gallery are nearer to somebody in it, on some people"),
        (False, "threshold 0.2000: 1 % of pairs of two people are nearer, on some people"),
        (None, "crops/0007_c1s1_000451_03.jpg"),
    ],
)
def test_the_usual_threshold_is_that_for_people_who_may_not_be_there(images, capsys, strangers, said):
    model = write_onnx(images.parent / "people.onnx")
    (images.parent / "people.yaml").write_text("scale: half\n")
    pair = Threshold(0.01, 0.2, 0.9, (0.0, 0.02), (0.8, 1.0))
    stranger = (Threshold(0.01, 0.1, 0.7, (0.0, 0.02), (0.6, 0.8)),) if strangers else ()
    embed = Embedder(model)
    if strangers is not None:
        thresholds = Thresholds("some people", "cosine", (pair,), stranger)
        write_thresholds(embed.path, embed.digests, thresholds, embed.stated)
    run(capsys, "add", "p.db", model, "crops")
    found = run(capsys, "search", "p.db", "crops/0007_c1s1_000451_03.jpg", "--model", model).splitlines()
    assert said in found and ("within" in found[1]) is (strangers is not None)


def test_add_search_and_change(images, model, capsys):
    out = run(capsys, "add", "p.db", model, "crops")
    assert "left out of crops: hidden or of the system: 2" in out and "12 entries added: p.db has 12" in out
    out = run(capsys, "add", "p.db", model, "crops", images / "0007_c1s1_000451_03.jpg")
    assert (
        "0 entries added, 12 were there already and stay as they are (--replace gives" in out and "p.db has 12" in out
    )
    with Gallery("p.db") as gallery:
        assert {(entry.identity, entry.camera) for entry in gallery.entries()} == {
            (f"{person:04}", str(camera)) for person in range(7, 11) for camera in (1, 2, 3)
        }
        assert all(entry.file == str(images / os.path.basename(entry.file)) for entry in gallery.entries())
    out = run(capsys, "info", "p.db", "--measure")
    assert "entries    12\n" in out and "cameras    1 (4), 2 (4), 3 (4)\n" in out and "exact (100.00%" in out

    # Queries are the same people, with other noise.
    shutil.copy(images / "0008_c2s1_000451_03.jpg", "query<b>.jpg")
    search = ["search", "p.db", "query<b>.jpg", "--model", model, "--k", 3]
    out = run(capsys, *search, "--out", "r.csv")
    with open("r.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["identity"] for row in rows] == ["0008"] * 3 and [row["rank"] for row in rows] == ["1", "2", "3"]
    assert float(rows[0]["distance"]) < 1e-4 and rows[0]["file"].endswith("0008_c2s1_000451_03.jpg")
    assert out.splitlines()[-4].startswith("  0.0000  0008  camera 2") and rows[0]["known"] == ""
    out = run(capsys, *search, "--cameras", "1", "3", "--out", "r.html", "--threshold", "2")
    page = (images.parent / "r.html").read_text()
    assert "query&lt;b&gt;.jpg" in page and "<b>" not in page and page.count("data:image/jpeg;base64,") == 4
    assert "unknown" not in out and " camera 2" not in out and "<script" not in page and "http" not in page
    vectors = Embedder(model)(sorted(images.glob("*.jpg")))
    far = 1 - (vectors @ vectors.T)[4][[3, 5]].max()
    out = run(capsys, *search, "--cameras", "1", "3", "--out", "r.html", "--threshold", f"{far / 2:.6f}")
    assert "query<b>.jpg: unknown, nobody is within" in out
    assert "beyond" in out.splitlines()[1] and len(out.splitlines()) == 6
    page = (images.parent / "r.html").read_text()
    assert "unknown, nobody is within" in page and "1 search in p.db" in page
    assert "has nobody to compare with" in run(capsys, *search, "--identities", "nobody", "--out", "r.html")

    out = run(capsys, "merge", "p.db", "0007", "0008", "ghost", "--into", "Zoë")
    assert "there are no entries of ghost" in out and "6 entries are now of Zoë, who has 6" in out
    assert "has no entries of ghost" in run(capsys, "merge", "p.db", "ghost", "--into", "x", code=1)
    assert "2 entries removed, 10 left" in run(capsys, "remove", "p.db", "--identities", "Zoë", "--cameras", "1")
    err = run(capsys, "remove", "p.db", code=1)
    assert "say which entries to remove: by --ids, --identities, --cameras or --before" in err
    err = run(capsys, "remove", "p.db", "--identities", "0009", "0100", code=1)
    assert "p.db: there is no identity 0100; did you mean 0010?" in err

    # All of it goes to another gallery, and back after a removal.
    assert "10 entries: all.parquet" in run(capsys, "export", "p.db", "all.parquet")
    assert "10 entries added: q.db has 10" in run(capsys, "add", "q.db", model, "all.parquet")
    with Gallery("p.db") as one, Gallery("q.db") as other:
        assert one.entries() == other.entries()
        vectors = dict(other)
        for entry, vector in one:
            np.testing.assert_allclose(vectors[entry], vector, atol=1e-6)


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_features(images, model, capsys, suffix, tmp_path):
    assert main(["embed", model, "crops", "--out", f"f.{suffix}"]) == 0
    out = run(capsys, "add", "p.db", model, f"f.{suffix}", "--camera", "door", "--time", "2026-11-26T13:00:00Z")
    assert "12 entries added" in out
    assert "0 entries added, 12 were there already" in run(capsys, "add", "p.db", model, "crops")
    with Gallery("p.db") as gallery:
        assert gallery.info()["cameras"] == {"door": 12} and gallery.info()["first"] == 1795698000.0
        assert gallery.count(identities="0009") == 3
        entries = {os.path.basename(entry.file): vector for entry, vector in gallery}
    expected = Embedder(model)(sorted(images.glob("*.jpg")))
    np.testing.assert_allclose([entries[name] for name in sorted(entries)], expected, atol=1e-5)
    # Of another network, of none that is named, of none at all.
    write_onnx(tmp_path / "others.onnx", matrix=MATRIX * 2)
    (tmp_path / "others.yaml").write_text("scale: half\n")
    assert "of another network than others.onnx" in run(capsys, "add", "p.db", "others.onnx", f"f.{suffix}", code=1)
    assert "of another network" in run(capsys, "add", "p.db", "others.onnx", "crops", code=1)
    assert "of another network" in run(capsys, "search", "p.db", "crops", "--model", "others.onnx", code=1)
    with np.load("f.npz" if suffix == "npz" else _as_npz(f"f.{suffix}")) as arrays:
        np.savez("old.npz", paths=arrays["paths"], embeddings=arrays["embeddings"])
    assert "an older iaunet-tf wrote it, without the network" in run(capsys, "add", "p.db", model, "old.npz", code=1)
    (tmp_path / f"bad.{suffix}").write_bytes(b"nothing")
    assert "not features that iaunet embed wrote" in run(capsys, "add", "p.db", model, f"bad.{suffix}", code=1)


def test_a_search_says_who_it_is(images, model, capsys):
    query = images / "0008_c2s1_000451_03.jpg"
    run(capsys, "add", "p.db", model, "crops")
    vectors = Embedder(model)(sorted(images.glob("*.jpg")))
    distances = np.sort(1 - vectors @ vectors[4])
    limit = f"{distances[2:4].mean():.6f}"  # the three of one person are nearer than others
    search = ["search", "p.db", query, "--model", model, "--threshold", limit]
    out = run(capsys, *search, "--k", 5, "--out", "r.html").splitlines()
    answer = f"0008, 3 entries within {float(limit):g}"
    assert out[0] == f"{query}: {answer}" and answer in (images.parent / "r.html").read_text()
    assert out[1].endswith(f"{query}  (the same file)") and sum("same file" in line for line in out) == 1
    assert out[4] == "  -- beyond the threshold --" and len(out) == 8
    out = run(capsys, *search, "--k", 2).splitlines()
    assert f"{query}: 0008, at least 2 entries within" in out[0] and len(out) == 3
    search[-1] = "2"
    run(capsys, "add", "p.db", model, query, "--names", "false", "--replace")
    (first, *_) = run(capsys, *search, "--k", 20).splitlines()
    assert "no identity, 1 entry within 2; also 0008 (2), " in first


def test_add_says_that_nobody_is_named(images, model, capsys):
    remedy = "no identity; --folders person takes it from folders, --identity NAME gives one"
    out = run(capsys, "add", "p.db", model, "crops/0007_c1s1_000451_03.jpg", "--names", "false")
    assert f"1 entry added: p.db has 1\n1 of 1 entry has {remedy}" in out
    out = run(capsys, "add", "p.db", model, "crops", "--names", "false")
    assert f"11 of 11 entries have {remedy}" in out and "1 were there already and stay" in out
    assert "no identity" not in run(capsys, "add", "p.db", model, "crops", "--names", "false")
    assert "no identity" not in run(capsys, "add", "p.db", model, "crops", "--replace")
    assert main(["embed", model, "crops", "--out", "f.npz"]) == 0
    assert "12 of 12 entries have no identity" in run(capsys, "add", "q.db", model, "f.npz", "--names", "false")
    assert "no identity" not in run(capsys, "add", "q.db", model, "f.npz", "--names", "false")


def _as_npz(file):
    from pyarrow.parquet import read_table

    table = read_table(file)
    np.savez("f.npz", paths=table["path"].to_pylist(), embeddings=np.stack(table["embedding"].to_numpy()))
    return "f.npz"


def test_where_identities_cameras_and_times_come_from(images, model, capsys, tmp_path):
    (tmp_path / "by" / "Anna").mkdir(parents=True)
    shutil.copy(images / "0007_c1s1_000451_03.jpg", "by/Anna/x_cam4.jpg")
    shutil.copy(images / "0007_c2s1_000451_03.jpg", "by/Anna/-1_c5s1_000451_03.jpg")
    shutil.copy(images / "0007_c3s1_000451_03.jpg", "by/Anna/0000_c6s1_000451_03.jpg")
    os.utime("by/Anna/x_cam4.jpg", (1.6e9, 1.6e9))
    for words, expected in (
        ([], [(None, "5", None), (None, "6", None), (None, "4", None)]),
        (["--names", "false"], [(None, None, None)] * 3),
        (["--folders", "person", "--camera", "gate"], [("Anna", "gate", None)] * 3),
        (["--folders", "camera", "--identity", "Bo"], [("Bo", "Anna", None)] * 3),
        (["--time", "file"], [(None, "5", ...), (None, "6", ...), (None, "4", 1.6e9)]),
    ):
        run(capsys, "add", "p.db", model, "by", *words, "--replace")
        with Gallery("p.db") as gallery:
            found = sorted(gallery.entries(), key=lambda entry: entry.file)
        for entry, (identity, camera, time) in zip(found, expected, strict=True):
            assert (entry.identity, entry.camera) == (identity, camera) and time in (..., entry.time), words
    with open("table.csv", "w") as file:
        file.write("path,person,camera\nby/Anna/x_cam4.jpg,Ä 1,hall\nby/Anna/0000_c6s1_000451_03.jpg,-1,door\n")
    assert "2 entries added" in run(capsys, "add", "t.db", model, "table.csv")
    with Gallery("t.db") as gallery:
        assert {(e.identity, e.camera) for e in gallery.entries()} == {("Ä 1", "hall"), (None, "door")}


@pytest.mark.slow
def test_clips(images, model, capsys, tmp_path):
    network(input_shape=(64, 32, 3), width=0.125, video=True).save(tmp_path / "clips.keras")
    for name in ("a", "b"):
        (tmp_path / "tracks" / name).mkdir(parents=True)
        for place, file in enumerate(sorted(images.glob(f"000{7 if name == 'a' else 9}*"))):
            shutil.copy(file, tmp_path / "tracks" / name / f"{place}.jpg")
    assert "2 entries added" in run(capsys, "add", "p.db", "clips.keras", "tracks")
    assert "0 entries added, 2 were there already" in run(capsys, "add", "p.db", "clips.keras", "tracks")
    with Gallery("p.db") as gallery:
        assert [
            (entry.tracklet, os.path.basename(entry.thumbnail))
            for entry in sorted(gallery.entries(), key=lambda e: e.file)
        ] == [("a", "0.jpg"), ("b", "0.jpg")]
    out = run(capsys, "search", "p.db", "tracks/b", "--model", "clips.keras", "--k", 1, "--out", "r.html")
    assert "  0.0000  unknown  " in out and "tracks/b" in out


def test_mistakes_are_one_line(images, model, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "crops" / "broken.jpg").write_bytes(b"no image")
    for words, message in (
        (["add", "p.db", model, "empty"], "contains no images"),
        (["add", "p.db", model, "gone"], "gone: no such file or folder"),
        (["add", "p.db", "gone.onnx", "crops"], "gone.onnx: no such file"),
        (["add", "p", model, "crops"], "a gallery is a name that ends in .db"),
        (["add", "p.db", model, "crops"], "1 of 13 images cannot be used; --on_corrupt skip"),
        (["add", "p.db", model, "a.npz", "crops"], "give a.npz alone"),
        (["add", "p.db", model, "crops", "--time", "yesterday"], "must be a time with its zone"),
        (["add", "p.db", model, "crops", "--identity", "a\\nb".replace("\\n", chr(10))], "has control characters"),
        (["search", "q.db", "crops", "--model", model], "no such gallery"),
        (["search", "p.db", "crops", "--model", model, "--out", "a.txt"], "must end in .html or .csv"),
        (["search", "p.db", "crops", "--model", model, "--threshold", "3"], "--threshold must be 0 to 2"),
        (["info", "crops/0007_c1s1_000451_03.jpg"], "a gallery is a name that ends in .db"),
        (["delete", "p.db"], "has no task delete"),
        (["add", "p.db", "crops", model], "crops: the network comes first, then the images: "),
        (["info", "http://127.0.0.1:9", "--timeout", "1"], "no Milvus server answers there"),
    ):
        assert message in run(capsys, *words, code=1), words
    out = run(capsys, "add", "p.db", model, "crops", "--on_corrupt", "skip")
    assert "1 of 13 images cannot be used and are left out" in out and "12 entries added" in out
