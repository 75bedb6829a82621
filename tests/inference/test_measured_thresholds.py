"""Thresholds that travel with networks: beside them, and in their exports."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from exporting.networks import network

from iaunet_tf import Embedder
from iaunet_tf.errors import InputError
from iaunet_tf.inference.measured import read_thresholds, thresholds_file, write_thresholds
from iaunet_tf.inference.stated import Input
from iaunet_tf.metadata import Metadata
from iaunet_tf.thresholds import Threshold, Thresholds

ROWS = (Threshold(0.01, 0.25, 0.8, (0.0, 0.02), (0.7, 0.9)), Threshold(0.1, 0.5, 0.9, (0.05, 0.15), (0.8, 1.0)))
THRESHOLDS = Thresholds("people: 9 queries", "cosine", ROWS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    file = tmp_path_factory.mktemp("network") / "small.keras"
    network().save(file)
    return file


@pytest.fixture
def file(saved, tmp_path):
    return shutil.copy(saved, tmp_path / "small.keras")


@pytest.fixture
def embed(file):
    embedder = Embedder(file)
    write_thresholds(file, embedder.digests, THRESHOLDS)
    return embedder


def test_thresholds_beside_a_network(embed):
    assert embed.thresholds == THRESHOLDS
    assert embed.threshold() == embed.threshold(false_positive_rate=0.01) == 0.25
    with pytest.raises(InputError, match=r"for a rate of 0\.5; on people: 9 queries, 0\.01 or 0\.1"):
        embed.threshold(0.5)


def test_same_person_or_not(embed):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (64, 32, 3)).astype("uint8") for _ in range(3)]
    vectors = embed(pictures)
    distances = 1 - vectors @ vectors.T
    between = np.sort(distances[np.triu_indices(3, 1)])[[0, 2]].mean()
    embed.thresholds = replace(THRESHOLDS, pairs=(replace(ROWS[0], distance=float(between)),))
    expected = [distances[a, b] < between for a, b in ((0, 1), (1, 2), (2, 0))]
    assert 0 < sum(expected) < 3
    others = [*pictures[1:], pictures[0]]
    for given in ((pictures, others), (np.stack(pictures), np.stack(others)), (vectors, 3 * vectors[[1, 2, 0]])):
        assert embed.same(*given).tolist() == expected
    for a, b in ((0, 1), (1, 2), (2, 0), (0, 0)):
        for given in ((pictures[a], pictures[b]), (vectors[a], vectors[b]), (pictures[a], vectors[b])):
            assert embed.same(*given) is bool(distances[a, b] < between)
    assert embed.same(pictures[:1], pictures[1:2]).shape == (1,)
    with pytest.raises(InputError, match="as many are compared with as many; received 2 and 3"):
        embed.same(pictures[:2], pictures)
    with pytest.raises(InputError, match="have 512 dimensions; received 5"):
        embed.same(vectors[0, :5], vectors[0])


def test_thresholds_are_those_of_one_network(embed, file):
    network(num_classes=None).save(file)
    with pytest.raises(InputError, match=r"small\.keras\.thresholds\.json: of another network than small\.keras"):
        Embedder(file).threshold()


def test_thresholds_are_those_of_one_input(embed, file):
    stated = Input(scale="imagenet", size=(64, 32))
    write_thresholds(file, embed.digests, THRESHOLDS, stated)
    assert read_thresholds(file, embed.digests, stated) == THRESHOLDS
    for other in (None, Input(scale="none", size=(64, 32))):
        with pytest.raises(InputError, match=r"of small\.keras with another input than is stated"):
            read_thresholds(file, embed.digests, other)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"sha256": {}, "input": null, "data": 1}', "[" * 100_000])
def test_damaged_thresholds_are_named(embed, file, content):
    thresholds_file(file).write_text(content)
    with pytest.raises(InputError, match=r"thresholds\.json: damaged; evaluate the network again"):
        read_thresholds(file, embed.digests)


def test_those_of_other_data_are_said_to_be_replaced(embed, file, capsys):
    other = replace(THRESHOLDS, data="street: 4 queries")
    for thresholds, end in ((THRESHOLDS, ""), (other, " (replaces those of people: 9 queries)"), (other, "")):
        capsys.readouterr()
        write_thresholds(file, embed.digests, thresholds)
        assert capsys.readouterr().out == f"thresholds: {thresholds_file(file)}{end}\n"
    thresholds_file(file).write_text("[]")  # damaged, which says nothing
    write_thresholds(file, embed.digests, THRESHOLDS)
    assert "replaces" not in capsys.readouterr().out and embed.thresholds == THRESHOLDS


def test_a_place_that_cannot_be_written_to(embed, file, capsys):
    thresholds_file(file).unlink()
    thresholds_file(file).mkdir()
    write_thresholds(file, embed.digests, THRESHOLDS)
    assert "warning: " in (line := capsys.readouterr().out) and "cannot be written" in line and line.count("\n") == 1


def test_without_thresholds(file):
    embed = Embedder(file)
    assert embed.thresholds is None
    with pytest.raises(InputError, match=r"small\.keras: no thresholds; iaunet evaluate measures them on data of "):
        embed.same("a.jpg", "b.jpg")


def test_metadata_of_exports_carry_thresholds():
    fields = {"name": "a", "version": "1", "source": "b", "video": False, "height": 64, "width": 32, "embedding": 8}
    plain = Metadata(**fields, layout="image", dtype="float32")
    with_thresholds = replace(plain, thresholds=THRESHOLDS)
    assert Metadata.from_json(with_thresholds.to_json(), "file").thresholds == THRESHOLDS
    assert Metadata.from_json(plain.to_json(), "file").thresholds is None
    assert repr(plain) == repr(with_thresholds)  # stored embeddings do not depend on them
    older = json.loads(plain.to_json())
    del older["thresholds"]
    assert Metadata.from_json(json.dumps(older), "file") == plain
    older["thresholds"] = {"data": "x"}
    with pytest.raises(InputError, match="the thresholds are damaged; export the network again"):
        Metadata.from_json(json.dumps(older), "file")
