"""A drawn world with several cameras: its truth, its videos, and what is to be seen in them."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from iaunet_tf.commands import main
from iaunet_tf.data.synthetic.drawing import cast
from iaunet_tf.data.synthetic.world import World, WorldOptions, draw_world, video
from iaunet_tf.data.synthetic.world.walks import AWAY
from iaunet_tf.errors import InputError

OPTIONS = WorldOptions(seed=1, cameras=3, people=6, seconds=30)
CAMERAS = ("camera1", "camera2", "camera3")
SHORT = WorldOptions(seed=4, cameras=1, people=3, seconds=9)  # longer than a part of a video


@pytest.fixture(scope="module")
def av():
    return pytest.importorskip("av")


@pytest.fixture(scope="module")
def folder(av, tmp_path_factory):
    folder = tmp_path_factory.mktemp("world") / "drawn"
    draw_world(folder, OPTIONS)
    return folder


@pytest.fixture(scope="module")
def truth(folder):
    """By camera: frame, identity, left, top, width, height, 1, 1, visibility."""
    return {name: np.loadtxt(folder / f"{name}.txt", delimiter=",", ndmin=2) for name in CAMERAS}


def decoded(av, file):
    """Frames, and their times in seconds."""
    with av.open(str(file)) as container:
        frames = [(frame.to_ndarray(format="rgb24"), frame.time) for frame in container.decode(video=0)]
    return np.stack([frame for frame, _ in frames]), [time for _, time in frames]


def overlap(a, b):
    """Intersection over union of boxes: (N, M)."""
    start = np.maximum(a[:, None, :2], b[None, :, :2])
    end = np.minimum(a[:, None, :2] + a[:, None, 2:4], b[None, :, :2] + b[None, :, 2:4])
    both = np.clip(end - start, 0, None).prod(-1)
    return both / (a[:, 2:4].prod(-1)[:, None] + b[:, 2:4].prod(-1)[None] - both)


def test_truth_is_within_the_picture_and_the_video(truth):
    for rows in truth.values():
        frame, identity, left, top, width, height, considered, kind, visibility = rows.T
        assert frame.min() >= 1 and frame.max() <= 375 and (np.diff(frame) >= 0).all()
        assert set(identity) <= set(range(1, 7))
        assert len({(a, b) for a, b in rows[:, :2]}) == len(rows)
        assert min(left.min(), top.min()) >= 0 and min(width.min(), height.min()) > 1
        assert (left + width).max() <= 480.01 and (top + height).max() <= 270.01
        assert (considered == 1).all() and (kind == 1).all()
        assert visibility.min() >= 0.1 and visibility.max() == 1
        whole = (left > 0) & (left + width < 480) & (top > 0) & (top + height < 270)
        assert height[whole].min() > 60 and height[whole].max() < 170


def test_identities_are_those_of_all_cameras(truth):
    seen = {name: {(int(frame), int(identity)) for frame, identity in rows[:, :2]} for name, rows in truth.items()}
    assert len(seen["camera1"] & seen["camera2"]) > 50  # they watch the same place
    assert not seen["camera3"] & (seen["camera1"] | seen["camera2"])
    people = {name: {identity for _, identity in rows} for name, rows in seen.items()}
    assert len(people["camera3"] & (people["camera1"] | people["camera2"])) >= 4
    assert set.union(*people.values()) == set(range(1, 7))


def test_everybody_leaves_and_comes_back(truth):
    rows = np.concatenate(list(truth.values()))
    for identity in range(1, 7):
        frames = np.unique(rows[rows[:, 1] == identity, 0])
        assert np.diff(frames).max() > 20  # 1.6 s


def test_everybody_leaves_and_comes_back_in_any_world():
    for seed, cameras in [(seed, cameras) for seed in range(6) for cameras in (1, 2, 4)]:
        world = World(WorldOptions(seed=seed, cameras=cameras, seconds=30))
        for walk in world.walks:
            seen = np.any([(walk.place == v.place) & v.sees(walk.x, walk.y, walk.height) for v in world.views], axis=0)
            away = np.flatnonzero(walk.place == AWAY)
            assert any(seen[:frame].any() and seen[frame:].any() for frame in away), (seed, cameras, walk.identity)
            # Nobody appears or vanishes in the middle of a picture.
            changes = np.flatnonzero(np.diff((walk.place != AWAY).astype(int)))
            assert not any(seen[frame] and seen[frame + 1] for frame in changes)
            steps = np.hypot(np.diff(walk.x), np.diff(walk.y))[(walk.place[1:] != AWAY) & (walk.place[:-1] != AWAY)]
            assert steps.max() * 12.5 < 1.7  # metres a second


def test_overlaps_are_told(folder):
    told = json.loads((folder / "world.json").read_text())
    assert told["overlaps"] == [["camera1", "camera2"]]
    assert (told["cameras"], told["people"], told["seconds"], told["rate"]) == (3, 6, 30, 12.5)
    assert World(WorldOptions(cameras=1)).overlaps == []


def test_people_hide_each_other_and_are_hidden_by_things(truth):
    by_people = by_things = 0
    for rows in truth.values():
        left, width = rows[:, 2], rows[:, 4]
        hidden = (rows[:, 8] < 0.6) & (left > 0) & (left + width < 480)
        for row in rows[hidden]:
            others = rows[(rows[:, 0] == row[0]) & (rows[:, 1] != row[1])]
            near = len(others) and overlap(row[None, 2:6], others[:, 2:6]).max() > 0
            by_people, by_things = by_people + bool(near), by_things + (not near)
    assert by_people > 20 and by_things > 20


def test_videos_have_the_frames_of_the_truth(av, folder):
    for name in CAMERAS:
        frames, times = decoded(av, folder / f"{name}.mp4")
        assert frames.shape == (375, 270, 480, 3)
        np.testing.assert_allclose(times, np.arange(375) / 12.5, atol=1e-3)


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
def test_parts_of_a_video_follow_each_other(av, tmp_path, monkeypatch, encoder):
    if encoder not in av.codecs_available:
        pytest.skip(f"PyAV without {encoder}")
    monkeypatch.setattr(video, "ENCODERS", {encoder: video.ENCODERS[encoder]})
    frames = np.zeros((31, 48, 64, 3), "uint8")
    for number, frame in enumerate(frames):
        frame[:, : 2 * number] = (200, 100, 50)
    parts = []
    for start, end in ((0, 14), (14, 30), (30, 31)):
        parts.append(tmp_path / f"{start}.mp4")
        video.write_video(parts[-1], frames[start:end], Fraction(25, 2), 64, 48)
    video.join_videos(tmp_path / "whole.mp4", parts)
    found, times = decoded(av, tmp_path / "whole.mp4")
    assert np.abs(found.astype(int) - frames).mean((1, 2, 3)).max() < 5
    np.testing.assert_allclose(times, np.arange(31) / 12.5, atol=1e-3)
    with av.open(str(tmp_path / "whole.mp4")) as file:
        stream = file.streams.video[0]
        assert (stream.average_rate, stream.frames) == (Fraction(25, 2), 31)
        assert stream.codec_context.name == {"libx264": "h264", "mpeg4": "mpeg4"}[encoder]


def test_people_are_where_the_truth_has_them(av, folder, truth):
    world = World(OPTIONS)
    for name in CAMERAS:
        scene, rows = world.scenes[name], truth[name]
        scene.walks = []  # nobody
        frames, _ = decoded(av, folder / f"{name}.mp4")
        inside, outside, hidden = [], [], []
        for number in range(0, 375, 7):
            changed = np.abs(frames[number].astype(int) - scene.frame(number)[0]).max(-1) > 40
            free = np.ones_like(changed)
            for _, _, left, top, width, height, _, _, visibility in rows[rows[:, 0] == number + 1]:
                box = slice(round(top), round(top + height)), slice(round(left), round(left + width))
                free[box] = False
                if visibility > 0.99:
                    inside.append(changed[box].mean())
                elif visibility < 0.3 and left > 0 and left + width < 480:
                    hidden.append(changed[box].mean())
            outside.append(changed[free].mean())
        assert len(inside) > 20 and np.median(inside) > 0.15, name
        assert np.mean(outside) < 0.01, name
        assert not hidden or np.median(hidden) < np.median(inside), name


def test_crops_look_like_the_person_whom_they_are_of(av, folder, truth):
    """Mean colours of a person's upper half differ less within a camera than between people."""
    frames, _ = decoded(av, folder / "camera3.mp4")
    rows = truth["camera3"]
    colours = {}
    for frame, identity, left, top, width, height, *_, visibility in rows:
        if visibility > 0.95:
            x, y = left + width / 2, top + 0.32 * height
            part = frames[int(frame) - 1, int(y - 6) : int(y + 6), int(x - 4) : int(x + 4)]
            colours.setdefault(identity, []).append(part.mean((0, 1)))
    colours = {identity: np.array(each) for identity, each in colours.items() if len(each) > 10}
    within = np.mean([each.std(0).mean() for each in colours.values()])
    between = np.mean([np.abs(a.mean(0) - b.mean(0)).mean() for a, b in combinations(colours.values(), 2)])
    assert len(colours) >= 4 and between > within


def test_a_noisy_detector_errs_within_limits(folder, truth):
    found = in_view = half_hidden = found_half_hidden = false = boxes = 0
    for name in CAMERAS:
        rows = np.loadtxt(folder / f"{name}.noisy.txt", delimiter=",")
        assert rows.shape[1] == 10 and (rows[:, [1, 7, 8, 9]] == -1).all()
        assert rows[:, 6].min() > 0 and rows[:, 6].max() < 1
        assert rows[:, 2:4].min() >= 0 and (rows[:, 2:4] + rows[:, 4:6]).max(0).tolist() <= [480.01, 270.01]
        for frame in range(1, 376):
            true, noisy = truth[name][truth[name][:, 0] == frame], rows[rows[:, 0] == frame]
            match = overlap(true[:, 2:6], noisy[:, 2:6]) > 0.5
            clear, hidden = true[:, 8] > 0.9, true[:, 8] < 0.3
            hit = match.any(1)
            found, in_view = found + hit[clear].sum(), in_view + clear.sum()
            found_half_hidden, half_hidden = found_half_hidden + hit[hidden].sum(), half_hidden + hidden.sum()
            false, boxes = false + (~match.any(0)).sum(), boxes + len(noisy)
    assert 0.93 < found / in_view < 1
    assert found_half_hidden / half_hidden < 0.7
    assert 0.01 < false / boxes < 0.12


def test_walkers_are_in_no_data_set():
    walkers = {walk.person for walk in World(WorldOptions(people=40)).walks}
    assert len(walkers) == 40
    for seed in (0, 1):
        for first in (0, 10_000, 20_000, 40_000, 50_000, 60_000):
            assert not walkers & set(cast(seed, 3, first, 300))
    clothes = {(walk.person.upper, walk.person.lower) for walk in World(WorldOptions(people=12)).walks}
    assert len(clothes) == 10  # two of six wear the same


def test_the_same_options_give_the_same_files(av, tmp_path):
    draw_world(tmp_path / "a", SHORT)
    draw_world(tmp_path / "b", SHORT)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["camera1.mp4", "camera1.noisy.txt", "camera1.txt", "world.json"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    draw_world(tmp_path / "a", SHORT)  # is there
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    for other in (replace(SHORT, seed=5), replace(SHORT, people=4)):
        with pytest.raises(InputError, match="exists and is not this drawn world; name another folder"):
            draw_world(tmp_path / "a", other)
    (tmp_path / "a" / "camera1.txt").unlink()
    with pytest.raises(InputError, match="name another folder"):
        draw_world(tmp_path / "a", SHORT)


def test_frames_do_not_depend_on_those_before(tmp_path):
    one, other = World(SHORT).scenes["camera1"], World(SHORT).scenes["camera1"]
    for number in range(40):
        one.frame(number)
    for number in (39, 5):
        (image, seen), (again, seen_again) = one.frame(number), other.frame(number)
        assert (image == again).all() and seen == seen_again
    assert (World(replace(SHORT, seed=5)).scenes["camera1"].frame(5)[0] != other.frame(5)[0]).any()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"cameras": 0}, "cameras of a world must be a whole number from 1 to 9; received 0"),
        ({"people": 100}, "people of a world must be a whole number from 1 to 99; received 100"),
        ({"seconds": 1.5}, "seconds of a world must be a whole number from 1 to 3600; received 1.5"),
        ({"seed": -1}, "seed of a world must be a whole number"),
        ({"alike": 7}, "alike of a world must be a whole number from 1 to 6; received 7"),
        ({"people": "12"}, "people of a world must be a whole number from 1 to 99; received 12"),
    ],
)
def test_options_out_of_range(options, line):
    with pytest.raises(InputError, match=line):
        WorldOptions(**options)


def test_other_things_stay(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name in ("mine", "file"):
        with pytest.raises(InputError, match=f"{name}: exists and is not this drawn world; name another folder"):
            draw_world(tmp_path / name, SHORT)
    assert (tmp_path / "mine" / "a.txt").read_text() == (tmp_path / "file").read_text() == "precious"


def test_without_pyav(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)  # as if it were not installed
    assert main(["data", "world", str(tmp_path / "a")]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'a'}: requires PyAV: pip install 'iaunet-tf[video]'\n"
    assert not list(tmp_path.iterdir())


def test_by_the_command(av, tmp_path, capsys):
    words = ["data", "world", str(tmp_path / "a"), "--cameras=1", "--people", "2", "--seconds=2"]
    assert main(words) == 0
    assert capsys.readouterr().out == f"1 videos of 2 s, 2 people: {tmp_path / 'a'}\n"
    assert len(decoded(av, tmp_path / "a" / "camera1.mp4")[0]) == 25
    assert main([*words, "--seed=1"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_whole_or_not_at_all(av, tmp_path):
    command = [sys.executable, "-m", "iaunet_tf", "data", "world", str(tmp_path / "a"), "--seconds", "600"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".unfinished-*/camera1-*.mp4")) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list(tmp_path.glob(".unfinished-*/camera1-*.mp4"))
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM and "Traceback" not in error
    assert not list(tmp_path.iterdir())
