"""Rows of `tracks.csv`, written and read."""

import csv

import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.video.tracks_csv import COLUMNS, Row, read_tracks, write_tracks

HEADER = "video,frame,time,track,identity,distance,left,top,width,height"
NAMES = ['a "quoted", name', "two\nlines", "Łukasz 李 🙂", "=1+1", "<script>", "a;b", " ", "x" * 5000]


def rows(count, video="hall"):
    for number in range(1, count + 1):
        identity = NAMES[number % len(NAMES)] if number % 5 else None
        distance = number / 700 if number % 3 else None
        yield Row(video, number, number / 25, number % 7 + 1, identity, distance, number / 3, -1.5, 20.25, 60.0)


def test_round_trip(tmp_path):
    path = tmp_path / "tracks.csv"
    assert write_tracks(path, rows(200)) == 200
    found = list(read_tracks(path))
    for row, expected in zip(found, rows(200), strict=True):
        assert (row.video, row.frame, row.track, row.identity) == tuple(
            getattr(expected, name) for name in ("video", "frame", "track", "identity")
        )
        assert row.time == pytest.approx(expected.time, abs=1e-6) and row.distance == pytest.approx(
            expected.distance, abs=1e-6
        )
        box, wanted = (
            tuple(getattr(each, side) for side in ("left", "top", "width", "height")) for each in (row, expected)
        )
        assert box == pytest.approx(wanted, abs=0.0051)
    again = tmp_path / "again.csv"
    write_tracks(again, found)
    assert again.read_bytes() == path.read_bytes()


def test_columns_are_those_of_the_documentation(tmp_path):
    write_tracks(tmp_path / "tracks.csv", [Row("a", 3, 1764162000.04, 2, "Anna", 0.25, 1, 2, 3, 4)])
    with (tmp_path / "tracks.csv").open(newline="", encoding="utf-8") as file:
        header, line = csv.reader(file)
    assert header == list(COLUMNS) and ",".join(header) == HEADER
    assert line == ["a", "3", "1764162000.040000", "2", "Anna", "0.250000", "1.00", "2.00", "3.00", "4.00"]


def test_rows_of_one_video(tmp_path):
    write_tracks(tmp_path / "tracks.csv", [*rows(4, "a"), *rows(3, "b"), *rows(2, "a")])
    assert [row.frame for row in read_tracks(tmp_path / "tracks.csv", "a")] == [1, 2, 3, 4, 1, 2]
    assert list(read_tracks(tmp_path / "tracks.csv", "c")) == []


def test_nobody(tmp_path):
    assert write_tracks(tmp_path / "tracks.csv", []) == 0
    assert list(read_tracks(tmp_path / "tracks.csv")) == []


def test_reading_does_not_wait_for_the_end(tmp_path):
    path = tmp_path / "tracks.csv"
    write_tracks(path, rows(1000))
    with path.open("a") as file:
        file.write("damaged\n")
    read = read_tracks(path)
    assert [next(read).frame for _ in range(1000)] == list(range(1, 1001))
    with pytest.raises(InputError, match="fewer values"):
        next(read)


def test_what_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "tracks.csv"
    write_tracks(path, rows(2))

    def failing():
        yield from rows(50)
        raise RuntimeError("detector")

    with pytest.raises(RuntimeError, match="detector"):
        write_tracks(path, failing())
    assert len(list(read_tracks(path))) == 2 and [each.name for each in tmp_path.iterdir()] == ["tracks.csv"]


def test_files_of_spreadsheets(tmp_path):
    write_tracks(tmp_path / "tracks.csv", rows(9))
    content = (tmp_path / "tracks.csv").read_bytes()
    (tmp_path / "excel.csv").write_bytes(b"\xef\xbb\xbf" + content)
    assert list(read_tracks(tmp_path / "excel.csv")) == list(read_tracks(tmp_path / "tracks.csv"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no column video"),
        ("video,frame,time\n", "no column track"),
        ("a,x,0,1,,,1,2,3,4", "line 2: frame must be a whole number; it is x"),
        ("a,1.5,0,1,,,1,2,3,4", "frame must be a whole number"),
        ("a,1,nan,1,,,1,2,3,4", "time must be a number; it is nan"),
        ("a,1,0,1,,inf,1,2,3,4", "distance must be a number"),
        ("a,1,0,1,,,,2,3,4", "left must be a number; it is missing"),
        (",1,0,1,,,1,2,3,4", "names no video"),
        ('"a"b,1,0,1,,,1,2,3,4', "not a CSV file"),
        (b"\xff\xfe", "not a CSV file"),
        ("a,1,0,1,%s,,1,2,3,4" % ("x" * 200_000), "not a CSV file"),
    ],
)
def test_damaged_files(tmp_path, content, says):
    path = tmp_path / "tracks.csv"
    if isinstance(content, bytes):
        path.write_bytes(HEADER.encode() + b"\n" + content)
    else:
        path.write_text(content if not content or content.startswith("video") else f"{HEADER}\n{content}\n")
    with pytest.raises(InputError, match=says) as caught:
        list(read_tracks(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        list(read_tracks(tmp_path / "tracks.csv"))
