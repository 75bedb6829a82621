"""Detections in files, and what detectors may return."""

import sys
import tracemalloc

import numpy as np
import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.video.detections import DetectionFile, as_detections
from iaunet_tf.video.frames import Frame


def frame(number, size=(100, 200)):
    return Frame(number, number / 25, np.zeros((*size, 3), "uint8"))


def refused(work, *words):
    with pytest.raises(InputError) as caught:
        work()
    text = str(caught.value)
    assert text.isprintable() and len(text) < 400 and all(word in text for word in words), text


def random_rows(count=400, frames=50, seed=0):
    """Rows of frame, id, left, top, width, height, score, inside a picture of 200x100, in no order."""
    rng = np.random.default_rng(seed)
    left, top = rng.uniform(0, 150, count), rng.uniform(0, 60, count)
    columns = [
        *(rng.integers(1, frames + 1, count), rng.integers(1, 9, count), left, top),
        *(rng.uniform(1, 50, count), rng.uniform(1, 40, count), rng.uniform(0, 1, count)),
    ]
    return np.stack(columns, axis=1).round(2)


def wanted(rows, number):
    """Boxes, scores and ids of a frame, in the order of the rows."""
    here = rows[rows[:, 0] == number]
    return np.hstack([here[:, 2:4], here[:, 2:4] + here[:, 4:6]]), here[:, 6], here[:, 1]


@pytest.mark.parametrize("kind", ["det.txt", "results.txt", "gt.txt", "a.csv", "a.tsv", "quoted.csv"])
def test_files(tmp_path, kind):
    rows, path = random_rows(), tmp_path / kind
    if kind.endswith("txt"):
        ends = {"det.txt": "", "results.txt": ",-1,-1,-1", "gt.txt": ",1,0.5"}[kind]
        flag = kind == "gt.txt"
        lines = [",".join(f"{value:g}" for value in [*row[:6], 1 if flag else row[6]]) + ends for row in rows]
        if flag:
            rows[:, 6] = 1
            lines.insert(7, "3,5,1,1,20,20,0,8,1.0")  # a distractor
    else:
        comma = "\t" if kind == "a.tsv" else ","
        lines = [comma.join(["Score", "note", "frame", "height", "width", "top", "left", "id"])]
        for row in rows:
            cells = [f"{value:g}" for value in row[[6, 0, 0, 5, 4, 3, 2, 1]]]
            cells[1] = '"a, note"' if kind == "quoted.csv" else "x"
            lines.append(comma.join(cells))
    path.write_text("\n".join(["", *lines, "", ""]), encoding="utf-8-sig")
    detect = DetectionFile(path)
    assert detect.last == rows[:, 0].max()
    for number in (*range(1, 52), 3):
        found, (boxes, scores, ids) = detect(frame(number)), wanted(rows, number)
        np.testing.assert_allclose(found.boxes, boxes, atol=1e-3)
        np.testing.assert_allclose(found.scores, scores, atol=1e-6)
        assert found.ids.tolist() == ids.tolist()
        assert found.boxes.shape == (len(boxes), 4) and found.boxes.dtype == found.scores.dtype == np.float32
    assert detect.notes() == []


def test_boxes_are_cut_at_the_borders_and_those_outside_said(tmp_path):
    (tmp_path / "a.csv").write_text(
        "frame,left,top,width,height\n1,-10,-20,30,40\n1,190,90,30,40\n1,-50,0,50,20\n2,10,300,5,5\n2,1,1,2,2\n"
    )
    detect = DetectionFile(tmp_path / "a.csv")
    assert detect(frame(1)).boxes.tolist() == [[0, 0, 20, 20], [190, 90, 200, 100]]
    assert "1 box is wholly outside" in detect.notes()[0] and "row 4" in detect.notes()[0]
    found = detect(frame(2))
    assert found.boxes.tolist() == [[1, 1, 3, 3]] and found.scores.tolist() == [1] and found.ids is None
    assert "2 boxes are wholly outside" in detect.notes()[0] and "row 4" in detect.notes()[0]
    detect.check_frames(2, "a.mp4")
    refused(lambda: detect.check_frames(1, "a.mp4"), "a.csv: row 5 is of frame 2, but a.mp4 has 1 frames")


BAD = {
    "": ("holds no detections",),
    "\n \n": ("holds no detections",),
    "frame,left,top,width,height\n": ("holds no detections",),
    "1,1,1,1,20,20,0,1,1\n": ("holds no detections",),
    "frame,left,top,width\n1,2,3,4\n": ("no column height", "it has frame, left, top, width"),
    "frame,left,top,width,height,left\n1,2,3,4,5,6\n": ("several columns left",),
    "1,2,3,4,5\n": ("row 1 has 5 values", "MOT format"),
    "a,b,c\n1,2,3\n": ("row 1 has 3 values", "header"),
    "1,-1,1,1,2,2,0.5\n1,-1,1,1,2,2\n": ("row 2 has 6 values",),
    "1,-1,1,1,2,2,0.5\n\n2,-1,nan,1,2,2,0.5\n": ("row 3: left must be a number; it is 'nan'",),
    "1,-1,1,1,2,2,inf\n": ("row 1: score",),
    "1,-1,1,1,2,1e300,1\n": ("row 1: height",),
    "1,-1,1,x,2,2,0.5\n": ("row 1: top must be a number; it is 'x'",),
    "0,-1,1,1,2,2,0.5\n": ("row 1 is of frame 0; frames count from 1",),
    "1.5,-1,1,1,2,2,0.5\n": ("row 1: frame must be a whole number",),
    "99999999999,-1,1,1,2,2,0.5\n": ("row 1 is of frame",),
    "1,-1,1,1,-2,2,0.5\n": ("row 1 has a box of -2x2 pixels",),
    "\x00\x01\x02\xff" * 100: ("row 1 has 1 values" if sys.version_info >= (3, 11) else "line contains NUL",),
    '1,"' + "x" * 200_000: ("cannot be read",),
}


@pytest.mark.parametrize("content", BAD, ids=range(len(BAD)))
def test_bad_files_are_refused_by_a_line(tmp_path, content):
    (tmp_path / "bad.txt").write_text(content)
    refused(lambda: DetectionFile(tmp_path / "bad.txt"), "bad.txt: ", *BAD[content])


def test_other_bad_files(tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(range(256)) * 20)
    refused(lambda: DetectionFile(tmp_path / "a.txt"), "a.txt: ")
    refused(lambda: DetectionFile(tmp_path / "missing.txt"), "no such file")
    refused(lambda: DetectionFile(tmp_path), "no such file")


def test_long_files_are_compact(tmp_path):
    count = 20_000
    rows = "".join(f"{index // 5 + 1},-1,{index % 90},10,20.5,30.5,0.5,-1,-1,-1\n" for index in range(count))
    (tmp_path / "a.txt").write_text(rows)
    tracemalloc.start()
    detect = DetectionFile(tmp_path / "a.txt")
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 40 * count and len(detect(frame(4000))) == 5 and len(detect(frame(4001))) == 0


def test_arrays_of_detectors():
    boxes = np.array([[-5, 10, 20, 40], [30, 30, 60, 300], [210, 10, 240, 40]], "float32")
    for given in (boxes, boxes.astype(int), boxes.tolist(), np.hstack([boxes, [[0.5], [0.6], [0.7]]])):
        found = as_detections(given, frame(3))
        assert found.boxes.tolist() == [[0, 10, 20, 40], [30, 30, 60, 100]]
        np.testing.assert_allclose(found.scores, [0.5, 0.6] if np.shape(given)[1] == 5 else [1, 1])
        assert found.boxes.dtype == found.scores.dtype == np.float32
        again = as_detections(found, frame(3))
        assert np.array_equal(again.boxes, found.boxes) and np.array_equal(again.scores, found.scores)
    for nothing in ([], np.empty((0, 4)), np.empty((0, 5)), ()):
        assert as_detections(nothing, frame(3)).boxes.shape == (0, 4)


def test_supervision():
    sv = pytest.importorskip("supervision")
    given = sv.Detections(np.array([[1, 2, 30, 40.0], [10, 10, 500, 50]]), confidence=np.array([0.25, 1]))
    found = as_detections(given, frame(1))
    assert found.boxes.tolist() == [[1, 2, 30, 40], [10, 10, 200, 50]] and found.scores.tolist() == [0.25, 1]
    assert as_detections(sv.Detections(np.array([[1, 2, 30, 40.0]])), frame(1)).scores.tolist() == [1]
    assert len(as_detections(sv.Detections.empty(), frame(1))) == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, ("must return supervision.Detections", "NoneType")),
        ({"boxes": []}, ("must return", "dict")),
        ("boxes", ("must return", "str")),
        (np.zeros((3, 6)), ("(N, 4) or, with scores, (N, 5)", "(3, 6)")),
        (np.zeros(4), ("(4,)",)),
        ([[1, 2, 3, 4], [1, 2, 3]], ("rows have different lengths",)),
        ([["a", "b", "c", "d"]], ("must be numbers",)),
        ([[1, 2, 3, 4], [1, 2, np.nan, 4]], ("box 2 of 2 has NaN",)),
        ([[1, 2, 3, 4, np.inf]], ("box 1 of 1 has NaN or infinity",)),
        ([[50, 60, 20, 80]], ("box 1 is 50, 60, 20, 80, which is not left, top, right, bottom",)),
    ],
)
def test_what_detectors_must_not_return(given, words):
    refused(lambda: as_detections(given, frame(7), "detect"), "detect, frame 7: ", *words)
