"""Videos with boxes and names, decoded again."""

import subprocess
import sys
import weakref
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.errors import InputError
from iaunet_tf.video.annotated import annotate
from iaunet_tf.video.colours import NOBODY, PALETTE, colours_of, text_on
from iaunet_tf.video.drawing import Label, draw_people
from iaunet_tf.video.tracks_csv import Row

ROOT = Path(__file__).parents[2]
GROUND = (70, 90, 110)
NAMES = ["Anna", "<script>alert(1)</script>", "Łukasz 🙂 李", "x" * 3000, "two\nlines\x00", "", " ", "Ζωή", "\udcff"]


@dataclass
class Frame:
    number: int
    time: float
    image: np.ndarray


def film(times, height=120, width=200):
    for number, time in enumerate(times, 1):
        yield Frame(number, time, np.full((height, width, 3), GROUND, "uint8"))


def row(frame, left, top, width, height, identity="Anna", track=1):
    return Row("hall", frame, 0.0, track, identity, None, left, top, width, height)


def decoded(path):
    """Times and RGB pixels of all frames."""
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [frame.time for frame in frames], [frame.to_ndarray(format="rgb24") for frame in frames]


def like(pixels, colour, within=40):
    """Which pixels have a colour, as far as compression leaves it."""
    return np.abs(pixels.astype(int) - colour).max(axis=-1) <= within


@pytest.fixture
def out(tmp_path):
    pytest.importorskip("av")
    return tmp_path / "hall.mp4"


# --- colours ---------------------------------------------------------------------------------------------------------


def lab(colour):
    """CIELAB, by the standard's formulas."""
    linear = [(v / 255 / 12.92) if v <= 10.31 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(matrix) @ linear / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_colours_differ():
    assert min(np.linalg.norm(lab(one) - lab(other)) for one, other in combinations(PALETTE, 2)) > 35


@pytest.mark.parametrize("colour", [*PALETTE, NOBODY])
def test_text_can_be_read(colour):
    def luminance(rgb):
        linear = [(v / 255 / 12.92) if v <= 10.31 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in rgb]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    bright, dark = sorted((luminance(colour), luminance(text_on(colour))), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= 4.5  # as WCAG asks for


def test_people_have_different_colours():
    names = [f"person {number}" for number in range(len(PALETTE))]
    found = colours_of(names)
    assert len(set(found.values())) == len(names)
    assert colours_of(reversed(names)) == found == colours_of(names * 2)
    more = colours_of([f"person {number}" for number in range(500)])
    assert len(more) == 500 and set(more.values()) == set(PALETTE)
    assert colours_of([]) == {}


def test_a_name_has_its_colour_in_every_process():
    script = "from iaunet_tf.video.colours import colours_of; print(colours_of(['Anna'])['Anna'])"
    done = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env={"PYTHONHASHSEED": seed}, cwd=ROOT
        )
        for seed in ("1", "2")
    ]
    assert [each.stdout.strip() for each in done] == [str(colours_of(["Anna"])["Anna"])] * 2


# --- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("box", [(60, 50, 90, 100), (-20, -30, 30, 60), (180, 100, 260, 180), (0, 0, 200, 120)])
@pytest.mark.parametrize("size", [(200, 120), (40, 30), (9, 9), (1, 1)])
def test_any_name_at_any_place(name, box, size):
    colour = PALETTE[0]
    picture = Image.new("RGB", size, GROUND)
    draw_people(picture, [(Label(name, colour), box)])
    inside = box[0] < size[0] and box[1] < size[1]
    assert like(np.asarray(picture), colour, 0).any() == inside


@pytest.mark.parametrize("name", ["Anna", "person 17"])
@pytest.mark.parametrize("box", [(60, 50, 90, 100), (-20, -30, 30, 60), (185, 100, 260, 180), (190, 2, 199, 40)])
def test_a_name_is_drawn_whole(name, box):
    """Wherever the box is, as many pixels of a tag are seen as in the middle of the picture."""

    def tag(box):
        plain, drawn = (Image.new("RGB", (200, 120), GROUND) for _ in range(2))
        draw_people(plain, [(Label("", PALETTE[0]), box)])
        draw_people(drawn, [(Label(name, PALETTE[0]), box)])
        changed = np.asarray(drawn).astype(int) != np.asarray(plain)
        box = Image.fromarray(changed.any(axis=-1)).getbbox()
        return box[2] - box[0], box[3] - box[1]

    width, height = tag(box)
    expected = tag((60, 50, 90, 100))
    # Lines of a box below its tag are of the same colour.
    assert abs(width - expected[0]) <= 3 and abs(height - expected[1]) <= 3


@pytest.mark.parametrize(
    "box",
    [
        (300, 10, 320, 60),
        (-50, 10, -10, 60),
        (10, 10, 10, 60),
        (30, 60, 20, 10),
        (np.nan, 1, 20, 20),
        (0, 0, np.inf, 9),
    ],
)
def test_boxes_outside_are_left_out(box):
    picture = Image.new("RGB", (200, 120), GROUND)
    draw_people(picture, [(Label("Anna", PALETTE[0]), box)])
    assert (np.asarray(picture) == GROUND).all()


@pytest.mark.parametrize("shift", [0, 4, 30])
def test_tags_do_not_cover_each_other(shift):
    colours = [colour for colour in PALETTE if text_on(colour) == (255, 255, 255)]
    people = [(Label("Anna", colours[n]), (20 + n * shift, 40 + n, 50 + n * shift, 110 + n)) for n in range(3)]

    def letters(people):
        picture = Image.new("RGB", (200, 160), GROUND)
        draw_people(picture, people)
        return like(np.asarray(picture), (255, 255, 255), 0).sum()

    assert letters(people) == 3 * letters(people[:1]) > 0


def test_long_names_are_told_apart_by_their_begin():
    def drawn(name):
        picture = Image.new("RGB", (200, 120), GROUND)
        draw_people(picture, [(Label(name, PALETTE[0]), (10, 50, 60, 110))])
        return np.asarray(picture)

    assert (drawn("a" + "x" * 5000) != drawn("b" + "x" * 5000)).any()
    assert (drawn("Ж") != drawn("Я")).any() and (drawn("Ł") != drawn("L")).any()


# --- videos ----------------------------------------------------------------------------------------------------------


def test_box_of_the_colour_at_its_place(out):
    colours = colours_of(["Anna", "Ben"])
    rows = [
        row(2, 20, 40, 40, 60),
        row(2, 120, 50, 50, 60, "Ben", 2),
        row(4, 21, 41, 40, 60),
    ]
    assert annotate(film([0, 0.04, 0.08, 0.12]), rows, out, colours=colours) == 4
    times, pictures = decoded(out)
    assert times == pytest.approx([0, 0.04, 0.08, 0.12], abs=1e-4)
    for empty in (pictures[0], pictures[2]):
        assert like(empty, GROUND, 8).all()
    anna, ben = colours["Anna"], colours["Ben"]
    for picture, left, top in ((pictures[1], 20, 40), (pictures[3], 21, 41)):
        assert like(picture, anna, 60)[top + 5 : top + 55, left + 1].mean() > 0.9  # the middle of the left line
        assert like(picture, anna, 60)[top + 5 : top + 55, left + 38].mean() > 0.9  # the right one
        assert like(picture, anna, 60)[top + 58, left + 5 : left + 35].mean() > 0.9  # below
        assert like(picture, GROUND, 20)[top + 15 : top + 50, left + 10 : left + 30].all()  # inside it is free
        assert not like(picture, anna, 60)[:, 100:].any()
    assert like(pictures[1], ben, 60)[55:105, 121].mean() > 0.9
    assert not like(pictures[3], ben, 60).any()
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_a_person_looks_the_same_in_all_videos(out):
    found = []
    for camera, place in (("a", 10), ("b", 60), ("c", 110)):
        path = out.with_name(f"{camera}.mp4")
        annotate(film([0.0]), {1: [row(1, place, 40, 40, 60)]}, path)
        found.append(decoded(path)[1][0][45:95, place + 1].mean(axis=0))
    assert np.ptp(found, axis=0).max() < 25


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 1 / 30, 2 / 30, 1.5, 60], [0, 1 / 30, 2 / 30, 1.5, 60]),  # not at a constant rate
        ([n * 1001 / 30000 for n in range(9)], [n * 1001 / 30000 for n in range(9)]),
        ([2.5, 2.6, 2.7], [2.5, 2.6, 2.7]),
        ([1764162000.5, 1764162000.75, 1764162003.25], [0, 0.25, 2.75]),  # dates
        ([-50.0, -49.5], [0, 0.5]),
        ([0, 0.5, 0.5, 0.2, 1.0], [0, 0.5, 0.5, 0.5, 1.0]),  # what goes back, or not on
    ],
)
def test_times_are_kept(out, times, expected):
    assert annotate(film(times, 32, 32), [], out) == len(times)
    assert decoded(out)[0] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("height", "width"), [(121, 200), (120, 201), (97, 131), (1, 1), (3, 2), (2, 2), (16, 16)])
def test_sizes_become_even(out, height, width):
    annotate(film([0, 0.04], height, width), [row(1, 0, 0, 3, 3)], out)
    for picture in decoded(out)[1]:
        assert picture.shape == (height + height % 2, width + width % 2, 3)
    assert like(decoded(out)[1][1], GROUND, 8).all()  # also what was added


def test_pictures_of_another_size(out):
    frames = [*film([0]), *(Frame(2 + n, 1.0 + n, each.image) for n, each in enumerate(film([0, 0], 60, 100)))]
    annotate(frames, [], out)
    assert {picture.shape for picture in decoded(out)[1]} == {(120, 200, 3)}


@pytest.mark.parametrize("identity", [*NAMES, None])
def test_odd_names(out, identity):
    assert annotate(film([0, 0.04]), [row(1, 50, 50, 40, 60, identity)], out) == 2
    picture = decoded(out)[1][0]
    colour = NOBODY if identity is None else colours_of([identity])[identity]
    assert like(picture, colour, 60)[60:100, 51].mean() > 0.9


def test_names_of_tracks(out):
    """Identities that are known only when the tracks are complete take the place of those of the rows."""
    annotate(film([0]), [row(1, 20, 40, 40, 60, "?", 3), row(1, 120, 40, 40, 60, "?", 4)], out, names={3: "Ben"})
    picture = decoded(out)[1][0]
    assert like(picture, colours_of(["Ben"])["Ben"], 60)[45:95, 21].mean() > 0.9
    assert like(picture, NOBODY, 60)[45:95, 121].mean() > 0.9


def test_nobody(out):
    assert annotate(film([0, 0.04]), [], out) == annotate(film([0, 0.04]), {}, out) == 2


def test_boxes_of_frames_that_do_not_come(out):
    frames = [frame for frame in film([0, 0.1, 0.2, 0.3, 0.4]) if frame.number in (2, 4)]
    rows = [row(n, 20, 40, 40, 60) for n in (1, 3, 4, 4, 5, 9)]
    annotate(frames, iter(rows), out)
    first, second = decoded(out)[1]
    assert like(first, GROUND, 8).all() and not like(second, GROUND, 8).all()


def test_rows_out_of_order(out):
    with pytest.raises(InputError, match=r"hall: its boxes .* one of frame 2 comes after one of frame 3"):
        annotate(film([0, 0.1, 0.2, 0.3]), [row(n, 20, 40, 40, 60) for n in (1, 3, 2)], out)
    assert list(out.parent.iterdir()) == []


def test_no_frame(out):
    with pytest.raises(InputError, match=r"hall\.mp4: is not written, as its video has no frames"):
        annotate([], [], out)
    assert list(out.parent.iterdir()) == []


def test_what_fails_leaves_the_old_file(out):
    out.write_bytes(b"old")

    def failing():
        yield from film([0, 0.1, 0.2])
        raise InputError("camera: stopped")

    with pytest.raises(InputError, match="camera: stopped"):
        annotate(failing(), [], out)
    assert out.read_bytes() == b"old" and [path.name for path in out.parent.iterdir()] == ["hall.mp4"]


def test_few_frames_are_held(out):
    alive, most = weakref.WeakSet(), 0

    class Held(Frame):
        __hash__ = object.__hash__

    def frames():
        nonlocal most
        for each in film([n / 25 for n in range(150)]):
            held = Held(each.number, each.time, each.image)
            alive.add(held)
            yield held
            del held, each
            most = max(most, len(alive))

    def rows():
        for number in range(1, 151):
            assert number <= len(seen) + 2  # rows are not read far ahead
            yield row(number, 20, 40, 40, 60)

    seen = []
    annotate((seen.append(frame.number) or frame for frame in frames()), rows(), out)
    assert most <= 2


def test_without_the_encoder_of_h264(out, monkeypatch):
    av = pytest.importorskip("av")
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    annotate(film([0, 0.04, 0.5]), [row(2, 20, 40, 40, 60)], out)
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    times, pictures = decoded(out)
    assert times == pytest.approx([0, 0.04, 0.5], abs=1e-4)
    assert like(pictures[1], colours_of(["Anna"])["Anna"], 70)[50:90, 21].mean() > 0.8


def test_without_pyav(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"hall.mp4: requires PyAV: pip install 'iaunet-tf\[video\]'"):
        annotate(film([0]), [], tmp_path / "hall.mp4")
