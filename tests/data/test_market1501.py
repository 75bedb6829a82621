import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.readers.market1501 import TRAIN_MASKS, read_market1501
from iaunet_tf.errors import InputError

NAMES = {
    "bounding_box_train": ["0002_c1s1_000451_03.jpg", "0002_c2s1_000451_03.jpg", "0007_c6s3_000001_00.jpg"],
    "query": ["0001_c1s1_000151_01.jpg", "0001_c2s1_000151_01.jpg"],
    "bounding_box_test": [
        "-1_c1s1_000401_03.jpg",
        "0000_c3s1_000401_03.jpg",
        "0001_c3s2_000401_03.jpg",
        "Thumbs.db",
    ],
}


@pytest.fixture
def market(tmp_path):
    for folder, names in NAMES.items():
        (tmp_path / folder).mkdir()
        for name in names:
            Image.new("RGB", (4, 8)).save(tmp_path / folder / name, format="JPEG")
    return tmp_path


def test_reads_people_and_cameras(market):
    dataset = read_market1501(market)
    assert dataset.train.pids.tolist() == [2, 2, 7]
    assert dataset.train.camids.tolist() == [1, 2, 6]
    assert dataset.train.labels.tolist() == [0, 0, 1]
    assert dataset.train.num_people == 2
    assert dataset.query.pids.tolist() == [1, 1]
    # Junk is gone, the distractor is not.
    assert dataset.gallery.pids.tolist() == [0, 1]
    assert dataset.train.masks is None
    assert "3 images" in dataset.summary()


@pytest.mark.parametrize("suffix", ["", ".jpg"])
def test_finds_mask_folders_with_and_without_suffix(market, suffix):
    folder = market / TRAIN_MASKS / f"0002_c2s1_000451_03{suffix}"
    folder.mkdir(parents=True)
    train = read_market1501(market).train
    assert [train.mask_folder(row) for row in range(3)] == [None, folder, None]


def test_bad_trees_are_explained(market):
    (market / "query" / "person.jpg").touch()
    with pytest.raises(InputError, match=r"person.jpg: must be named like 0002_c1s1_000451_03.jpg"):
        read_market1501(market)
    for path in (market / "query").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="query: contains no images"):
        read_market1501(market)
    (market / "query").rmdir()
    with pytest.raises(InputError, match=r"no folder query; the layout of Market-1501 is .*bounding_box_train"):
        read_market1501(market)


def test_street(street):
    dataset = read_market1501(street / "market")
    assert (dataset.train.num_people, len(dataset.query), len(dataset.gallery)) == (15, 15, 105)
    assert set(np.unique(dataset.train.camids)) == {1, 2}
