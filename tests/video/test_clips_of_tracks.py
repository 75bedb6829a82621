"""Clips of tracks: few, sharp, unoccluded and spread crops, the same after an interruption."""

import gc
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageFilter

from iaunet_tf.errors import InputError
from iaunet_tf.video.clips import TALLEST, Clips, hidden_shares, sharpness
from iaunet_tf.video.detections import Detections
from iaunet_tf.video.frames import Frame


def person(blur, seed=0):
    """A picture of noise, blurred."""
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (120, 60, 3)).astype("uint8"))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(blur)))


def view(number, blur=1.0, left=20, top=20):
    image = np.full((200, 300, 3), 100, "uint8")
    image[top : top + 120, left : left + 60] = person(blur)
    return Frame(number, number / 10, image)


def found(*boxes):
    return Detections(np.array(boxes, "float32").reshape(-1, 4), np.ones(len(boxes), "float32"))


def collect(clips, frames, box=(20, 20, 80, 140)):
    for frame in frames:
        clips.add(frame, found(box), np.array([1]))
    return clips


@pytest.mark.parametrize("most", [1, 4, 8])
@pytest.mark.parametrize("count", [1, 3, 8, 9, 50, 130])
def test_the_sharpest_of_each_stretch(most, count):
    blurs = np.random.default_rng(count).uniform(0.5, 5, count).tolist()
    sharp = [sharpness(person(blur)) for blur in blurs]
    (tracklet,) = collect(Clips(most), (view(index + 1, blur) for index, blur in enumerate(blurs))).ended()
    width = 1
    while -(-count // width) > most:
        width *= 2
    stretches = [range(start, min(start + width, count)) for start in range(0, count, width)]
    assert [crop.frame - 1 for crop in tracklet.crops] == [max(part, key=sharp.__getitem__) for part in stretches]
    assert len(tracklet.crops) <= most and (count < most or len(tracklet.crops) > most / 2)
    assert (tracklet.first, tracklet.last, tracklet.count, tracklet.end) == (1, count, count, count / 10)
    for crop in tracklet.crops:
        assert np.array_equal(crop.image, person(blurs[crop.frame - 1])) and crop.box == (20, 20, 80, 140)


def test_sharpness_is_that_of_what_can_be_seen():
    values = [sharpness(person(blur)) for blur in (0.3, 1, 2, 4, 8)]
    assert values == sorted(values, reverse=True) and values[0] > 10 * values[-1]
    picture = Image.fromarray(person(1))
    small = picture.resize((15, 30)).resize((60, 120))
    assert sharpness(np.asarray(small)) < sharpness(np.asarray(picture)) / 2
    assert sharpness(np.full((50, 30, 3), 77, "uint8")) == 0


def test_people_behind_others_are_passed_over():
    clips = Clips(1)
    behind, before = (20, 20, 80, 140), (40, 60, 120, 190)
    clips.add(view(1, 3), found(behind), np.array([1]))
    for number in (2, 3):  # sharper, but someone, of whom no track is known, hides much
        clips.add(view(number, 0.5), found(behind, before), np.array([1, -1]))
    clips.add(view(4, 2), found(behind, (70, 10, 120, 100)), np.array([1, 2]))  # the other one is farther away
    kept = {tracklet.track: [crop.frame for crop in tracklet.crops] for tracklet in clips.ended()}
    assert kept == {1: [4], 2: [4]}


def test_people_at_the_border_are_passed_over():
    clips = Clips(1)
    clips.add(view(1, 0.5, left=0), found((0, 20, 60, 140)), np.array([1]))
    clips.add(view(2, 3, left=5), found((5, 20, 65, 140)), np.array([1]))
    clips.add(view(3, 0.5, left=0), found((0, 20, 60, 140)), np.array([1]))
    assert [crop.frame for crop in clips.ended()[0].crops] == [2]


def test_hidden_shares():
    rng = np.random.default_rng(0)
    starts = rng.uniform(2, 60, (30, 2))
    boxes = np.hstack([starts, starts + rng.uniform(10, 37, (30, 2))])
    shares = hidden_shares(boxes, (100, 100))
    ys, xs = ((np.arange(2000) + 0.5) / 20 for _ in range(2))  # points in tenths of tenths of pixels
    for row, (left, top, right, bottom) in enumerate(boxes):
        down, across = ys[(ys > top) & (ys < bottom)], xs[(xs > left) & (xs < right)]
        covered = np.zeros((len(down), len(across)), bool)
        for other in boxes[boxes[:, 3] > bottom]:
            covered |= ((down > other[1]) & (down < other[3]))[:, None] & ((across > other[0]) & (across < other[2]))
        assert abs(covered.mean() - shares[row]) < 0.12
    at_borders = [(0, 20, 18, 60), (20, 0, 40, 50), (60, 20, 100, 60), (20, 55, 40, 100), (2, 2, 10, 10)]
    assert hidden_shares(np.array(at_borders), (100, 100)).tolist() == [0.25, 0.25, 0.25, 0.25, 0]
    assert hidden_shares(np.empty((0, 4)), (100, 100)).shape == (0,)


def scene(count=150, seed=2):
    """Frames of a few people who walk about, come and go."""
    rng = np.random.default_rng(seed)
    for number in range(1, count + 1):
        image = rng.integers(0, 256, (100, 160, 3)).astype("uint8")
        tracks = np.flatnonzero(rng.uniform(size=6) < (0.9 if number % 50 < 35 else 0.05))
        left, top = rng.uniform(0, 100, len(tracks)), rng.uniform(0, 40, len(tracks))
        boxes = np.stack([left, top, left + rng.uniform(9, 59), top + rng.uniform(9, 59)], axis=1).astype("float32")
        yield (
            Frame(number, number / 25, image),
            Detections(boxes, np.ones(len(boxes), "float32")),
            tracks + number // 50,
        )


def test_tracks_are_over_when_nobody_was_seen_for_long():
    clips = Clips(4, patience=0.55)
    for number in (1, 2, 3):
        clips.add(view(number), found((20, 20, 80, 140), (100, 20, 160, 140)), np.array([7, 3 if number < 3 else -1]))
    assert clips.ended(0.7) == [] and [each.track for each in clips.ended(0.8)] == [3]
    assert [each.track for each in clips.ended(0.9)] == [7] and clips.ended() == []


def test_crops_of_odd_boxes():
    clips = Clips(2)
    odd = found((10.2, 10.2, 10.9, 90), (290, 150, 300, 200), (0, 0, 300, 200), (50.5, 60.5, 70.2, 90.9))
    clips.add(view(1), odd, np.array([1, 2, 3, 4]))
    shapes = {each.track: [crop.image.shape for crop in each.crops] for each in clips.ended()}
    assert shapes == {1: [], 2: [(50, 10, 3)], 3: [(200, 300, 3)], 4: [(31, 21, 3)]}
    huge = Frame(1, 0.0, np.zeros((4 * TALLEST, 900, 3), "uint8"))
    clips.add(huge, found((10, 4, 810, 4 + 3 * TALLEST)), np.array([5]))
    assert clips.ended()[0].crops[0].image.shape == (TALLEST, round(800 / 3), 3)
    with pytest.raises(InputError, match="most must be"):
        Clips(0)


@pytest.mark.slow
def test_memory_does_not_grow_with_length():
    clips, peaks = Clips(8), []
    noise = np.random.default_rng(0).integers(0, 256, (60, 30, 3)).astype("uint8")
    tracemalloc.start()
    for number in range(1, 1201):
        image = np.roll(noise, 7 * number, 0)
        clips.add(Frame(number, number / 25, image), found((2, 2, 28, 58)), np.array([1]))
        if number in (300, 1200):
            gc.collect()
            peaks.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000 and len(clips.ended()[0].crops) == 5
