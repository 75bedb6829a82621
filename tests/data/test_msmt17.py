import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.readers.msmt17 import LISTS, read_msmt17
from iaunet_tf.errors import InputError


def tree(base, train, test):
    """Three people of two cameras to train on, two others to look for."""
    lines = {name: [] for names in LISTS.values() for name in names}
    for person in range(5):
        for camera in (1, 14):
            of_train = person < 3
            name = f"{person:04}/{person:04}_000_{camera:02}_0303morning_0008_0.jpg"
            path = base / (train if of_train else test) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 8)).save(path)
            file = ("list_val.txt" if person == 2 else "list_train.txt") if of_train else "list_query.txt"
            file = "list_gallery.txt" if not of_train and camera == 14 else file
            lines[file].append(f"{name} {person if of_train else person - 3}")
    for file, content in lines.items():
        (base / file).write_text("\n".join(content) + "\n")


@pytest.mark.parametrize(
    ("folder", "train", "test"),
    [("MSMT17_V1", "train", "test"), ("MSMT17_V2", "mask_train_v2", "mask_test_v2"), ("", "train", "test")],
)
def test_both_releases(tmp_path, folder, train, test):
    tree(tmp_path / folder, train, test)
    dataset = read_msmt17(tmp_path)
    assert [len(subset) for subset in (dataset.train, dataset.query, dataset.gallery)] == [6, 2, 2]
    assert dataset.train.num_people == 3
    np.testing.assert_array_equal(dataset.query.pids, [0, 1])
    np.testing.assert_array_equal(dataset.query.camids, [1, 1])
    np.testing.assert_array_equal(dataset.gallery.camids, [14, 14])
    for subset in (dataset.train, dataset.query, dataset.gallery):
        assert all(subset.path(row).is_file() for row in range(len(subset)))


def test_mistakes(tmp_path):
    with pytest.raises(InputError, match=r"no list_query.txt next to train and test"):
        read_msmt17(tmp_path)
    tree(tmp_path, "train", "test")
    with pytest.raises(InputError, match=r"_0.jpg is listed 2 times in list_train.txt and list_val.txt"):
        whole = (tmp_path / "list_train.txt").read_text() + (tmp_path / "list_val.txt").read_text()
        (tmp_path / "list_train.txt").write_text(whole)
        read_msmt17(tmp_path)
    tree(tmp_path, "train", "test")
    (tmp_path / "list_gallery.txt").write_text("0000/0000_000.jpg 0\n")
    with pytest.raises(InputError, match=r"list_gallery.txt: line 1 must be like"):
        read_msmt17(tmp_path)
    (tmp_path / "list_gallery.txt").write_text("0000/0000_000_14_x.jpg 0\n")
    with pytest.raises(InputError, match=r"1 of the 1 images listed for gallery do not exist: .*0000_000_14_x.jpg"):
        read_msmt17(tmp_path)
    (tmp_path / "list_gallery.txt").unlink()
    with pytest.raises(InputError, match=r"list_gallery.txt: no such file"):
        read_msmt17(tmp_path)
