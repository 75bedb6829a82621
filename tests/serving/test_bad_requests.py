"""What may be sent to the service and is no question: one line of JSON, and the service goes on."""

import functools
import io
import json
import socket
import struct
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image
from serving.odd import encoded

JSON = {"Content_Type": "application/json"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("k=0", "k must be a whole number, 1 to 1000; received 0"),
        ("k=1001", "k must be a whole number, 1 to 1000; received 1001"),
        ("k=1e3", "k must be a whole number, 1 to 1000; received '1e3'"),
        ("k=٣", "k must be a whole number, 1 to 1000; received '٣'"),
        ("k=1&k=2", "k is given twice"),
        ("threshold=nan", "threshold must be a number, 0 to 2; received nan"),
        ("threshold=inf", "threshold must be a number, 0 to 2; received inf"),
        ("threshold=-1", "threshold must be a number, 0 to 2; received -1.0"),
        ("threshold=x", "threshold must be a number; received 'x'"),
        ("threshold=1&false_positive_rate=0.1", "threshold and false_positive_rate are two ways to say the same"),
        ("false_positive_rate=0.01", "the network has no thresholds; give threshold"),
        ("after=nan", "after must be a time with its zone, such as 2026-11-26T13:00:00Z; received 'nan'"),
        ("after=2026-11-26T13:00:00", "after must be a time with its zone"),
        ("before=1e300", "before must be a time with its zone"),
        ("before=9999-12-31T23:59:59-23:59", "before must be a time with its zone"),
        ("rerank=3", "rerank must be a number, 20 to 1000; received 3"),
        ("rerank=-3", "rerank must be a whole number, 0 to 1000; received '-3'"),
        ("cameras=a%0Ab", "has control characters"),
        ("cameras=" + "x" * 300, "is 300 bytes long; 256 at most"),
        ("camera=1", "there is no parameter camera; did you mean cameras?"),
        ("x=" + "y" * 5000, "there is no parameter x; there are k, cameras, "),
    ],
)
def test_questions(running, query, message):
    from urllib.parse import quote

    path = f"/api/search?{quote(query, safe='=&%')}"
    status, _, answer = running("POST", path, running.files[0].read_bytes())
    assert status == 400 and list(answer) == ["error"]
    assert message in answer["error"] and "\n" not in answer["error"] and len(answer["error"]) < 300


def png_of(width, height):
    """A PNG of `width` x `height` black pixels, which is a small file."""
    scanlines = zlib.compressobj(9)
    row = b"\0" * (width + 1)
    data = b"".join(scanlines.compress(row * min(1000, height - y)) for y in range(0, height, 1000))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", data + scanlines.flush())]
    parts = (
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in [*chunks, (b"IEND", b"")]
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def many_scans(count):
    """A JPEG of `count` scans: its last one is repeated."""
    content = io.BytesIO()
    Image.new("RGB", (64, 64)).save(content, "JPEG", progressive=True)
    whole = content.getvalue()
    start = whole.rindex(b"\xff\xda")
    before = whole.count(b"\xff\xda") - 1
    return whole[:start] + whole[start:-2] * (count - before) + whole[-2:]


@functools.cache
def bad_pictures():
    noise = np.random.default_rng(0).integers(0, 255, (60, 30, 3), dtype="uint8")
    jpeg = encoded(noise, "JPEG")
    return {
        "nothing": (b"", 400, "there is no picture: send the content of an image file as the body"),
        "text": (b"This is no picture.\n" * 50, 400, "not a readable image"),
        "page": (b"<html><script>alert(1)</script></html>", 400, "not a readable image"),
        "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 400, "not a readable image"),
        "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 400, "not a readable image"),
        "truncated": (jpeg[: len(jpeg) // 2], 400, "not a readable image"),
        "header": (jpeg[:30], 400, "not a readable image"),
        "pixels": (png_of(9000, 9000), 400, "the picture has 9000x9000 pixels; at most 64 million"),
        "very many pixels": (png_of(20_000, 20_000), 400, "could be decompression bomb"),
        "narrow": (png_of(2, 20_000_000), 400, "the picture has 2x20000000 pixels; at most 64 million, and 30000 on a"),
        "flat": (png_of(20_000_000, 2), 400, "the picture has 20000000x2 pixels"),
        "tiny": (encoded(noise[:1, :1]), 400, "an image needs at least 2x2 pixels"),
        "scans": (many_scans(101), 400, "the picture is a JPEG of 101 scans, which take long to decode; save it anew"),
        "large": (jpeg + b"\0" * (10 << 20), 413, "the body is larger than 10 MiB; send less"),
    }


@pytest.mark.parametrize(
    "kind",
    ["nothing", "text", "page", "svg", "postscript", "truncated", "header", "pixels", "very many pixels", "narrow",
     "flat", "tiny", "scans", "large"],
)  # fmt: skip
def test_pictures(running, kind):
    body, wanted, message = bad_pictures()[kind]
    status, answer = running.search(body)
    assert status == wanted and list(answer) == ["error"] and message in answer["error"] and "\n" not in answer["error"]
    assert running.search(running.files[0].read_bytes())[0] == 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_good_pictures(running, kind):
    pixels = np.asarray(Image.open(running.files[4]))
    hits = running.search(encoded(pixels, kind))[1]["entries"]
    assert str(running.files[4]) in [hit["file"] for hit in hits[: 3 if kind == "GIF" else 1]]  # GIF has few colours


def test_body_without_a_length(running):
    """As programs send it that do not know how long it will be."""
    chunks = b"".join(b"100000\r\n" + bytes(1 << 20) + b"\r\n" for _ in range(11)) + b"0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.sendall(
            b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("merge", b"", 400, "the body is not JSON; send an object with identities and into"),
        ("merge", b"[" * 100_000, 400, "the body is not JSON"),
        ("merge", b"\xff", 400, "the body is not JSON"),
        ("merge", b"[]", 400, "the body must be a JSON object with identities and into"),
        ("merge", b'{"identities": ["a"]}', 400, "the body must be a JSON object with identities and into"),
        ("merge", b'{"identities": "ab", "into": "c"}', 400, "identities must be a list of 1 to 10000 names"),
        ("merge", b'{"identities": [], "into": "c"}', 400, "identities must be a list of 1 to 10000 names"),
        (
            "merge",
            b'{"identities": [null], "into": "c"}',
            400,
            "identity must be text that is not empty; received None",
        ),
        ("merge", b'{"identities": ["a"], "into": ""}', 400, "identity must be text that is not empty; received ''"),
        ("merge", b'{"identities": ["a"], "into": NaN}', 400, "identity must be text that is not empty; received nan"),
        ("merge", b'{"identities": ["nobody"], "into": "x"}', 404, "there are no entries of nobody"),
        ("merge", b'{"identities": ["\\ud800"], "into": "x"}', 400, "is not valid Unicode"),
        ("assign", b'{"ids": ["gone"], "identity": "x"}', 404, "there is no entry gone"),
        ("assign", b'{"ids": [{}], "identity": "x"}', 400, "id must be text that is not empty; received {}"),
        ("assign", b'{"ids": ["a\\nb"], "identity": null}', 400, "has control characters"),
        ("undo", b'{"change": "x"}', 404, "there is no change x to undo"),
        ("undo", b'{"change": 7}', 400, "change must be the text that a change has returned"),
        ("undo", b" " * (2 << 20), 413, "the body is larger than 1 MiB"),
    ],
)
def test_changes(running, path, body, status, message):
    found, _, answer = running("POST", f"/api/{path}", body, **JSON)
    assert found == status and list(answer) == ["error"] and message in answer["error"] and "\n" not in answer["error"]


def test_what_there_is_not(running):
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("GET", "/api/search", 405),
        ("DELETE", "/api/assign", 405),
        ("GET", "/login", 404),  # there is no token
        ("GET", "/api/identity?name=nobody", 404),
        ("GET", "/api/identity", 400),
        ("GET", "/api/identity?name=", 400),
        ("GET", "/api/identity?name=a&name=b", 400),
        ("GET", "/thumbnail?id=gone", 404),
        ("GET", "/thumbnail", 400),
        ("GET", "/api/info?x=1", 400),
        ("GET", "/search.html", 404),
        ("GET", "/%2e%2e/app.py", 404),
    ):
        found, _, answer = running(method, path)
        assert found == status and list(answer) == ["error"], path
    status, _, answer = running("POST", "/api/merge", json.dumps({"identities": ["a"], "into": "b"}).encode())
    assert status == 415 and answer["error"] == "send JSON, as Content-Type: application/json"


def test_too_many_searches(run):
    with run(waiting=2) as running:
        picture = running.files[0].read_bytes()
        start = f"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
        slow = [socket.create_connection(("127.0.0.1", running.port), timeout=30) for _ in range(2)]
        for connection in slow:
            connection.sendall(start + picture[:100])
        while running.service._searches._free:
            time.sleep(0.01)
        status, headers, answer = running("POST", "/api/search", picture)
        assert status == 503 and headers["Retry-After"] == "5" and "too many requests" in answer["error"]
        # Also to whom sends more than fits into the buffers of a connection.
        status, _, _ = running("POST", "/api/search", bytes(9 << 20))
        assert status == 503
        assert running("GET", "/api/info")[0] == 200
        slow[0].close()  # gone, in the midst
        slow[1].sendall(picture[100:])
        assert slow[1].recv(1000).startswith(b"HTTP/1.1 200 ")
        slow[1].close()
        assert running.search(picture)[0] == 200
        assert running.service._searches._free == 2


def test_many_at_once(running):
    answers = []

    def ask(file):
        answers.append((file, *running.search(file.read_bytes(), k=1)))

    threads = [threading.Thread(target=ask, args=(file,)) for file in running.files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(running.files)
    for file, status, found in answers:
        assert status == 200 and found["entries"][0]["file"] == str(file)
