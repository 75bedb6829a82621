"""Adaptation to images without labels: distances, clusters, rounds, and the command."""

import csv

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import adjusted_rand_score
from training.test_training import arguments

from iaunet_tf import Embedder
from iaunet_tf.adaptation.clusters import NOBODY, Clustering, Summary, read_clusters, write_clusters
from iaunet_tf.commands import main
from iaunet_tf.data.readers.unlabelled import read_unlabelled
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import jaccard_distances, rerank, standardise_per_camera

RNG = np.random.default_rng(0)


def people(count=12, shots=8, cameras=2, size=16, shift=0.0):
    """Unit vectors around one direction for each person, moved by `shift` in one of the cameras."""
    pids, camids = np.repeat(np.arange(count), shots), np.tile(np.arange(shots) % cameras, count)
    vectors = RNG.normal(size=(count, size))[pids] + 0.15 * RNG.normal(size=(count * shots, size))
    vectors += shift * (camids == 1)[:, None] * RNG.normal(size=size)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32"), pids, camids


def test_jaccard_distances_are_those_of_re_ranking():
    """Between some images as queries and the others as gallery, with all of them as neighbours."""
    vectors, _, _ = people()
    every = jaccard_distances(vectors, 10, 4)
    np.testing.assert_allclose(every[:20, 20:], rerank(vectors[:20], vectors[20:], 10, 4, weight=0), atol=1e-6)
    assert every.shape == (96, 96) and every.min() >= 0 and every.max() <= 1
    np.testing.assert_allclose(every, every.T, atol=1e-6)
    np.testing.assert_allclose(np.diag(every), 0, atol=1e-6)


@pytest.mark.parametrize("method", ["dbscan", "hdbscan"])
def test_clear_clusters_are_people(method):
    vectors, pids, _ = people()
    labels = Clustering(method, neighbours=8)(vectors)
    assert adjusted_rand_score(pids, labels) > 0.95
    assert (Clustering(method, neighbours=8, least=20)(vectors) == NOBODY).all()


def test_standardised_within_cameras():
    vectors, _, camids = people(shift=1.5)
    found = standardise_per_camera(vectors, camids)
    for camera in (0, 1):
        own = vectors[camids == camera].astype("float64")
        expected = (own - own.mean(0)) / own.std(0)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(found[camids == camera], expected, atol=1e-4)
    before, after = (Summary.of(np.zeros(96, int), each, camids, None).camera_gap for each in (vectors, found))
    assert before < 2 and np.isfinite(after)


def test_cameras_with_few_images_take_everybodys_mean():
    vectors, _, camids = people()
    camids = camids.copy()
    camids[0] = 7
    found = standardise_per_camera(vectors, camids)
    expected = (vectors[0] - vectors.mean(0)) / vectors.std(0)
    np.testing.assert_allclose(found[0], expected / np.linalg.norm(expected), atol=1e-5)
    constant = standardise_per_camera(np.ones((10, 3), "float32"), np.zeros(10, int))
    assert np.isfinite(constant).all()
    with pytest.raises(InputError, match="10 embeddings, camera ids of shape"):
        standardise_per_camera(np.ones((10, 3), "float32"), np.zeros(9, int))


def test_summary_counts():
    labels, camids = np.array([0, 0, 1, 1, NOBODY]), np.array([0, 1, 1, 1, 0])
    vectors = np.eye(5, dtype="float32")
    summary = Summary.of(labels, vectors, camids, labels)
    assert (summary.people, summary.images, summary.left_out, summary.cameras) == (2, 4, 1, 1.5)
    assert summary.agreement == 1 and 0 < summary.camera_gap <= 1
    assert "2 people of 4 images, 1 left out; 1.5 cameras each" in str(summary)


def images(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_names_tell_cameras_or_else_folders(tmp_path):
    named, notes = read_unlabelled(images(tmp_path / "a", ["0001_c2s1_1.jpg", "x/0002_c1.jpg", "y/cam10_3.jpg"]))
    assert list(named.camids) == [2, 0, 1] and "3 cameras by names" in notes[0]  # c10, c1, c2 in alphabetical order
    folders, notes = read_unlabelled(images(tmp_path / "b", ["north/1.jpg", "north/day/2.jpg", "south/1.jpg"]))
    assert list(folders.camids) == [0, 0, 1] and "2 cameras by folders" in notes[0]
    _, notes = read_unlabelled(images(tmp_path / "c", ["1.jpg", "2.jpg"]))
    assert notes[0] == "2 images, which tell no cameras"
    for folder, message in (
        (tmp_path / "none", "no such folder"),
        (images(tmp_path / "d", ["1.jpg"]), "holds 1 images"),
    ):
        with pytest.raises(InputError, match=message):
            read_unlabelled(folder)


def test_clusters_in_a_file(tmp_path):
    subset, _ = read_unlabelled(images(tmp_path / "a", [f"{n}_c1.jpg" for n in range(4)]))
    labels = np.array([0, NOBODY, 1, 0])
    write_clusters(tmp_path / "clusters.csv", subset, labels)
    np.testing.assert_array_equal(read_clusters(tmp_path / "clusters.csv", subset), labels)
    other, _ = read_unlabelled(images(tmp_path / "b", ["1_c1.jpg", "2_c1.jpg"]))
    with pytest.raises(InputError, match="is of other images"):
        read_clusters(tmp_path / "clusters.csv", other)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """A run on one drawn world, and another world."""
    folder = tmp_path_factory.mktemp("worlds")
    few = {"test_people": 4, "cameras_per_person": 2, "distractors": 3}
    ensure_images(folder / "day", ImageOptions(train_people=6, **few))
    ensure_images(folder / "dusk", ImageOptions(seed=3, train_people=8, shots=4, dusk=True, **few))
    assert main(["train", *arguments(folder / "day", folder / "run", **{"model.block": "null"})]) == 0
    return folder


@pytest.mark.slow
def test_the_command(worlds, tmp_path, capsys):
    crops, out = worlds / "dusk" / "bounding_box_train", tmp_path / "adapted"
    words = ["adapt", str(worlds / "run"), str(crops), "--run_dir", str(out), "--least", "2", "--neighbours", "4"]
    words += ["--distance", "0.4", "--train.epochs", "1"]
    assert main([*words, "--rounds", "1"]) == 0
    first = (out / "round-1" / "model.keras").read_bytes()
    assert main([*words, "--rounds", "2"]) == 0  # goes on
    assert (out / "round-1" / "model.keras").read_bytes() == first
    assert "round 2 of 2" in capsys.readouterr().out
    with Image.open(out / "round-2" / "clusters.png") as picture:
        assert picture.width == 10 * 50 and picture.height % 98 == 0
    with (out / "adaptation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["round"] for row in rows] == ["1", "2"] and rows[0]["agreement"] == "" != rows[1]["agreement"]
    assert int(rows[1]["images"]) + int(rows[1]["left_out"]) == 64
    card = (out / "README.md").read_text()
    assert "| adapted | to images without labels, in 2 rounds |" in card and "- It began with the run run." in card
    assert "| adaptation | images of its publisher's own, without labels | 64 images, " in card
    assert (out / "model.keras").read_bytes() == (out / "round-2" / "model.keras").read_bytes() != first
    assert main(["evaluate", str(out), "--data.root", str(worlds / "dusk"), "--eval.per_camera", "true"]) == 0
    assert "small, per camera" in capsys.readouterr().out
    assert Embedder(out)(sorted(crops.glob("*.jpg"))[:2]).shape == (2, 512)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "crops"], "is not a run folder"),
        (["RUN", "nowhere"], "nowhere: no such folder of images"),
        (["RUN", "crops", "--distance", "2"], "--distance must be above 0, up to 1; received 2"),
        (["RUN", "crops", "--clusters", "kmeans"], "must be dbscan or hdbscan"),
        (["RUN", "crops", "--train.epoch", "2"], "there is no key train.epoch; did you mean train.epochs?"),
        (["RUN", "crops", "--run_dir", "RUN"], "exists and holds no rounds"),
        (["RUN", "crops", "--distance", "0.0001", "--run_dir", "new"], "training needs two; allow a larger --distance"),
        (["RUN"], "missing: folder"),
    ],
)
def test_mistakes_are_one_line(worlds, tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crops").symlink_to(worlds / "dusk" / "bounding_box_train")
    assert main(["adapt", *(str(worlds / "run") if word == "RUN" else word for word in words)]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
