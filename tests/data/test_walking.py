"""What lies in folders beside images, for all that list them."""

import os
import runpy
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.readers.dukemtmc_videoreid import read_dukemtmc_videoreid
from iaunet_tf.data.readers.folders import read_folders
from iaunet_tf.data.readers.market1501 import read_market1501
from iaunet_tf.data.readers.own import read_own
from iaunet_tf.data.walking import Walker, missing
from iaunet_tf.exporting.samples import sample_images

DEPLOY = Path(__file__).parents[2] / "deploy"


def draw(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 8)).save(path, "JPEG")


def litter(folder, outside):
    """Puts everything into a folder that is no image; returns the names that notes must give, with their kinds."""
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:  # the names of sockets must be short
        here = os.getcwd()
        os.chdir(folder)
        server.bind("socket.jpg")
        os.chdir(here)
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "itself.jpg").symlink_to("itself.jpg")
    for name in ("Thumbs.db", "desktop.ini", "._0002_c1_1.jpg", ".DS_Store", "photo.heic", "README"):
        (folder / name).write_bytes(b"x")
    for name in ("@eaDir", "__MACOSX", ".ipynb_checkpoints"):
        draw(folder / name / "0002_c1s1_1.jpg")
    return (
        ".heic: 1 (", "README", "broken links: 2 (", "hidden or of the system: 7 (", "pipes, sockets or devices: 2 ("
    )  # fmt: skip


@pytest.fixture
def people(tmp_path):
    """Folders of four people, one of them behind a link, and links that lead back."""
    root = tmp_path / "people"
    for person in "abcd":
        for name in ("x_c1_1.jpg", "x_c2_1.JPG", "x_c2_2.webp", "x_c2_3.tif", "x_c2_4.jfif"):
            draw((tmp_path / "elsewhere" if person == "d" else root) / person / name)
    (root / "d").symlink_to(tmp_path / "elsewhere" / "d")
    for target in (root, root / "a", "/"):
        (root / "a" / f"back{len(str(target))}").symlink_to(target)
    return root


def test_walker_follows_links_but_not_in_circles(people):
    walker = Walker(people)
    found = walker.images(people, deep=True)
    assert len(found) == 20 and found == sorted(found)
    assert {path.parent.name for path in found} == set("abcd")
    (note,) = walker.notes
    assert "links in a circle: 3 (a/back" in note


def test_own_and_classes_leave_out_what_is_no_image(people, tmp_path):
    names = litter(people / "b", tmp_path)
    (people / "c" / "folder.jpg").mkdir()
    dataset = read_own(people)
    assert len(dataset.train) == 10 and dataset.train.num_people == dataset.gallery.num_people == 2
    train, val = read_folders(people)
    assert train.classes == list("abcd") and len(train) + len(val) == 20
    for note in (dataset.notes[-1], train.notes[-1]):
        assert all(name in note for name in names)


def test_flat_folders(tmp_path):
    for folder in ("bounding_box_train", "query", "bounding_box_test"):
        draw(tmp_path / folder / "0002_c1s1_000451_03.jpg")
        draw(tmp_path / folder / "more" / "0003_c1s1_000451_03.jpg")
    names = litter(tmp_path / "query", tmp_path)
    (tmp_path / "query" / "0004_c1.jpg").mkdir()
    dataset = read_market1501(tmp_path)
    assert [len(subset) for subset in (dataset.train, dataset.query, dataset.gallery)] == [1, 1, 1]
    _, note = dataset.notes  # the first says that a person is in train and query
    assert "folders: 4 (bounding_box_test/more, ...)" in note and all(name in note for name in names)


def test_tracklets(tmp_path):
    for subset, camera in (("train", 1), ("query", 1), ("gallery", 2)):
        draw(tmp_path / subset / "0001" / "0000" / f"0001_C{camera}_F1_X1.jpg")
        draw(tmp_path / "elsewhere" / subset / "0000" / f"0002_C{camera}_F1_X1.jpg")
        (tmp_path / subset / "0002").symlink_to(tmp_path / "elsewhere" / subset)
    for folder in ("train", "train/0001", "train/0001/0000"):
        names = litter(tmp_path / folder, tmp_path)
    dataset = read_dukemtmc_videoreid(tmp_path)
    assert [len(subset) for subset in (dataset.train, dataset.query, dataset.gallery)] == [2, 2, 2]
    (note,) = dataset.notes
    assert names[0] in note and "files beside folders: 4 (" in note


def test_samples_and_the_client_of_onnx_runtime(people, tmp_path, monkeypatch):
    litter(people / "b", tmp_path)
    images, _ = sample_images(str(people), "", video=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", type(sys)("onnxruntime"))
    sys.modules["onnxruntime"].InferenceSession = None
    client = runpy.run_path(str(DEPLOY / "onnxruntime" / "nearest.py"))
    assert images == client["images_in"](str(people)) == Walker(people).images(people, deep=True)


def test_missing(people, tmp_path):
    litter(people / "b", tmp_path)
    there = people / "a" / "x_c1_1.jpg"
    others = [people / "b" / name for name in ("pipe.jpg", "gone.jpg", "socket.jpg", "@eaDir")] + [
        people / "z" / "z.jpg"
    ]
    assert missing([there, *others]) == list(map(str, others))
    assert np.all([path.exists() for path in Walker(people).folders(people)])
