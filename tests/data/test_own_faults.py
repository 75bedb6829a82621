"""Layouts and tables of own images that are not quite as expected: read rightly, or refused with one line."""

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.readers.folders import read_folders
from iaunet_tf.data.readers.own import read_own
from iaunet_tf.errors import InputError

HEADER = ["path", "person", "camera", "subset"]


def lay(root, *folders, file="x_c{c}_{k}.jpg"):
    """Draws two images in each of two cameras into folders, given as `above/{first,second}`."""
    for folder in folders:
        above, _, names = folder.rstrip("}").partition("{")
        for name in names.split(","):
            for c in (1, 2):
                for k in (1, 2):
                    path = root / f"{above}{name}" / file.format(c=c, k=k)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.new("RGB", (4, 8)).save(path)
    return root


def people(root, subset):
    return {subset.path(row).relative_to(root).parts[1] for row in range(len(subset))}


@pytest.mark.parametrize(
    ("train", "query", "gallery"),
    [("Train", "Query", "Gallery"), ("training", "probe", "gallery"), ("TRAIN_SET", "queries", "Gallery Images")],
)
def test_subsets_in_usual_spellings(tmp_path, train, query, gallery):
    dataset = read_own(lay(tmp_path, train + "/{a,b}", query + "/{c,d}", gallery + "/{c,d,e}"))
    assert people(tmp_path, dataset.train) == set("ab") and people(tmp_path, dataset.gallery) == set("cde")
    assert len(dataset.query) == 8 and dataset.notes == ()


@pytest.mark.parametrize("test", ["test", "Testing", "val", "validation"])
def test_train_and_test_are_divided(tmp_path, test):
    dataset = read_own(lay(tmp_path, "train/{a,b}", test + "/{c,d}"))
    assert people(tmp_path, dataset.train) == set("ab") and people(tmp_path, dataset.query) == set("cd")
    assert (len(dataset.train), len(dataset.query), len(dataset.gallery)) == (8, 4, 4)
    assert "the first of a person in a camera is a query" in dataset.notes[0]


def test_the_layout_of_person_reid_baseline(tmp_path):
    train = [f"{name}/{{0001,0002}}" for name in ("train_all", "train", "val")]
    dataset = read_own(lay(tmp_path, *train, "query/{0003}", "multi-query/{0003}", "gallery/{-1,0000,0003}"))
    assert (len(dataset.train), len(dataset.query), len(dataset.gallery)) == (8, 4, 8)
    assert dataset.notes[0] == "folders not used: multi-query, train, val"
    assert "4 images of person -1 are junk" in dataset.notes[1]


@pytest.mark.parametrize("above", ["", "train/"])
def test_cameras_above_people(tmp_path, above):
    others = ["query/cam1/{e,f}", "gallery/cam2/{e,f}"] if above else []
    dataset = read_own(lay(tmp_path, above + "cam1/{a,b,c,d}", above + "cam2/{a,b,c,d}", *others, file="{c}{k}.jpg"))
    assert dataset.train.num_people == (4 if above else 2) and len(np.unique(dataset.train.camids)) == 2
    assert "cam1, cam2 are taken for cameras" in dataset.notes[0]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["train/{a,b}", "query/{c,d}"], "no images for gallery, only for query, train; give"),
        (["query/{c,d}", "gallery/{c,d}"], "no images for train, only for gallery, query; give"),
        (["train/{a,b}", "query/{c,d}", "gallery/{c,d}", "test/{c,d}"], "'test' is not one of train, query, gallery"),
        (["train/{a,b}", "Train/{a,b}", "test/{c,d}"], "folders Train and train are both for train"),
        (["train/{a,b}", "test/{c,d}", "extra/{e,f}"], "folder extra is beside test, train"),
        (["train/{a,b}", "test/query/{c,d}", "test/gallery/{c,d}"], "test/gallery: this is the name of a subset"),
        (["data/train/{a,b}", "data/test/{c,d}"], "the data set seems to be .*data: set --data.root"),
        (["bounding_box_train/{a,b}", "query/{c}", "bounding_box_test/{c}"], "choose --data.name market1501"),
        (["Market/bounding_box_train/{a,b}", "Market/query/{c}"], "choose --data.name market1501"),
        (["bbox_train/{0001,0002}", "bbox_test/{0003}"], "choose --data.name mars"),
        (["{cam1,cam2}"], "cam1, cam2 look like cameras, but hold no folders of people"),
        (["{ann,cam_2}"], "cam_2 looks like a camera, but is beside ann"),
        (["{ann}"], "all images are of one person, ann"),
        (["ann/{1,2,3,4}"], "all images are of one person, ann"),
        (["{ann,bob}"], "the people are ann, bob; at least four are required"),
        (["train/{a}", "query/{b}", "gallery/{b,c}"], "the only person in train is a"),
        (["test{0,1,2,3}"], "test0 and test1 are both for test; keep one of them, or rename them"),
        (["{ann,bob,eve,Val}"], "folder ann is beside Val, which is read as the name of a subset"),
        (
            ["train/{a,b}", "test/{Jos\u00e9,Jose\u0301}"],
            r"person 'Jose\\u0301' .* and 'Jos\\xe9' .* are alike to the eye",
        ),
        (["train/{4,5}", "test/{04,7}"], r"person 04 \(test/04/x_c1_1.jpg\) and 4 \(train/4/.* are one number"),
    ],
)
def test_layouts_that_would_be_read_wrongly(tmp_path, folders, message):
    with pytest.raises(InputError, match=message) as caught:
        read_own(lay(tmp_path, *folders))
    assert "\n" not in str(caught.value)


def test_what_cannot_be_told_from_a_mistake_is_said(tmp_path):
    dataset = read_own(lay(tmp_path, "train/{a,b}", "test/{b,c}"))
    assert "1 of 2 identities in train are in query or gallery as well" in " ".join(dataset.notes)
    lay(tmp_path / "other", *(f"{camera}/{{01,02,03,04,05}}" for camera in "abcd"))
    assert "4 people and 5 cameras: if the cameras are people" in " ".join(read_own(tmp_path / "other").notes)


def test_names_of_hexadecimal_digits_tell_no_camera(tmp_path):
    lay(tmp_path, "{a,b,e,f}", file="c{c}{k}fa-c0d7-{c}.jpg")
    assert "16 images have no camera" in read_own(tmp_path).notes[0]


def test_cameras_of_names_and_of_folders(tmp_path):
    lay(lay(tmp_path, "{a,b,e,f}"), *(f"{person}/{{cam1}}" for person in "abef"))
    assert "the cameras of 16 images are told by their names" in read_own(tmp_path).notes[0]


def test_names_that_differ_in_capitals_are_said(tmp_path):
    notes = read_own(lay(tmp_path, "train/{a,b}", "test/{ann,Ann}")).notes
    assert any(note.startswith("person Ann (test/Ann/x_c1_1.jpg) and ann") for note in notes)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["train/{cat,dog}"], "has train; expected train/CLASS"),
        (["train/{cat,dog}", "more/{cat}"], "has more, train; expected train/CLASS"),
        (["{train}"], "has train; expected train/CLASS"),
        (["data/train/{cat,dog}", "data/val/{cat,dog}"], "contains 1 class folders; at least two are required, as"),
        (["data/train/{cat,dog}", "more/{cat}"], "data: holds a folder train; expected"),
        (["train/{cat,dog}", "Train/{cat}", "val/{cat}"], "folders Train and train are both for train"),
        (["{cat}"], "contains 1 class folders"),
    ],
)
def test_layouts_of_classes(tmp_path, folders, message):
    with pytest.raises(InputError, match=message):
        read_folders(lay(tmp_path, *folders))


def test_a_class_may_be_called_train(tmp_path):
    assert read_folders(lay(tmp_path, "{car,train}"))[0].classes == ["car", "train"]


@pytest.mark.parametrize(("link", "target"), [("train/cow", "cat"), ("val", "train")])
def test_a_file_in_two_classes_or_subsets(tmp_path, link, target):
    lay(tmp_path, "train/{cat,dog}")
    (tmp_path / link).symlink_to(target)
    with pytest.raises(InputError, match="are one file; keep it in one class and subset"):
        read_folders(tmp_path if link == "val" else tmp_path / "train")


@pytest.mark.parametrize("names", [("Train", "VAL"), ("training", "Validation"), ("train", "testing")])
def test_classes_in_usual_spellings(tmp_path, names):
    train, val = read_folders(lay(tmp_path, f"{names[0]}/{{cat,dog}}", f"{names[1]}/{{cat,dog}}", "more/{x}"))
    assert train.classes == ["cat", "dog"] and len(train) == len(val) == 8
    assert train.notes == ("folders not used: more",)


@pytest.fixture
def rows(tmp_path):
    lay(tmp_path, "{ann,bob,eve,joe}", file="{c}{k}.jpg")
    subsets = {"ann": "train", "bob": "train"}
    return [
        [f"{person}/{c}1.jpg", person, c, subsets.get(person, "query" if c == "1" else "gallery")]
        for person in ("ann", "bob", "eve", "joe")
        for c in "12"
    ]


def save(file, rows, header=HEADER, delimiter=",", encoding="utf-8"):
    file.write_bytes("\r\n".join(delimiter.join(map(str, row)) for row in [header, *rows]).encode(encoding))
    return file


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_tables_of_spreadsheets(tmp_path, rows, delimiter):
    table = [[f" {row[0]}", f"{row[1]} ", row[2], row[3].upper()] for row in rows]
    table[5][0] = table[5][0].replace("/", "\\")
    file = save(tmp_path / "people.CSV", [*table, ["", "", "", ""]], ["Path", " PERSON", "Camera", "Subset"], delimiter)
    ours, plain = read_own(file), read_own(save(tmp_path / "plain.csv", rows))
    for subset in ("train", "query", "gallery"):
        assert getattr(ours, subset).files.tolist() == getattr(plain, subset).files.tolist()
        assert getattr(ours, subset).pids.tolist() == getattr(plain, subset).pids.tolist()


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (2, 1, "", "row 4 has no person"),
        (2, 1, "nan", "row 4 has no person"),
        (3, 2, " ", "row 5 has no camera"),
        (3, 2, "None", "row 5 has no camera"),
        (0, 0, "", "row 2 has no path"),
        (4, 0, "gone.jpg", r"1 of 8 files do not exist, the first is .*gone.jpg \(row 6\)"),
        (4, 0, "eve", r"the first is .*eve \(row 6\)"),
        (4, 0, "./eve/../ann/11.jpg", "ann/11.jpg is in two subsets, query and train"),
        (1, 2, "1.0", r"camera 1 \(row 2\) and 1.0 \(row 3\) are one number"),
        (1, 2, "01", r"camera 1 \(row 2\) and 01 \(row 3\) are one number"),
        (1, 0, '"ann/21.jpg', "row 3 has 1 values, but there are 4 columns"),
        (1, 1, "ann\u200b", r"'ann' \(row 2\) and 'ann\\u200b' \(row 3\) are alike"),
        (1, 3, "tset", "row 3: subset 'tset' is not one of"),
        (1, 3, "", "row 3: subset '' is not one of"),
        (1, 3, "train,more", "row 3 has 5 values, but there are 4 columns"),
    ],
)
def test_cells(tmp_path, rows, row, column, value, message):
    rows[row][column] = value
    with pytest.raises(InputError, match=message):
        read_own(save(tmp_path / "people.csv", rows))


def test_junk_of_a_column_of_fractions(tmp_path, rows):
    numbers = {"ann": "1.0", "bob": "2.0", "eve": "3.0", "joe": "4.0"}
    table = [[path, numbers[person], *rest] for path, person, *rest in rows]
    table[3][1] = "-1.0"
    dataset = read_own(save(tmp_path / "people.csv", table))
    assert dataset.train.num_people == 2 and len(dataset.train) == 3
    assert dataset.notes[0] == "1 images of person -1 are junk and left out (row 5, ...)"


@pytest.mark.parametrize(
    ("header", "encoding", "message"),
    [
        (["Path", "PID", "camid", "split"], "utf-8", "has no column person, camera; .* it has Path, PID, camid, split"),
        (["path", "person", "camera", "Person"], "utf-8", "has several columns person"),
        (HEADER, "utf-16", "line 1 is not UTF-8 text; save the file as UTF-8"),
        (HEADER, "utf-16-le", "line 1 is not UTF-8 text"),
        ([*HEADER[:3], "subset\nü"], "latin-1", "line 2 is not UTF-8 text"),
    ],
)
def test_headers_and_encodings(tmp_path, rows, header, encoding, message):
    with pytest.raises(InputError, match=message):
        read_own(save(tmp_path / "people.csv", rows, header, encoding=encoding))


@pytest.mark.parametrize("subset", [None, "train", "test"])
def test_tables_without_query_and_gallery_are_divided(tmp_path, rows, subset):
    if subset == "test":
        table = [[*row[:3], "train" if row[3] == "train" else "Test"] for row in rows]
    else:
        table = [[*row[:3], *filter(None, [subset])] for row in rows]
    dataset = read_own(save(tmp_path / "people.csv", table, HEADER if subset else HEADER[:3]))
    assert dataset.train.num_people == dataset.query.num_people == 2 and len(dataset.query) == 4
    assert not set(dataset.train.pids) & set(dataset.query.pids)
    assert dataset.notes[0].startswith("no query and gallery: ")


def test_values_of_parquet(tmp_path, rows):
    parquet = pytest.importorskip("pyarrow.parquet")
    from pyarrow import table

    def read(**columns):
        plain = {name: [row[i] for row in rows] for i, name in enumerate(HEADER)}
        parquet.write_table(table(plain | columns), tmp_path / "people.parquet")
        return read_own(tmp_path / "people.parquet")

    assert read(person=[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]).train.pids.tolist() == [0, 0, 1, 1]
    for value, message in ((None, "row 3 has no person"), (float("nan"), "row 3 has no person")):
        with pytest.raises(InputError, match=message):
            read(person=[1.0, 1.0, value, 2.0, 3.0, 3.0, 4.0, 4.0])
    with pytest.raises(InputError, match="row 1: a value is neither text nor number, but list"):
        read(person=[[1]] * 8)
