"""Frames of videos: which they are, when they were, and what is said of bad ones."""

import functools
import http.server
import os
import struct
import threading
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from video.rtsp import Server
from video.videos import CODECS, SIZE, number_of, picture, write_video

from iaunet_tf.errors import InputError
from iaunet_tf.video import streams
from iaunet_tf.video.frames import frames

pytest.importorskip("av")
REAL = Path(__file__).parents[3] / "shared" / "data" / "video" / "people-detection.264"
COUNT = 60


def read(source, **options):
    """The frames of a video as (number, time, number that it shows), and the lines that are said."""
    lines = []
    found = [
        (frame.number, frame.time, number_of(frame.image)) for frame in frames(source, say=lines.append, **options)
    ]
    assert all(line.isprintable() and len(line) < 300 for line in lines)
    return found, lines


def refused(source, *words, **options):
    """That a video is refused by one printable line that has these words."""
    with pytest.raises(InputError) as caught:
        read(source, **options)
    text = str(caught.value)
    assert text.isprintable() and len(text) < 400 and all(word in text for word in words), text


def same(found, wanted):
    """That frames have these numbers, and show them, at these times."""
    assert [number for number, _, _ in found] == [shown for *_, shown in found] == [number for number, _ in wanted]
    np.testing.assert_allclose([time for _, time, _ in found], [time for _, time in wanted], atol=1e-6)


def at_rate(first, last, rate=25, begin=0.0):
    return [(number, begin + (number - 1) / rate) for number in range(first, last + 1)]


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("b_frames", [0, 3])
def test_numbers_and_times(tmp_path, suffix, b_frames):
    b_frames *= suffix != ".mjpeg"
    codec = "libx264" if b_frames else None
    path = write_video(tmp_path / f"a{suffix}", COUNT, codec=codec, b_frames=b_frames)
    found, lines = read(path)
    same(found, at_rate(1, COUNT))
    without = suffix in (".264", ".mjpeg")
    assert bool(lines) == without and all("25 frames per second are assumed" in line for line in lines)
    found, lines = read(path, rate=10, begin=1.7e9)
    same(found, at_rate(1, COUNT, 10, 1.7e9))
    assert not lines


def test_times_are_those_of_the_time_stamps(tmp_path):
    times = [index * 40 + 2000 * (index > 30) + 7 * (index % 3) for index in range(COUNT)]
    found, lines = read(write_video(tmp_path / "a.mkv", COUNT, codec="libx264", times=times, b_frames=2))
    same(found, [(index + 1, (milliseconds - times[0]) / 1000) for index, milliseconds in enumerate(times)])
    assert not lines


def test_times_do_not_go_back(tmp_path):
    one = write_video(tmp_path / "a.ts", COUNT).read_bytes()
    (tmp_path / "b.ts").write_bytes(one + one)
    times = [frame.time for frame in frames(tmp_path / "b.ts", say=list)]
    assert len(times) == 2 * COUNT and all(after > before for before, after in pairwise(times))


@pytest.mark.parametrize("name", ["a.mp4", "b.mp4", "b.mkv", "b.ts", "b.264", "images"])
def test_starting_later_changes_nothing(tmp_path, name):
    path = tmp_path / name
    if name == "images":
        folder_of(path, COUNT)
    else:
        write_video(path, COUNT, codec="libx264" if name[0] == "b" else None, b_frames=3 * (name[0] == "b"), gop=25)
    whole = list(frames(path, say=list))
    for start in (2, 12, 26, 47, COUNT, COUNT + 1):
        rest = list(frames(path, start=start, say=list))
        assert [frame.number for frame in rest] == list(range(start, COUNT + 1))
        for frame, other in zip(rest, whole[start - 1 :], strict=True):
            assert frame.time == other.time and np.array_equal(frame.image, other.image)
    refused(path, f"has {COUNT} frames", "cannot go on at frame 62", start=COUNT + 2)


def folder_of(folder, count):
    folder.mkdir()
    for number in range(1, count + 1):
        Image.fromarray(picture(number)).save(folder / f"im{number}.png")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_folders_of_images_in_natural_order(tmp_path):
    folder = folder_of(tmp_path / "images", 12)
    found, lines = read(folder)
    same(found, at_rate(1, 12))
    assert "25 frames per second are assumed" in lines[0] and frames(folder).count == 12
    same(read(folder, rate=2)[0], at_rate(1, 12, 2))
    Image.fromarray(picture(1, (32, 32))).save(folder / "im9.png")
    refused(folder, "im9.png", "change from 96x64 to 32x32 pixels at frame 9")
    (folder / "im9.png").write_bytes(b"no image")
    refused(folder, "im9.png", "not a readable image")
    (tmp_path / "sequence" / "img1").mkdir(parents=True)
    refused(tmp_path / "sequence", "holds no images", "img1")


def test_cut_off_files_give_what_they_have(tmp_path):
    for name, options in (
        ("front.mp4", {"container": {"movflags": "faststart"}}),
        ("pieces.mp4", {"container": {"movflags": "frag_keyframe+empty_moov"}}),
        ("a.mkv", {}),
        ("a.avi", {}),
    ):
        content = write_video(tmp_path / name, 100, codec="libx264", **options).read_bytes()
        assert len(read(tmp_path / name)[0]) == 100 and not read(tmp_path / name)[1]
        (tmp_path / name).write_bytes(content[: len(content) * 6 // 10])
        found, lines = read(tmp_path / name)
        same(found[:-1], at_rate(1, len(found) - 1))  # of the last one a part may be missing
        assert 20 < len(found) < 80 and len(lines) == 1 and name in lines[0], lines
        assert f"ends after frame {len(found)}" in lines[0] or "damaged packet" in lines[0]
    for name in ("a.ts", "a.264"):  # which do not say how long they are
        content = write_video(tmp_path / name, 100).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) * 6 // 10])
        found, _ = read(tmp_path / name)
        same(found, at_rate(1, len(found)))
    content = write_video(tmp_path / "b.mp4", 100).read_bytes()  # whose index is at its end
    (tmp_path / "b.mp4").write_bytes(content[: len(content) // 2])
    refused(tmp_path / "b.mp4", "b.mp4", "not a readable video")


def test_damaged_places_are_said(tmp_path):
    content = bytearray(write_video(tmp_path / "a.mp4", 100, codec="libx264").read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 300):
        content[place] ^= 0x5A
    (tmp_path / "a.mp4").write_bytes(content)
    for _ in range(2):
        lines = []
        numbers = [frame.number for frame in frames(tmp_path / "a.mp4", say=lines.append)]
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 50
        assert "damaged packets; some of its frames are missing or wrong" in lines[0]


def test_a_size_that_changes(tmp_path):
    for suffix in (".ts", ".264"):
        one = write_video(tmp_path / f"a{suffix}", 30).read_bytes()
        other = write_video(tmp_path / f"b{suffix}", 30, size=(128, 160)).read_bytes()
        (tmp_path / f"c{suffix}").write_bytes(one + other)
        opened, numbers = frames(tmp_path / f"c{suffix}", say=list), []
        with pytest.raises(InputError, match=r"change from 96x64 to 160x128 pixels at frame (30|31);"):
            numbers.extend(frame.number for frame in opened)
        with pytest.raises(StopIteration):
            next(opened)


def test_no_video(tmp_path, monkeypatch):
    import av

    for name, content in (("empty.mp4", b""), ("text.mp4", b"hello " * 1000), ("image.mp4", None)):
        if content is None:
            Image.fromarray(picture(1)).save(tmp_path / name, "PNG")
        else:
            (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, name, "not a readable video")
    with av.open(str(tmp_path / "sound.mkv"), "w") as output:
        stream = output.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), "float32"), format="fltp", layout="mono")
        sound.sample_rate = 8000
        output.mux([*stream.encode(sound), *stream.encode(None)])
    refused(tmp_path / "sound.mkv", "holds no video")
    with av.open(str(tmp_path / "none.avi"), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.height, stream.width = SIZE
        output.start_encoding()
    refused(tmp_path / "none.avi", "none.avi")
    refused(tmp_path / "missing.mp4", "missing.mp4: no such file")
    refused(write_video(tmp_path / "a.mp4", 5), "start must be", start=0)
    refused(tmp_path / "a.mp4", "rate must be", rate=float("nan"))


def test_huge_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "LARGEST", 5000)
    for suffix in (".mp4", ".mkv", ".264", ".mjpeg", ".avi"):
        refused(write_video(tmp_path / f"a{suffix}", 5), f"a{suffix}", "more than", " pixels")
    one = write_video(tmp_path / "a.ts", 30, size=(32, 48)).read_bytes()
    (tmp_path / "b.ts").write_bytes(one + write_video(tmp_path / "c.ts", 30).read_bytes())
    lines = []
    found = list(frames(tmp_path / "b.ts", say=lines.append))
    assert 25 <= len(found) <= 30 and all(frame.image.shape == (32, 48, 3) for frame in found)
    assert "damaged packet" in lines[0]


def test_pictures_are_upright(tmp_path):
    content = write_video(tmp_path / "a.mp4", 5).read_bytes()
    place = content.find(b"tkhd") + 44  # of the matrix
    for turned, matrix in ((1, (0, -1, 1, 0)), (2, (-1, 0, 0, -1)), (3, (0, 1, -1, 0))):
        a, b, c, d = (each << 16 for each in matrix)
        (tmp_path / "b.mp4").write_bytes(
            content[:place] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + content[place + 36 :]
        )
        image = next(frames(tmp_path / "b.mp4")).image
        wanted = np.rot90(picture(1), turned).astype(int)
        assert image.shape == wanted.shape and np.abs(image - wanted).mean() < 10


HOSTILE = {
    "list.mp4": "ffconcat version 1.0\nfile secret.ts\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nsecret.ts\n#EXT-X-ENDLIST\n",
    "call.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 32\n",
    "grid.imf.xml": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period/></MPD>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_that_name_other_files_are_refused(tmp_path, name):
    write_video(tmp_path / "secret.ts", 5)
    (tmp_path / name).write_text(HOSTILE[name])
    refused(tmp_path / name, name, "not a readable video")


def test_names_are_never_protocols(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(Path("a.ts"), 5)
    for name in ("concat:a.ts|a.ts", "subfile,,start,0,end,9,,:a.ts", "cache:a.ts", "data:a"):
        refused(name, "no such file")
    for name in ("ftp://localhost/a.ts", "lavfi://testsrc", "tcp://localhost:1/a.ts"):
        refused(name, "addresses of http, https, rtsp or rtsps")
    os.rename("a.ts", "concat:a.ts|b")
    same(read("concat:a.ts|b")[0], at_rate(1, 5))


class Pages(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; `stop.ts` stops in the middle, and lists are made for the server's address."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        folder, name = Path(self.directory), self.path.strip("/")
        if name == "away":
            self.send_response(302)
            self.send_header("Location", f"file://{folder}/a.ts")
            self.end_headers()
            return
        content = (folder / ("a.ts" if name.endswith(".ts") else name)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2 if name == "stop.ts" else None])
        self.wfile.flush()
        if name == "stop.ts":
            self.server.over.wait(10)


@pytest.fixture
def site(tmp_path):
    """The address of a server of `tmp_path`, with a password in it."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Pages, directory=tmp_path)) as server:
        server.over = threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:p@ss@127.0.0.1:{server.server_port}"
        server.over.set()
        server.shutdown()


def test_addresses_of_http(tmp_path, site):
    write_video(tmp_path / "a.ts", COUNT)
    found, lines = read(f"{site}/b.ts", timeout=5)
    same(found, at_rate(1, COUNT))
    assert not lines and frames(f"{site}/b.ts").name == f"http://{site.split('@')[-1]}/b.ts"
    found, lines = read(f"{site}/stop.ts", timeout=0.5)
    same(found, at_rate(1, len(found)))
    assert 0 < len(found) < COUNT and len(lines) == 1
    assert f"ends after frame {len(found)}: nothing came for 0.5 seconds" in lines[0] and "ss@" not in lines[0]
    with pytest.raises(InputError) as caught:
        frames(f"{site}/missing.html")
    assert "not a readable video" in str(caught.value) and "ss@" not in str(caught.value)


def test_lists_at_addresses_do_not_lead_to_files(tmp_path, site):
    write_video(tmp_path / "a.ts", COUNT)
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n"
    (tmp_path / "good.m3u8").write_text(f"{head}b.ts\n#EXT-X-ENDLIST\n")
    same(read(f"{site}/good.m3u8")[0], at_rate(1, COUNT))
    secret = tmp_path / "a.ts"
    for entry in (f"file://{secret}", f"file:{secret}", f"concat:{secret}", f"subfile,,start,0,end,9,,:{secret}"):
        (tmp_path / "bad.m3u8").write_text(f"{head}{entry}\n#EXT-X-ENDLIST\n")
        refused(f"{site}/bad.m3u8", "not a readable video")
    refused(f"{site}/away", "not a readable video")


@pytest.mark.parametrize("hangs_up", [True, False])
def test_cameras(hangs_up):
    with Server(30, hangs_up) as server:
        before = time.time()
        address = f"rtsp://user:p@ss@127.0.0.1:{server.server_address[1]}/live"
        found, lines = read(address, timeout=30 if hangs_up else 1)
        begin = found[0][1]
        assert before <= begin <= time.time()
        same(found, at_rate(1, 30, begin=begin))
        reason = "the connection was closed" if hangs_up else "nothing came for 1 seconds"
        assert len(lines) == 1 and f"ends after frame 30: {reason}" in lines[0] and "ss@" not in lines[0]
        server.shutdown()


def test_memory_does_not_grow_with_length(tmp_path):
    peaks = []
    for count in (50, 250):
        path = write_video(tmp_path / f"{count}.mkv", count)
        opened = frames(path)
        tracemalloc.start()
        assert sum(1 for _ in opened) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000


def test_a_real_video():
    if not REAL.is_file():
        pytest.skip("the real video is not here")
    lines, count = [], 0
    for frame in frames(REAL, say=lines.append):
        count += 1
        assert frame.image.shape == (432, 768, 3) and frame.image.dtype == np.uint8
        assert frame.number == count and frame.time == pytest.approx((count - 1) / 25)
    assert count == 596 and len(lines) == 1 and "25 frames per second are assumed" in lines[0]
