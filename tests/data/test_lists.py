"""Lists and matrices of published data sets in other encodings, types and shapes, and roots one level off."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from scipy.sparse import csc_matrix

from iaunet_tf.config.reid import ReIdConfig
from iaunet_tf.data.readers.common import read_lines, read_matrix
from iaunet_tf.data.readers.market1501 import read_market1501
from iaunet_tf.data.readers.table import read_dataset
from iaunet_tf.data.selection import read_selected
from iaunet_tf.errors import InputError


def draw(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 8)).save(path)


@pytest.mark.parametrize(
    "content", [b"a 1\nb 2\n", b"\xef\xbb\xbfa 1\r\n\r\nb 2", b"a 1\r  \rb 2\r", b"\n\n a 1 \nb 2"]
)
def test_line_ends_and_marks(tmp_path, content):
    (tmp_path / "list.txt").write_bytes(content)
    assert [line for _, line in read_lines(tmp_path / "list.txt")] == ["a 1", "b 2"]


@pytest.mark.parametrize(
    ("content", "line"),
    [("a 1\nb 2".encode("utf-16"), 1), ("a 1\nü 2".encode("latin-1"), 2), (b"a 1\n\nb\0 2", 3), (b"\x93\xfa", 1)],
)
def test_other_encodings(tmp_path, content, line):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(InputError, match=rf"list.txt: line {line} is not UTF-8 text; save the file as UTF-8"):
        read_lines(tmp_path / "list.txt")


@pytest.mark.parametrize("value", [[[1, 2]], [[1.0, 2.0]], np.array([[1, 2]], "uint8"), csc_matrix([[1, 2]]), [1, 2]])
def test_matrices_of_whole_numbers(tmp_path, value):
    savemat(tmp_path / "m.mat", {"m": value})
    matrix = read_matrix(tmp_path / "m.mat", "m")
    assert matrix.dtype == int and matrix.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    "value",
    [
        [[1.5]],
        [[np.nan]],
        [[np.inf]],
        [[1e300]],
        "text",
        [[1j]],
        {"a": 1},
        np.array([["a", 1]], object),
        np.ones((2, 2, 2)),
    ],
)
def test_other_matrices(tmp_path, value):
    h5py = pytest.importorskip("h5py")
    savemat(tmp_path / "m.mat", {"m": value})
    with pytest.raises(InputError, match=r"m.mat: m is not a matrix of whole numbers"):
        read_matrix(tmp_path / "m.mat", "m")
    with h5py.File(tmp_path / "h.mat", "w") as file:
        file.create_group("m")
    with pytest.raises(InputError, match=r"h.mat: "):
        read_matrix(tmp_path / "h.mat", "m")


def market(root, train="0002"):
    for folder, name in (("bounding_box_train", train), ("query", "0001"), ("bounding_box_test", "0000")):
        draw(root / folder / f"{name}_c1s1_000451_03.jpg")
        draw(root / folder / f"0001_c{1 + (folder != 'query')}s1_000451_04.jpg")
    return root


def test_identity_0_is_a_person_in_train_and_a_distractor_in_the_gallery(tmp_path):
    dataset = read_market1501(market(tmp_path, "0000"))
    assert dataset.train.pids.tolist() == [0, 1] and dataset.gallery.pids.tolist() == [0, 1]
    zero, both = dataset.notes
    assert zero == "train: 1 images have identity 0, which is a person there and a distractor in the gallery"
    assert both.startswith("1 of 2 identities in train are in query as well, so results are too good")


@pytest.mark.parametrize("name", ["market1501", "mars", "msmt17", "dukemtmc_videoreid", "ls_vid"])
def test_a_root_one_level_off_is_found(tmp_path, name):
    files = {
        "market1501": ["bounding_box_train/0", "query/0", "bounding_box_test/0"],
        "mars": [f"info/{each}" for each in ("train_name.txt", "test_name.txt", "query_IDX.mat")]
        + [f"info/tracks_{half}_info.mat" for half in ("train", "test")],
        "msmt17": ["list_query.txt", "train/0", "test/0"],
        "dukemtmc_videoreid": ["train/0", "query/0", "gallery/0"],
        "ls_vid": [f"list_sequence/list_seq_{half}.txt" for half in ("train", "test")] + ["test/data/info_test.mat"],
    }[name]
    inner = tmp_path / "outer" / "unpacked" / "Unpacked"
    for file in files:
        (inner / file).parent.mkdir(parents=True, exist_ok=True)
        (inner / file).touch()
    for root in (tmp_path / "outer", inner.parent, (inner / files[1]).parent):
        with pytest.raises(InputError, match=rf"it is in {inner}: set --data.root$"):
            read_dataset(name, str(root))
    with pytest.raises(InputError, match=r"[^:] set --data.root$"):
        read_dataset(name, str(tmp_path / "gone"))


@pytest.mark.parametrize("key", ["test", "more"])
def test_messages_name_the_key_of_the_root(tmp_path, key):
    data = ReIdConfig().data
    data.name, data.root = "market1501", str(market(tmp_path / "market"))
    setattr(data, key, [f"msmt17={tmp_path / 'gone'}"])
    with pytest.raises(InputError, match=rf"gone: .*set --data\.{key}$"):
        read_selected(data)


def test_the_same_data_set_twice(tmp_path):
    """Its people would count as two each."""
    data = ReIdConfig().data
    data.name, data.root = "market1501", str(market(tmp_path))
    data.more = [f"dukemtmc_reid={tmp_path}"]
    with pytest.raises(InputError, match=r"data.more: dukemtmc_reid=.* holds images of market1501 again, such as"):
        read_selected(data)
