"""The whole way from videos to identities, by the command."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from inference import others

from iaunet_tf import Embedder
from iaunet_tf.commands import main
from iaunet_tf.video.detections import Detections
from iaunet_tf.video.frames import Frame
from iaunet_tf.video.watching import Remembered, embedding

pytest.importorskip("av")
pytest.importorskip("trackers")
pytest.importorskip("pymilvus")
ROOT = str(Path(__file__).parents[2])
SIZE = 96, 160  # height and width
COLOURS = {"red": (200, 30, 30), "blue": (30, 40, 200), "green": (20, 190, 60)}
# Who is where: camera, colour, first and last frame, left at first, step, top.
WALKS = [
    ("hall", "red", 1, 40, 4, 3, 10),
    ("hall", "blue", 5, 45, 130, -3, 40),
    ("hall", "red", 90, 120, 130, -3, 20),
    ("door", "green", 1, 40, 4, 3, 10),
    ("door", "blue", 60, 100, 4, 3, 30),
]
BOX = 20, 44  # width and height


def boxes_of(camera, number):
    """Boxes and colours of a frame."""
    for walk, colour, first, last, left, step, top in WALKS:
        if walk == camera and first <= number <= last:
            yield colour, (left + step * (number - first), top)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two videos with true boxes beside them, a network, and its words."""
    import av

    folder = tmp_path_factory.mktemp("videos")
    for camera in ("hall", "door"):
        rows = []
        with av.open(str(folder / f"{camera}.mp4"), "w") as output:
            stream = output.add_stream("mpeg4", rate=25)
            stream.height, stream.width, stream.pix_fmt, stream.bit_rate = *SIZE, "yuv420p", 4_000_000
            for number in range(1, 131):
                image = np.full((*SIZE, 3), 120, "uint8")
                for colour, (left, top) in boxes_of(camera, number):
                    image[top : top + BOX[1], max(left, 0) : left + BOX[0]] = COLOURS[colour]
                    image[top : top + 12, max(left + 5, 0) : left + 15] = 230, 190, 160
                    rows.append(f"{number},-1,{left},{top},{BOX[0]},{BOX[1]},0.9,-1,-1,-1")
                output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            output.mux(stream.encode(None))
        (folder / f"{camera}.txt").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def network(place):
    return others.write_onnx(place / "network.onnx")


def words(place, network, out, *more):
    videos = [str(place / f"{camera}.mp4") for camera in ("hall", "door")]
    stated = ("--input.scale=imagenet", "--threshold=0.2", "--films=false", "--tracker=bytetrack")
    return ["identify", *videos, "--model", str(network), "--out", str(out), *stated, *map(str, more)]


def rows_of(file):
    with open(file, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def whole(place, network, tmp_path_factory):
    """The folder of a run that was not interrupted."""
    out = tmp_path_factory.mktemp("run") / "whole"
    assert main(words(place, network, out)) == 0
    return out


def test_everybody_is_told_apart(whole):
    rows = rows_of(whole / "tracks.csv")
    named = {}
    for row in rows:
        place = round(float(row["left"])), round(float(row["top"]))
        colours = [each for each, at in boxes_of(row["video"], int(row["frame"])) if at == place or at[0] < 0]
        if row["identity"] and len(colours) == 1:
            named.setdefault(colours[0], set()).add(row["identity"])
    # Each colour has one name, in both cameras and before and after it was away, and no two have the same.
    assert sorted(named) == ["blue", "green", "red"] and all(len(names) == 1 for names in named.values())
    assert len(set.union(*named.values())) == 3
    tracklets = rows_of(whole / "tracklets.csv")
    assert len(tracklets) == len(WALKS)
    assert [row["camera"] for row in tracklets].count("hall") == 3
    assert (whole / "index.html").is_file() and len(list((whole / "crops").rglob("*.jpg"))) >= 2 * len(WALKS)


def test_a_repeated_command_writes_the_same(whole, place, network, tmp_path, capsys):
    before = (whole / "tracks.csv").read_bytes()
    assert main(words(place, network, whole)) == 0
    assert (whole / "tracks.csv").read_bytes() == before
    again = tmp_path / "again"
    assert main(words(place, network, again)) == 0
    assert (again / "tracks.csv").read_bytes() == before


def test_a_gallery_knows_them_next_time(place, network, tmp_path, capsys):
    from iaunet_tf.gallery import Gallery

    gallery = tmp_path / "people.db"
    assert main(words(place, network, tmp_path / "first", "--gallery", gallery)) == 0
    with Gallery(gallery) as opened:
        assert len(opened) == len(WALKS) and len(opened.info()["identities"]) == 3
        opened.merge(["person 1"], "Ada")
    # Repeated, nobody is there twice, and what people have said since stays.
    assert main(words(place, network, tmp_path / "first", "--gallery", gallery)) == 0
    with Gallery(gallery) as opened:
        assert len(opened) == len(WALKS) and "Ada" in opened.info()["identities"]
    capsys.readouterr()
    begin = ["--begin", *2 * ["2026-11-26T13:00Z"]]
    assert main(words(place, network, tmp_path / "second", "--gallery", gallery, *begin)) == 0
    assert "3 people, 3 of them known" in capsys.readouterr().out
    rows = rows_of(tmp_path / "second" / "tracklets.csv")
    assert {row["known"] for row in rows} == {"true"} and "Ada" in {row["identity"] for row in rows}
    with Gallery(gallery) as opened:
        assert len(opened) == 2 * len(WALKS)
        assert opened.info()["first"] >= 1795698000


def test_a_killed_run_goes_on_to_the_same_tracks(whole, place, network, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "iaunet_tf", *words(place, network, out)]
    environment = {**os.environ, "PYTHONPATH": ROOT}
    for wanted in ("run.json", "crops/hall", "work/hall.npz"):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (out / wanted).exists() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert main(words(place, network, out)) == 0
    assert (out / "tracks.csv").read_bytes() == (whole / "tracks.csv").read_bytes()
    assert not list(out.rglob(".unfinished*"))


def people(out):
    return {row["identity"] for row in rows_of(out / "tracks.csv") if row["identity"]}


def test_people_are_told_apart_anew_and_no_video_is_watched_again(whole, place, network, tmp_path, capsys):
    out, gallery = tmp_path / "out", tmp_path / "people.db"
    assert main([*words(place, network, out), "--films=true"]) == 0
    first = (out / "hall.mp4").read_bytes()
    capsys.readouterr()
    assert main([*words(place, network, out), "--threshold=2", "--films=true"]) == 0  # all who can be one are one
    assert "frames/s" not in capsys.readouterr().out
    assert len(people(out)) == 2 and (out / "hall.mp4").read_bytes() != first
    assert main([*words(place, network, out), "--threshold=2", "--apart=true"]) == 0
    assert len(people(out)) == 3
    assert main(words(place, network, out, "--gallery", gallery)) == 0
    assert (out / "tracks.csv").read_bytes() == (whole / "tracks.csv").read_bytes()
    assert not (out / "hall.mp4").exists()  # nobody asked for the new names in it
    capsys.readouterr()
    # The gallery knows them now.
    for more, other in ([["--threshold=2"], "threshold"], [["--apart=true"], "apart"]):
        assert main([*words(place, network, out, "--gallery", gallery), *more]) == 1
        printed = capsys.readouterr().err
        assert f"other {other}, and its people were added to the gallery" in printed and printed.count("\n") == 1
    assert main(words(place, network, out)) == 1
    assert "with other gallery" in capsys.readouterr().err
    assert (out / "tracks.csv").read_bytes() == (whole / "tracks.csv").read_bytes()


def test_films(place, network, tmp_path):
    import av

    out = tmp_path / "out"
    assert main([*words(place, network, out), "--films=true"]) == 0
    with av.open(str(out / "hall.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 130


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--cameras", "a", "a"], "camera a is named twice"),
        (["--cameras", "a"], "--cameras: give one for each of 2 videos; there are 1"),
        (["--cameras", "a", "../b"], "a camera's name must be one that a file may have"),
        (["--detections", "nothing.txt", "nothing.txt"], "nothing.txt: no such file"),
        (["--detections", "{place}/hall.txt", "{place}/network.onnx"], "network.onnx: returns"),
        (["--overlapping", "hall+yard"], "--overlapping hall+yard: must be two of hall, door"),
        (["--threshold", "3"], "threshold must be a number, 0 to 2; received 3"),
        (["--begin", "13:00", "13:00"], "--begin must be a time with its zone"),
        (["--gallery", "people.txt"], "people.txt: a gallery is a name that ends in .db"),
    ],
)
def test_mistakes(place, network, tmp_path, capsys, changed, message):
    changed = [word.format(place=place) for word in changed]
    assert main([*words(place, network, tmp_path / "out"), *changed]) == 1
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1
    assert not (tmp_path / "out" / "crops").exists()  # before long work


@pytest.mark.parametrize("content", [b"", b"no video", None])
def test_a_second_video_that_is_none_is_found_out_first(place, network, tmp_path, capsys, content):
    bad = tmp_path / "bad.mp4"
    if content is not None:
        bad.write_bytes(content)
    (tmp_path / "bad.txt").write_text("1,-1,4,10,20,44,0.9,-1,-1,-1\n")
    command = words(place, network, tmp_path / "out")
    command[2] = str(bad)
    assert main(command) == 1
    printed = capsys.readouterr().err
    assert str(bad) in printed and printed.count("\n") == 1 and not (tmp_path / "out" / "crops").exists()


def test_what_is_there_is_left_alone(whole, place, network, tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("x")
    for out, more, message in (
        (tmp_path / "full", [], "is not empty, and holds no run of iaunet identify"),
        (whole, ["--crops=4"], "holds a run with other settings"),
        (whole, ["--cameras", "a", "b"], "holds a run with other videos"),
    ):
        assert main([*words(place, network, out), *more]) == 1
        printed = capsys.readouterr().err
        assert message in printed and printed.count("\n") == 1


def test_nobody_finds_people(place, network, tmp_path, capsys):
    alone = tmp_path / "alone.mp4"
    alone.write_bytes((place / "hall.mp4").read_bytes())
    command = ["identify", str(alone), "--model", str(network), "--out", str(tmp_path / "out"), "--threshold=0.2"]
    assert main([*command, "--input.scale=imagenet"]) == 1
    assert "who finds people in it? give --detector, or --detections" in capsys.readouterr().err


def test_nobody_is_there(place, network, tmp_path, capsys):
    (tmp_path / "hall.csv").write_text("frame,left,top,width,height,score\n3,10,10,20,40,0.1\n")
    command = ["identify", str(place / "hall.mp4"), "--model", str(network), "--out", str(tmp_path / "out")]
    stated = ["--input.scale=imagenet", "--threshold=0.2", "--films=false"]
    assert main([*command, *stated, "--detections", str(tmp_path / "hall.csv")]) == 0
    assert "0 tracklets of 0 people" in capsys.readouterr().out
    assert rows_of(tmp_path / "out" / "tracks.csv") == []


def test_what_was_found_is_not_looked_for_again(tmp_path):
    asked = []

    def detect(frame):
        asked.append(frame.number)
        count = frame.number % 3
        return Detections(np.full((count, 4), frame.number + 1 / 3, "float32"), np.full(count, 0.7, "float32"))

    path = tmp_path / "hall.detections"
    Remembered(detect, path)(Frame(1, 0.0, None))
    detector = Remembered(detect, path)
    first = [detector(Frame(number, 0.0, None)) for number in (1, 2, 3, 4)]
    assert asked == [1, 2, 3, 4]
    with path.open("a") as file:
        file.write("[[[1.0, 2.0")  # killed while it was written
    asked.clear()
    again = Remembered(detect, path)
    for number, before in enumerate(first, 1):
        found = again(Frame(number, 0.0, None))
        np.testing.assert_array_equal(found.boxes, before.boxes)
        np.testing.assert_array_equal(found.scores, before.scores)
    assert asked == []
    assert len(again(Frame(5, 0.0, None))) == 2 and asked == [5]
    assert len(path.read_text().splitlines()) == 5


def test_the_embedding_of_a_clip_is_the_mean_of_its_pictures(network):
    embed = Embedder(network, input={"scale": "imagenet"})
    pictures = list(np.random.default_rng(0).integers(0, 256, (5, 32, 16, 3), "uint8"))
    mean = others.expected(pictures, scale="imagenet").mean(axis=0)
    np.testing.assert_allclose(embedding(embed, pictures), mean / np.linalg.norm(mean), atol=1e-5)


class Nearest:
    """A tracker of one's own: a track for each row of the picture."""

    patience = 0.5

    def __init__(self, rate):
        assert rate == 25

    def __call__(self, frame, detections):
        return detections.boxes[:, 1].astype(int)


def test_steps_are_replaced(place, network, tmp_path):
    from iaunet_tf.video.runs import run
    from iaunet_tf.video.watching import Settings, Video

    def detect(frame):
        boxes = [(left, top, left + BOX[0], top + BOX[1]) for _, (left, top) in boxes_of("hall", frame.number)]
        return np.array(boxes, "float32").reshape(-1, 4)

    def all_one(tracklets, *_):
        for each in tracklets:
            each.identity = "Ada"

    embed = Embedder(network, input={"scale": "imagenet"})
    videos, settings = [Video(str(place / "hall.mp4"), "hall", detect)], Settings(tracker=Nearest)
    for _ in range(2):  # the second one goes on from the first
        done = run(videos, embed, tmp_path / "out", 0.2, settings=settings, films=False, who=all_one)
        assert {(each.track, each.identity) for each in done.tracklets} == {(10, "Ada"), (40, "Ada"), (20, "Ada")}
    assert done.frames == 0
