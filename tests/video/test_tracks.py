"""Tracks within a camera, by Roboflow's trackers."""

import subprocess
import sys

import numpy as np
import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.video.detections import Detections
from iaunet_tf.video.frames import Frame
from iaunet_tf.video.tracks import Tracker

pytest.importorskip("trackers")
KINDS = ("bytetrack", "sort")
IMAGE = np.zeros((400, 600, 3), "uint8")


def walk(count=60, seed=0, rate=25.0, without=()):
    """Three people who walk side by side, in another order in every frame, and one of them not in the frames
    `without`: frames, detections and who they are."""
    rng = np.random.default_rng(seed)
    for number in range(1, count + 1):
        people = rng.permutation([0, 1] if number in without else [0, 1, 2])
        left, top = 20 + 150 * people + 2.0 * number, 50.0 + 80 * people + rng.uniform(-1, 1, len(people))
        boxes = np.stack([left, top, left + 60, top + 150], axis=1).astype("float32")
        scores = rng.uniform(0.75, 1, len(people)).astype("float32")
        yield Frame(number, number / rate, IMAGE), Detections(boxes, scores), people


@pytest.mark.parametrize("kind", KINDS)
def test_people_keep_their_numbers(kind):
    tracker, numbers = Tracker(kind), {}
    for frame, detections, people in walk():
        tracks = tracker(frame, detections)
        assert tracks.shape == people.shape and tracks.dtype == np.int64
        for track, who in zip(tracks.tolist(), people.tolist(), strict=True):
            if track >= 0:
                numbers.setdefault(who, set()).add(track)
        assert frame.number < 5 or (tracks >= 1).all()
    assert sorted(map(sorted, numbers.values())) == [[1], [2], [3]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rate", "missing", "kept"), [(25, 15, True), (25, 35, False), (10, 8, True), (10, 14, False)])
def test_patience_is_in_seconds(kind, rate, missing, kept):
    """A person is lost for some frames: less than a second, or more."""
    tracker, seen = Tracker(kind, rate), set()
    for frame, detections, people in walk(rate=rate, without=range(20, 20 + missing)):
        tracks = tracker(frame, detections)
        seen |= set(tracks[people == 2].tolist())
    assert tracker.patience == 1.0 and len(seen - {-1}) == (1 if kept else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_that_are_missing_count_as_time(kind):
    for gap, tracks_of_one in ((0.4, 1), (3.0, 2)):
        tracker, seen = Tracker(kind, minimum_iou=0.1), set()  # people walk on unseen
        for frame, detections, people in walk():
            if frame.number == 30:
                continue
            # The others stand still meanwhile.
            late = Frame(frame.number, frame.time + gap * (frame.number > 30), IMAGE)
            seen |= set(tracker(late, detections)[people == 1].tolist())
        assert len(seen - {-1}) == tracks_of_one


@pytest.mark.parametrize("kind", KINDS)
def test_cameras_do_not_share_numbers_and_runs_are_equal(kind):
    one, other, runs = Tracker(kind), Tracker(kind), []
    for first, second in zip(walk(seed=1), walk(seed=1), strict=True):
        alone = one(*first[:2])
        assert np.array_equal(alone, other(*second[:2]))
        runs.append(alone)
    again = Tracker(kind)
    # After an interruption, the detections so far are enough, without the pictures.
    replayed = [again(Frame(frame.number, frame.time, None), detections) for frame, detections, _ in walk(seed=1)]
    assert all(np.array_equal(*pair) for pair in zip(runs, replayed, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_nobody(kind):
    tracker = Tracker(kind)
    nobody = Detections(np.empty((0, 4), "float32"), np.empty(0, "float32"))
    for number in range(1, 20):
        assert tracker(Frame(number, number / 25, IMAGE), nobody).shape == (0,)
    for frame, detections, _ in walk(10):
        late = Frame(frame.number + 20, frame.time + 1, IMAGE)
        tracks = tracker(late, detections)
    assert sorted(tracks) == [1, 2, 3]
    assert tracker(Frame(31, 1.44, IMAGE), nobody).shape == (0,)


def test_options_are_handed_on():
    assert Tracker(lost_track_buffer=90).patience == 3.0
    for options, words in (
        ({"kind": "deepsort"}, "tracker must be one of bytetrack, sort"),
        ({"rate": 0}, "rate must be"),
        ({"lost_track_bufer": 3}, "tracker bytetrack: .*lost_track_bufer"),
        ({"lost_track_buffer": -3}, "tracker bytetrack: "),
    ):
        with pytest.raises(InputError, match=words):
            Tracker(**options)


def test_the_package_may_be_missing():
    script = (
        "import sys; sys.modules['supervision'] = None\n"
        "from iaunet_tf.video.tracks import Tracker\n"
        "from iaunet_tf.errors import InputError\n"
        "try: Tracker()\n"
        "except InputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "pip install 'iaunet-tf[video]'" in done.stdout and done.stdout.count("\n") == 1, done.stderr
