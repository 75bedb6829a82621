import csv

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.readers.own import read_own
from iaunet_tf.data.readers.own_table import COLUMNS
from iaunet_tf.data.readers.table import read_dataset
from iaunet_tf.errors import InputError


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 8)).save(path)


def all_paths(subset):
    return [subset.path(row) for row in range(len(subset))]


@pytest.fixture
def rows(tmp_path):
    """Two people to train on, two to look for, in cameras a and b."""
    rows = []
    for person in ("ann", "bob", "eve", "joe"):
        for camera in "ab":
            path = f"{person}/{camera}.jpg"
            picture(tmp_path / path)
            split = "train" if person in ("ann", "bob") else "query" if camera == "a" else "gallery"
            rows.append([path, person, camera, split])
    return rows


def write(file, rows, columns=COLUMNS):
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([columns, *rows])
    return file


def test_table(tmp_path, rows):
    dataset = read_own(write(tmp_path / "people.csv", rows))
    assert [len(split) for split in (dataset.train, dataset.query, dataset.gallery)] == [4, 2, 2]
    assert dataset.train.num_people == 2 and dataset.notes == ()
    np.testing.assert_array_equal(dataset.query.pids, dataset.gallery.pids)
    assert set(dataset.query.camids) == {0} and set(dataset.gallery.camids) == {1}
    assert dataset.query.path(0) == tmp_path / "eve" / "a.jpg"
    assert [dataset.people[pid] for pid in dataset.query.pids] == ["eve", "joe"]
    assert dataset.cameras == {0: "a", 1: "b"}


def test_parquet_is_the_same(tmp_path, rows):
    pytest.importorskip("pyarrow")
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({name: [row[i] for row in rows] for i, name in enumerate(COLUMNS)})
    pyarrow.parquet.write_table(table, tmp_path / "people.parquet")
    ours, theirs = read_own(tmp_path / "people.parquet"), read_own(write(tmp_path / "people.csv", rows))
    assert ours.query.files.tolist() == theirs.query.files.tolist()
    np.testing.assert_array_equal(ours.gallery.pids, theirs.gallery.pids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows.append(["gone.jpg", "joe", "a", "gallery"]),
            "1 of 9 files do not exist, the first is .*gone",
        ),
        (lambda rows: rows.append(rows[0]), "a.jpg is listed twice for train"),
        (lambda rows: rows.append([*rows[0][:3], "query"]), "is in two subsets, query and train"),
        (lambda rows: rows.append([*rows[0][:3], "test"]), "subset 'test' is not one of train, query, gallery"),
        (lambda rows: rows.__setitem__(slice(0, 4), []), "no images for train"),
    ],
)
def test_mistakes_in_a_table(tmp_path, rows, change, message):
    change(rows)
    with pytest.raises(InputError, match=message):
        read_own(write(tmp_path / "people.csv", rows))


def test_columns_and_files(tmp_path, rows):
    with pytest.raises(
        InputError, match="has no column camera; columns are path, person, camera, subset; it has path, person"
    ):
        read_own(write(tmp_path / "people.csv", [row[:2] for row in rows], COLUMNS[:2]))
    for name in ("gone.csv", "gone"):
        with pytest.raises(InputError, match=r"no such .*set --data.root"):
            read_own(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "message"),
    [("people.csv", "line 2 is not UTF-8 text; save the file"), ("people.parquet", "cannot be read")],
)
def test_damaged_tables(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"path,person,camera,split\n\xff\xfe\x00,1,2,train\n")
    with pytest.raises(InputError, match=rf"{name}: {message}"):
        read_own(tmp_path / name)


def test_the_column_of_subsets_may_be_called_split(tmp_path, rows):
    dataset = read_own(write(tmp_path / "people.csv", rows, [*COLUMNS[:3], "split"]))
    assert [len(subset) for subset in (dataset.train, dataset.query, dataset.gallery)] == [4, 2, 2]


def test_table_of_a_spreadsheet(tmp_path, rows):
    file = write(tmp_path / "people.csv", rows)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(read_own(file).query) == 2


def test_queries_without_a_second_camera_are_counted(tmp_path, rows):
    rows[-1][2] = "a"  # joe's picture in the gallery is of the query's camera
    _, warnings = read_dataset("own", str(write(tmp_path / "people.csv", rows)))
    assert warnings == ["1 of 2 queries have no match in another camera and are not counted"]


@pytest.mark.parametrize("layout", ["{person}/x_c{camera}_{n}.jpg", "{person}/{camera}/{n}.jpg"])
def test_folder_per_person(tmp_path, layout):
    for person in range(8):
        for camera in (1, 2):
            for n in range(3 if person else 1):
                picture(tmp_path / layout.format(person=f"p{person}", camera=camera, n=n))
    dataset = read_own(tmp_path)
    assert dataset.train.num_people == 4 and dataset.query.num_people == dataset.gallery.num_people == 4
    people = {path.relative_to(tmp_path).parts[0] for path in all_paths(dataset.train)}
    assert not people & {path.relative_to(tmp_path).parts[0] for path in all_paths(dataset.gallery)}
    assert len(dataset.query) == 8 and dataset.notes == ()  # one for each person and camera
    again = read_own(tmp_path)
    assert again.train.files.tolist() == dataset.train.files.tolist()


def test_folders_with_splits_and_without_cameras(tmp_path):
    for split in ("train", "query", "gallery"):
        for person in ("a", "b") if split == "train" else ("c", "d"):
            picture(tmp_path / split / person / "1.jpg")
    dataset = read_own(tmp_path)
    assert dataset.notes == ("6 images have no camera in name or folder; each gets a camera of its own",)
    assert len(dataset.query) == len(dataset.gallery) == 2
    picture(tmp_path / "query" / "stray.jpg")
    with pytest.raises(InputError, match=r"stray.jpg: is not in a person's folder; lay them out as"):
        read_own(tmp_path)
