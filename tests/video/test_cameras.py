"""Live cameras, followed and identified: what they send is gone afterwards, and they do not wait."""

import csv
import signal
import threading
import time

import numpy as np
import pytest
from inference import others
from video.rtsp import Server

from iaunet_tf import Embedder, Gallery
from iaunet_tf.commands import main
from iaunet_tf.video import live
from iaunet_tf.video.live import together
from iaunet_tf.video.runs import run
from iaunet_tf.video.watching import Video

pytest.importorskip("av")
pytest.importorskip("trackers")
pytest.importorskip("pymilvus")
BOX = np.array([[10.0, 5.0, 40.0, 60.0, 0.9]])


@pytest.fixture(scope="module")
def embed(tmp_path_factory):
    path = others.write_onnx(tmp_path_factory.mktemp("network") / "network.onnx")
    return Embedder(path, input={"scale": "imagenet"})


def camera(server, name, detect, seconds=None):
    return Video(f"rtsp://127.0.0.1:{server.server_address[1]}/live", name, detect, seconds=seconds)


def somebody(frame):
    return BOX


def test_cameras_are_watched_at_the_same_time_and_kept_with_their_times(embed, tmp_path):
    with Server(40, True, 0.03) as one, Server(40, True, 0.03) as two:
        videos = [camera(one, "hall", somebody), camera(two, "door", somebody)]
        before = time.time()
        with Gallery(tmp_path / "people.db", embed) as gallery:
            done = run(videos, embed, tmp_path / "out", 0.2, gallery, films=True)
            hall, door = done.tracklets
            assert (hall.camera, door.camera, done.frames) == ("hall", "door", 80)
            assert before < min(hall.start, door.start) and max(hall.start, door.start) < min(hall.end, door.end)
            assert len(gallery) == 2
            # Another time, other people: nothing of before is taken for them, or replaced.
            again = run(videos[:1], embed, tmp_path / "later", 0.2, gallery)
            assert again.tracklets[0].start > hall.end and len(gallery) == 3
            times = sorted(entry.time for entry in gallery.entries())
            assert times == pytest.approx(sorted([hall.start, door.start, again.tracklets[0].start]), abs=1e-3)
    assert not list((tmp_path / "out").glob("*.mp4"))  # its frames are gone
    rows = list(csv.DictReader((tmp_path / "out" / "tracks.csv").open()))
    assert {row["video"] for row in rows} == {"hall", "door"} and len(rows) >= 76  # ByteTrack waits for a second box


def test_they_are_watched_for_as_long_as_is_wanted(embed, tmp_path):
    with Server(200, True, 0.03) as server:
        done = run([camera(server, "hall", somebody, 1.5)], embed, tmp_path / "out", 0.2)
    assert done.frames == 38  # at 25 frames per second


def test_frames_for_which_there_is_no_time_are_left_out(embed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(live, "LATEST", 0.2)

    def slow(frame):
        time.sleep(0.15)
        return BOX

    with Server(50, True, 0.035) as server:
        done = run([camera(server, "hall", slow)], embed, tmp_path / "out", 0.2)
    assert f"{50 - done.frames} of 50 frames were left out" in capsys.readouterr().out
    assert 5 < done.frames < 40


def test_what_was_found_before_an_interruption_is_of_other_frames(embed, tmp_path):
    asked = []

    def fails(frame):
        if frame.number == 20:
            raise KeyError("a fault")
        return BOX

    def works(frame):
        asked.append(frame.number)
        return BOX

    fails.__qualname__ = works.__qualname__ = "detect"
    with Server(30, True) as server:
        with pytest.raises(KeyError):
            run([camera(server, "hall", fails)], embed, tmp_path / "out", 0.2)
        run([camera(server, "hall", works)], embed, tmp_path / "out", 0.2)
    assert asked == [*range(1, 31)]


def test_what_may_be_read_again():
    again = {"a.mp4": True, "folder": True, "rtsp://camera/live": False, "http://camera/a.mp4": False}
    assert {source: Video(source, "a", somebody).lasting for source in again} == again
    are_live = {"a.mp4": False, "RTSP://camera/live": True, "rtsps://camera": True, "https://camera/a.mp4": False}
    assert {source: Video(source, "a", somebody).live for source in are_live} == are_live


def until_told(ended):
    while not ended():
        time.sleep(0.01)
    return "told"


def test_ctrl_c_ends_what_is_watched_and_keeps_it(capsys):
    main_thread = threading.main_thread().ident
    threading.Timer(0.3, signal.pthread_kill, (main_thread, signal.SIGINT)).start()
    assert together([until_told, until_told]) == ["told", "told"]
    assert "not watched any longer" in capsys.readouterr().out


def test_a_camera_that_fails_ends_the_others():
    def fails(ended):
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        together([until_told, fails])
    assert together([]) == []


def test_seconds_are_for_cameras(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("1,-1,1,1,5,5,1,-1,-1,-1\n")
    words = ["identify", str(tmp_path / "a.mp4"), "--model=a.onnx", "--out", str(tmp_path / "out"), "--seconds=5"]
    assert main(words) != 0
    assert "--seconds: is for cameras" in capsys.readouterr().err
