import csv

import numpy as np
import pytest

from iaunet_tf.commands import main


@pytest.fixture
def features(tmp_path):
    """Embeddings of 600 queries and 50 others; returns the file's path and what is in it."""
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(650, 16)).astype("float32")
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    paths = [f"query/{i}.jpg" for i in range(600)] + [f"queries/é {i},.jpg" for i in range(50)]
    np.savez(tmp_path / "f.npz", paths=np.array(paths), embeddings=embeddings)
    return tmp_path / "f.npz", paths, embeddings


@pytest.mark.parametrize("k", [1, 7, 50, 60])
def test_the_most_similar_come_first(features, tmp_path, k):
    file, paths, embeddings = features
    assert main(["nearest", str(file), "--of", "query", "--k", str(k), "--out", str(tmp_path / "n.csv")]) == 0
    with (tmp_path / "n.csv").open(newline="") as content:
        rows = list(csv.DictReader(content))
    similarities = embeddings[:600] @ embeddings[600:].T
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    assert [row["image"] for row in rows] == [paths[600 + place] for place in order.ravel()]
    assert [row["query"] for row in rows] == [path for path in paths[:600] for _ in range(min(k, 50))]
    assert [int(row["rank"]) for row in rows] == [*range(1, min(k, 50) + 1)] * 600
    expected = np.take_along_axis(similarities, order, 1).ravel()
    np.testing.assert_allclose([float(row["similarity"]) for row in rows], expected, atol=5.1e-5)


def test_parquet_and_one_file_and_absolute_names(features, tmp_path, capsys):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    _, paths, embeddings = features
    vectors = pyarrow.FixedSizeListArray.from_arrays(embeddings.ravel(), 16)
    parquet.write_table(pyarrow.table({"path": paths, "embedding": vectors}), tmp_path / "f.parquet")
    assert main(["nearest", str(tmp_path / "f.parquet"), "--of", "./query/3.jpg", "--k", "2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    similarities = embeddings @ embeddings[3]
    similarities[3] = -1
    first, second = np.argsort(-similarities)[:2]
    assert printed == [
        "query/3.jpg",
        f"  {similarities[first]:.4f}  {paths[first]}",
        f"  {similarities[second]:.4f}  {paths[second]}",
    ]


def test_mistakes_are_one_line(features, tmp_path, capsys):
    file, paths, embeddings = features
    files = {name: tmp_path / f"{name}.npz" for name in ("objects", "short", "nan", "other", "text")}
    np.savez(files["objects"], paths=np.array(paths, object), embeddings=embeddings)
    np.savez(files["short"], paths=np.array(paths[1:]), embeddings=embeddings)
    np.savez(files["nan"], paths=np.array(paths), embeddings=np.where(embeddings > 0.5, np.nan, embeddings))
    np.savez(files["other"], a=1)
    files["text"].write_text("no features")
    for words, message in (
        ([file, "--of", "nowhere"], f"--of nowhere: none of the images of {file}; embed it with the others"),
        ([file, "--of", "."], f"--of .: all of the images of {file}; give one file, or one of its folders"),
        ([file], "missing: --of"),
        ([file, "--of", "query", "--k", "0"], "--k must be a whole number from 1 to 1000"),
        ([file, "--of", "query", "--out", tmp_path / "a.txt"], "must end in .csv"),
        ([tmp_path / "gone.npz", "--of", "query"], "no such file; iaunet embed"),
        ([files["objects"], "--of", "query"], "not features that iaunet embed wrote"),
        ([files["short"], "--of", "query"], "649 paths and 650 embeddings"),
        ([files["nan"], "--of", "query"], "are not finite"),
        ([files["other"], "--of", "query"], "not features that iaunet embed wrote"),
        ([files["text"], "--of", "query"], "not features that iaunet embed wrote"),
    ):
        assert main(["nearest", *map(str, words)]) == 1
        printed = capsys.readouterr()
        assert message in printed.err and printed.err.count("\n") == 1 and not printed.out
