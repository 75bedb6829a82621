import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.augment import augment
from iaunet_tf.data.augmentation import central_box, epoch_crops, random_box
from iaunet_tf.data.batches import eval_batches, labelled_batches
from iaunet_tf.data.labelled import LabelledSource, check_images
from iaunet_tf.data.readers.folders import read_folders
from iaunet_tf.errors import InputError


def draw(path, colour=(10, 20, 30), size=(20, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def tree(tmp_path):
    for name, count in (("cat", 10), ("dog", 6)):
        for i in range(count):
            draw(tmp_path / "train" / name / f"{i}.png", (i, 50 if name == "cat" else 150, 0))
        for i in range(3):
            draw(tmp_path / "val" / name / f"{i}.jpg")
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no picture")
    return tmp_path


def test_folders_of_training_and_validation(tree):
    train, val = read_folders(tree)
    assert train.classes == val.classes == ["cat", "dog"]
    assert np.bincount(train.labels).tolist() == [10, 6]
    assert np.bincount(val.labels).tolist() == [3, 3]
    assert all(path.parent.name == train.classes[label] for path, label in zip(train.paths, train.labels, strict=True))


def test_classes_alone_are_split_by_the_seed(tree):
    train, val = read_folders(tree / "train", seed=1)
    assert np.bincount(val.labels).tolist() == [2, 1]
    assert not set(train.paths) & set(val.paths) and len(train) + len(val) == 16
    assert read_folders(tree / "train", seed=1)[1].paths == val.paths
    assert read_folders(tree / "train", seed=2)[1].paths != val.paths


def test_mistakes(tree, tmp_path):
    with pytest.raises(InputError, match=r"no such folder; set --data\.root"):
        read_folders(tmp_path / "gone")
    (tree / "val" / "cow").mkdir()
    with pytest.raises(InputError, match="cow: this class is not in the training data"):
        read_folders(tree)
    (tree / "val" / "cow").rename(tree / "train" / "cow")
    with pytest.raises(InputError, match="cow: contains no images"):
        read_folders(tree)
    draw(tree / "train" / "cow" / "0.png")
    with pytest.raises(InputError, match="cow: contains only one image"):
        read_folders(tree / "train")
    with pytest.raises(InputError, match="contains 0 class folders"):
        read_folders(tree / "train" / "cat")


def test_unreadable_images(tree):
    (tree / "train" / "dog" / "2.png").write_bytes(b"no png")
    train, _ = read_folders(tree)
    with pytest.raises(InputError, match=r"dog/2.png: not a readable image .*1 of 16 images .*on_corrupt skip"):
        check_images(train)
    said = []
    assert len(check_images(train, "skip", said.append)) == 15
    assert "left out" in said[0]


def test_every_image_once_an_epoch_and_the_same_again(tree):
    train, _ = read_folders(tree)

    def epoch(number):
        batches = list(labelled_batches(LabelledSource(train, (8, 8)), 5, seed=0, epoch=number, crop=0.3).map(augment))
        return np.concatenate([b["images"] for b in batches]), np.concatenate([b["labels"] for b in batches])

    images, labels = epoch(0)
    assert images.shape == (15, 8, 8, 3) and images.dtype == "float32" and labels.dtype == "int32"
    assert len({(red, label) for red, label in zip(images[:, 0, 0, 0], labels, strict=True)}) == 15
    np.testing.assert_array_equal(images[:, 4, 4, 1], np.where(labels == 0, 50, 150))
    for ours, theirs in zip((images, labels), epoch(0), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (epoch(1)[1] != labels).any()


def test_evaluation_takes_the_centre(tmp_path):
    picture = np.zeros((40, 80, 3), "uint8")
    picture[10:30, 30:50] = 255  # half of the largest central square
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.fromarray(picture).save(tmp_path / name / f"{i}.png")
    _, val = read_folders(tmp_path)
    (inner,) = eval_batches(LabelledSource(val, (4, 4), crop=0.5), np.arange(len(val)), 8)
    assert inner.shape == (2, 4, 4, 3)
    assert inner.numpy().mean() > 210
    (whole,) = eval_batches(LabelledSource(val, (4, 4), crop=1), np.arange(len(val)), 8)
    assert (whole.numpy()[:, 0, 0] < 10).all() and (whole.numpy()[:, 1:3, 1:3] > 200).all()


def test_random_boxes_have_the_drawn_area_and_lie_inside():
    draws = epoch_crops(200, seed=0, epoch=0, smallest=0.2)
    assert draws.shape == (200, 10, 4)
    areas = []
    for draw_ in draws:
        left, top, right, bottom = random_box((50, 100), (64, 64), draw_)
        assert 0 <= left < right <= 100 and 0 <= top < bottom <= 50
        areas.append((right - left) * (bottom - top) / 5000)
        assert 0.74 < (right - left) / (bottom - top) < 1.34
    assert 0.19 < min(areas) < 0.3
    # Nothing of nearly the whole area fits a picture that is much wider than tall.
    whole = np.tile([0.99, 1.0, 0.5, 0.5], (10, 1))
    assert random_box((50, 100), (64, 64), whole) == central_box((50, 100), (64, 64), 1) == (25, 0, 75, 50)
