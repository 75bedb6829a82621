"""The page of a run, and the table beside it."""

import base64
import csv
import io
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.video.colours import colours_of
from iaunet_tf.video.doubt import DOUBTFUL, doubt, reasons
from iaunet_tf.video.page import COLUMNS, write_page
from iaunet_tf.video.times import text_of
from iaunet_tf.video.tracklets import Tracklet

NAMES = ["<script>alert(1)</script>", '" onload="x', "Łukasz 🙂 李", "{{ 7 * 7 }}", "y" * 3000, "a\nb\x01", "#?&", " "]
VOID = {"meta", "img", "link", "br"}
LIMIT = 0.4


class Page(HTMLParser):
    """Elements of a page, their attributes, and its text."""

    def __init__(self, file):
        super().__init__()
        self.elements, self.text, self.stack, self.styles = [], [], [], 0
        self.feed(file.read_text(encoding="utf-8"))
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] != "style":
            self.text.append(data)

    def all(self, tag):
        return [attributes for each, attributes in self.elements if each == tag]

    @property
    def words(self):
        return " ".join("".join(self.text).split())


def tracklet(camera="hall", track=1, start=0.0, length=4.0, identity="Anna", **about):
    seen = {"first": 1 + round(25 * start), "last": 1 + round(25 * (start + length)), "boxes": 90}
    about = {"embedding": np.ones(4) / 2, "distance": 0.1, "rival": "Ben", "rival_distance": 0.9} | about
    return Tracklet(camera, track, **seen, start=start, end=start + length, identity=identity, **about)


def written(folder, tracklets, **options):
    write_page(tracklets, folder / "index.html", LIMIT, **options)
    page = Page(folder / "index.html")
    # Nothing runs, nothing is fetched from elsewhere, and every link leads somewhere in the page.
    assert {tag for tag, _ in page.elements} <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "h1",
            "h2",
            "h3",
            "p",
            "ul",
            "ol",
            "li",
            "div",
            "span",
            "b",
        ),
        *("bdi", "a", "table", "tr", "th", "td", "details", "summary", "img", "figure", "figcaption", "strong"),
    }
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        target = link["href"]
        assert re.match(r"#|[\w./%-]+(#t=[\d.]+)?$", target) and "//" not in target
        assert not target.startswith("#") or target[1:] in ids
    with (folder / "tracklets.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(tracklets)
    return page, rows


# --- doubt -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"known": True, "distance": 0.0, "rival_distance": 0.9}, 0.0),  # as sure as can be
        ({"known": True, "distance": 0.1, "rival_distance": 0.9}, 0.25),
        ({"known": True, "distance": 0.38, "rival_distance": 0.9}, 0.95),  # near the threshold
        ({"known": True, "distance": 0.45, "rival_distance": 0.9}, 1.0),  # beyond it
        ({"known": True, "distance": 0.1, "rival_distance": 0.12}, 0.95),  # a rival nearly as near
        ({"known": True, "distance": 0.1, "rival_distance": 0.05}, 1.0),  # a rival that is nearer
        ({"known": True, "distance": 0.1, "rival_distance": 0.42}, 0.25),  # which matters for somebody new only:
        ({"known": False, "distance": 0.1, "rival_distance": 0.42}, 0.95),
        ({"known": False, "distance": None, "rival_distance": 0.42}, 0.95),
        ({"known": False, "distance": None, "rival_distance": 0.3}, 1.0),
        ({"known": False, "distance": None, "rival_distance": 0.8}, 0.0),
        ({"known": False, "distance": None, "rival_distance": None, "rival": None}, 0.0),  # nobody else is there
        ({"known": True, "distance": 0.38, "rival_distance": None, "rival": None}, 0.95),
        ({"embedding": None, "distance": None, "rival_distance": None, "rival": None}, 1.0),
        ({"identity": None, "distance": None, "rival_distance": None, "rival": None}, 1.0),
    ],
)
def test_doubt(about, expected):
    each = tracklet(**about)
    assert doubt(each, LIMIT) == pytest.approx(expected)
    assert bool(reasons(each, LIMIT)) == (expected >= DOUBTFUL)


def test_reasons_in_words():
    def says(**about):
        return reasons(tracklet(**about), LIMIT)

    assert says(known=True, distance=0.38) == ["its distance of 0.380 is just within the threshold of 0.400"]
    assert says(known=True, rival_distance=0.12) == ["Ben is nearly as near: 0.120, and its own identity 0.100"]
    assert says(known=True, rival_distance=0.05) == ["Ben is nearer: 0.050, and its own identity 0.100"]
    new = "it is somebody new, but Ben is at 0.420, only just beyond the threshold of 0.400"
    assert says(distance=None, rival_distance=0.42) == [new]
    # What weighs most comes first.
    assert says(distance=0.35, rival_distance=0.41) == [
        "it is somebody new, but Ben is at 0.410, only just beyond the threshold of 0.400",
        "its distance of 0.350 is just within the threshold of 0.400",
        "Ben is nearly as near: 0.410, and its own identity 0.350",
    ]
    assert says(embedding=None, distance=None, rival=None, rival_distance=None) == [
        "none of its pictures could be used"
    ]


@pytest.mark.parametrize("threshold", [0.0, 1e-9, 0.3, 2.0])
def test_doubt_is_a_share(threshold):
    for distance in (None, 0.0, 0.2, 0.3, 2.0):
        for rival in (None, 0.0, 0.2, 0.3, 2.0):
            for known in (True, False):
                about = {"distance": distance, "rival_distance": rival, "known": known}
                assert 0 <= doubt(tracklet(**about), threshold) <= 1


# --- the page --------------------------------------------------------------------------------------------------------


def test_doubtful_ones_come_first(tmp_path):
    sure = {"known": True, "distance": 0.1}
    tracklets = [
        tracklet("hall", 1, 0, identity="Sure", **sure),
        tracklet("hall", 2, 10, identity="Anna", **sure),
        tracklet("yard", 1, 20, identity="Anna", known=True, distance=0.36),
        tracklet("yard", 2, 30, identity="New", distance=None, rival="Anna", rival_distance=0.401),
        tracklet("door", 5, 5, identity="Anna", **sure),
        tracklet("hall", 3, 40, identity=None, embedding=None, distance=None, rival=None, rival_distance=None),
    ]
    page, rows = written(tmp_path, tracklets)
    text = page.words
    people = [text.index(f"{name} {kind}, ") for name, kind in (("New", "new"), ("Anna", "known"), ("Sure", "known"))]
    assert people == sorted(people) and text.index("Without an identity") > people[-1]
    # Of Anna the doubtful tracklet, then the others by time.
    of_anna = text[people[1] : people[2]]
    cards = re.findall(r"camera (\w+), track (\d)", of_anna)
    assert cards == [("yard", "1"), ("door", "5"), ("hall", "2")]
    # At the top the doubtful ones of all, without those that nobody can look at.
    listed = text[text.index("To be looked at") : people[0]]
    assert re.findall(r"camera (\w+), track (\d)", listed) == [("yard", "2"), ("yard", "1")]
    assert "Anna is at 0.401, only just beyond the threshold" in listed
    assert "3 videos 6 tracklets 3 identities: 2 known, 1 new 2 doubtful" in text
    doubts = {(row["camera"], row["track"]): float(row["doubt"]) for row in rows}
    assert doubts == {
        ("hall", "1"): 0.25, ("hall", "2"): 0.25, ("yard", "1"): 0.9, ("yard", "2"): 0.998, ("door", "5"): 0.25,
        ("hall", "3"): 1.0,
    }  # fmt: skip

    # Another order of the same is the same page, but for the numbers of places in it.
    def same(tracklets):
        write_page(tracklets, tmp_path / "again" / "index.html", LIMIT)
        return Page(tmp_path / "again" / "index.html").words

    assert same(tracklets[::-1]) == same(tracklets) == text


def test_the_table_has_the_figures(tmp_path):
    tracklets = [
        tracklet("hall", 2, 1.5, 2.25, identity="Anna", known=True),
        tracklet(
            "hall", 10, 1764162000.125, 1, identity=NAMES[0], distance=None, rival=NAMES[2], rival_distance=0.123456
        ),
        tracklet("a", 3, 0, 0, identity=None, embedding=None, distance=None, rival=None, rival_distance=None),
    ]
    _, rows = written(tmp_path, tracklets)
    header = "camera,track,first,last,start,end,boxes,identity,known,distance,rival,rival_distance,doubt"
    assert ",".join(COLUMNS) == header == ",".join(rows[0])
    assert [(row["camera"], row["track"]) for row in rows] == [("a", "3"), ("hall", "2"), ("hall", "10")]
    assert list(rows[1].values()) == [
        *("hall", "2", "39", "95", "1.500000", "3.750000", "90", "Anna", "true"),
        *("0.100000", "Ben", "0.900000", "0.250"),
    ]
    assert [rows[0][name] for name in ("identity", "known", "distance", "rival", "rival_distance")] == [
        "",
        "false",
        *[""] * 3,
    ]
    assert [rows[2][name] for name in ("start", "identity", "rival")] == ["1764162000.125000", NAMES[0], NAMES[2]]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_text(tmp_path, name):
    tracklets = [tracklet(name, 1, identity=name, rival=name), tracklet(name, 2, 9, identity="Ben", rival=name)]
    tracklets.append(tracklet("hall", 1, 9, identity=name, distance=0.39))
    page, _ = written(tmp_path, tracklets, title=name, notes=[name], videos={name: tmp_path / "x.mp4"})
    shown = " ".join(name.split())
    assert page.words.count(shown) >= 5 and page.words.count(shown[:60]) >= 8
    assert "49" not in page.words.replace("1749", "") or name != "{{ 7 * 7 }}"


def test_empty_runs(tmp_path):
    page, rows = written(tmp_path, [])
    assert "0 videos 0 tracklets 0 identities: 0 known, 0 new 0 doubtful" in page.words and rows == []
    page, rows = written(tmp_path, [], videos={"hall": tmp_path / "hall.mp4", "yard": None})
    assert "Nobody was seen." in page.words and "2 videos" in page.words and rows == []
    assert [link["href"] for link in page.all("a")] == ["tracklets.csv", "hall.mp4"]


def test_time_line(tmp_path):
    tracklets = [
        tracklet("hall", 1, 100, 10),
        tracklet("yard", 1, 150, 50),
        tracklet("hall", 2, 120, 20),
        tracklet("hall", 3, 100, 0, identity="Ben"),
    ]
    page, _ = written(tmp_path, tracklets)
    bars = [link for link in page.all("a") if "style" in link]
    places = {
        link["aria-label"]: tuple(map(float, re.match(r"left: ([\d.]+)%; width: ([\d.]+)%", link["style"]).groups()))
        for link in bars
    }
    assert places == {
        "camera hall, track 1, 0:01:40.0 to 0:01:50.0": (0, 10),
        "camera hall, track 2, 0:02:00.0 to 0:02:20.0": (20, 20),
        "camera yard, track 1, 0:02:30.0 to 0:03:20.0": (50, 50),
        "camera hall, track 3, 0:01:40.0 to 0:01:40.0": (50, 0),
    }
    assert sum(attributes.get("class") == "lane" for attributes in page.all("div")) == 2 + 1 + 2 * 1
    assert {link["style"].split("background: ")[1] for link in bars} == {
        f"rgb{colour}" for colour in colours_of(["Anna", "Ben"]).values()
    }


def test_dates_and_other_times_are_not_mixed(tmp_path):
    page, _ = written(tmp_path, [tracklet("hall", 1, 1764162000), tracklet("yard", 1, 30)])
    assert sum(attributes.get("class") == "line" for attributes in page.all("div")) == 2
    assert "2025-11-26 13:00:00.0" in page.words and "0:00:30.0" in page.words
    assert "Times are in UTC. Others count from the begin of each video" in page.words


@pytest.mark.parametrize(
    ("time", "text"),
    [(0, "0:00:00.0"), (59.96, "0:01:00.0"), (3723.44, "1:02:03.4"), (360000, "100:00:00.0"), (-1.5, "-0:00:01.5"),
     (1764162000.27, "2025-11-26 13:00:00.3"), (1764161999.97, "2025-11-26 13:00:00.0")],
)  # fmt: skip
def test_text_of_times(time, text):
    assert text_of(time) == text


def test_links_to_videos(tmp_path):
    videos = {"hall": tmp_path / "films" / "hall #1.mp4", "yard": tmp_path.parent / "yard.mp4", "door": None}
    tracklets = [tracklet("hall", 1, 12.345), tracklet("yard", 1, 1764162000), tracklet("door", 1)]
    page, _ = written(tmp_path, tracklets, videos=videos)
    links = {link["href"] for link in page.all("a") if ".mp4" in link["href"]}
    hall = "films/hall%20%231.mp4"
    assert links == {hall, f"{hall}#t=12.35", "../yard.mp4"} or links == {hall, f"{hall}#t=12.34", "../yard.mp4"}


# --- pictures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def crops(tmp_path):
    """`crops(folder, count)`: pictures of a person, of rising brightness."""

    def make(folder, count, suffix=".jpg"):
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.new("RGB", (64, 160), (number * 10,) * 3).save(folder / f"{number}{suffix}")
        return [(100 + number, str(folder / f"{number}{suffix}")) for number in range(count)]

    return make


def test_pictures_in_the_folder_are_linked(tmp_path, crops):
    out = tmp_path / "out"
    odd = "a #b?%20 é"
    found = crops(out / odd, 20)
    page, _ = written(out, [tracklet(crops=found)])
    images = page.all("img")
    assert [image["src"] for image in images] == [f"a%20%23b%3F%2520%20%C3%A9/{n}.jpg" for n in (0, 6, 12, 19)]
    assert all((out / unquote(image["src"])).is_file() and image["loading"] == "lazy" for image in images)
    assert [image["alt"] for image in images] == [f"frame {n} of camera hall" for n in (100, 106, 112, 119)]
    # The folder may be moved, and paths in it may be relative to it.
    relative = [(frame, os.path.relpath(file, out)) for frame, file in found]
    again, _ = written(out, [tracklet(crops=relative)])
    assert again.all("img") == images


def test_pictures_elsewhere_are_in_the_page(tmp_path, crops):
    page, _ = written(tmp_path / "out", [tracklet(crops=crops(tmp_path / "crops", 3, ".png"))])
    sources = [image["src"] for image in page.all("img")]
    assert len(sources) == 3
    for number, source in enumerate(sources):
        content = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))
        picture = Image.open(io.BytesIO(content))
        assert picture.width <= 96 and picture.height <= 192
        assert np.abs(np.asarray(picture).astype(int) - 10 * number).max() <= 3


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5])
def test_how_many_pictures(tmp_path, crops, count):
    page, _ = written(tmp_path, [tracklet(crops=crops(tmp_path / "crops", count))])
    assert len({image["src"] for image in page.all("img")}) == min(count, 4)
    assert ("no picture" in page.words) == (count == 0)


def test_missing_and_damaged_pictures(tmp_path, crops):
    found = crops(tmp_path / "elsewhere", 3)
    Path(found[1][1]).write_bytes(b"not a picture")
    missing = [(7, str(tmp_path / "nowhere" / "1.jpg")), (8, str(tmp_path)), (9, "")]
    page, _ = written(tmp_path / "out", [tracklet(crops=[*found[:2], *missing]), tracklet(track=2, crops=missing)])
    assert len(page.all("img")) == 1 and "no picture" in page.words


def test_what_to_compare(tmp_path, crops):
    """A doubtful tracklet stands beside another of its person and one of the rival."""
    own, other, rival = (crops(tmp_path / name, 1) for name in ("own", "other", "rival"))
    tracklets = [
        tracklet("hall", 1, 0, identity="Anna", known=True, distance=0.39, crops=own),
        tracklet("hall", 2, 20, identity="Anna", known=True, crops=other),
        tracklet("hall", 3, 40, identity="Ben", known=True, rival="Anna", crops=rival),
    ]
    page, _ = written(tmp_path, tracklets)
    assert [image["src"] for image in page.all("img")][:3] == ["own/0.jpg", "other/0.jpg", "rival/0.jpg"]


# --- large runs ------------------------------------------------------------------------------------------------------


def test_thousands(tmp_path, crops):
    found = crops(tmp_path / "crops", 8)
    tracklets = [
        tracklet(
            f"camera {n % 4}", n, n * 3.0, identity=f"person {n % 300 if n % 2 else 0}", distance=0.39, crops=found
        )
        for n in range(1, 3001)
    ]
    page, _ = written(tmp_path, tracklets)
    images = page.all("img")
    assert len(images) <= 3000 * 4 + 100 * 3 and all(image["loading"] == "lazy" for image in images)
    assert sum("open" in each for each in page.all("details")) == 20
    assert "The 100 most doubtful of 3000" in page.words and "1450 more" in page.words
    assert (tmp_path / "index.html").stat().st_size < 6e6


def test_what_fails_leaves_the_old_page(tmp_path):
    written(tmp_path, [tracklet()])
    before = (tmp_path / "index.html").read_bytes()
    with pytest.raises(TypeError):
        write_page([tracklet(), replace(tracklet(), boxes=None, start="x")], tmp_path / "index.html", LIMIT)
    assert (tmp_path / "index.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "tracklets.csv"]
