"""What goes wrong with galleries is one line, and spoils nothing."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pymilvus")

from iaunet_tf import Gallery
from iaunet_tf.errors import InputError
from iaunet_tf.gallery import Entry

NETWORK = "ab" * 32, 16


@pytest.fixture
def place(tmp_path):
    return tmp_path / "people.db"


def refused(message, work):
    """Asserts that `work` is refused by one line."""
    with pytest.raises(InputError, match=message) as caught:
        work()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("gone.db", "no such gallery; iaunet gallery add .*gone.db MODEL FOLDER makes it"),
        ("gone.sqlite", r"a gallery is a name that ends in \.db, or a server"),
        ("no/folder/a.db", "no such gallery"),
        ("ftp://host/a", "must be like http://host:19530"),
        ("http://", "must be like http://host:19530"),
    ],
)
def test_places_that_are_none(tmp_path, uri, message):
    refused(message, lambda: Gallery(uri if "://" in uri else tmp_path / uri))
    assert not any(tmp_path.iterdir())


def test_no_folder_for_a_new_one(tmp_path):
    refused("there is no folder", lambda: Gallery(tmp_path / "no" / "a.db", NETWORK))


@pytest.mark.parametrize("kind", ["text", "sqlite", "empty", "folder", "link", "pipe"])
def test_other_things_of_the_name(place, kind):
    if kind == "text":
        place.write_text("people\n")
    elif kind == "sqlite":
        with sqlite3.connect(place) as file:
            file.execute("create table people (name text)")
    elif kind == "empty":
        place.touch()
    elif kind == "folder":
        place.mkdir()
        (place / "diary.txt").write_text("mine")
    elif kind == "link":
        place.symlink_to("nowhere")
    else:
        os.mkfifo(place)
    before = {path.name for path in place.iterdir()} if kind == "folder" else None
    for network in (NETWORK, None):
        with pytest.raises(
            InputError, match=r"is a file and no gallery|is a folder of something else|is a broken link"
        ):
            Gallery(place, network)
    assert kind != "folder" or {path.name for path in place.iterdir()} == before


@pytest.fixture
def filled(place, people):
    entries, vectors = people(40)
    with Gallery(place, NETWORK) as gallery:
        gallery.add(entries, vectors)
    return place, entries, vectors


@pytest.mark.parametrize("network", [("cd" * 32, 16), ("ab" * 32, 17)])
def test_another_network(filled, network):
    place, _, _ = filled
    refused("holds embeddings of another network .*cannot be compared", lambda: Gallery(place, network))
    with Gallery(place) as gallery:
        gallery.require(NETWORK)
        refused("of another network", lambda: gallery.require(network))


def test_embeddings_that_are_none(filled, people):
    place, _, _ = filled
    new, more = people(3, seed=1)
    with Gallery(place) as gallery:
        for wrong, message in (
            (np.where(np.eye(3, 16) > 0, np.nan, more), "3 of 3 embeddings are not finite"),
            (np.where(np.eye(3, 16) > 0, np.inf, more), "not finite"),
            (more * [[1], [0], [1]], "cannot be compared"),
            (more[:, :15], "embeddings have 16 numbers; these embeddings have 15"),
            (more[:2], "3 entries do not go with 2 embeddings"),
            (more.astype(str), "must be real numbers"),
            (more[0], "must be"),
        ):
            refused(message, lambda: gallery.add(new, wrong))  # noqa: B023
            if len(wrong) == 3 and message != "cannot be compared":
                refused("finite|numbers", lambda: gallery.search(wrong))  # noqa: B023
        refused("1 ids are those of several entries", lambda: gallery.add([new[0], new[1], new[0]], more))
        refused("k must be", lambda: gallery.search(more, 0))
        refused("k must be", lambda: gallery.search(more, 1001))
        refused("rerank must be", lambda: gallery.search(more, 10, rerank=9))
        refused("threshold must be", lambda: gallery.search(more, threshold=float("nan")))
        refused("before must be", lambda: gallery.search(more, before=float("nan")))
        refused("identity: name 1 to", lambda: gallery.count(identities=[]))
        assert gallery.count() == 40


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "needs an id, or a file"),
        ({"file": ""}, "file must be the name of a file"),
        ({"file": "a", "time": float("nan")}, "time must be seconds"),
        ({"file": "a", "time": 1.7e12}, "time must be seconds"),
        ({"file": "a", "frame": -1}, "frame must be"),
        ({"file": "a", "frame": 1.5}, "frame must be"),
        ({"file": "a", "box": (1, 2, 3)}, "box must be"),
        ({"file": "a", "box": (3, 2, 1, 4)}, "box must be"),
        ({"file": "a", "box": (0, 0, float("inf"), 4)}, "box must be"),
        ({"file": "a", "attributes": {"x": float("nan")}}, "attributes must be"),
        ({"file": "a", "attributes": {"x": {1, 2}}}, "attributes must be"),
        ({"file": "a", "attributes": {1: 2}}, "attributes must be"),
        ({"file": "a", "attributes": {"x": "y" * 40_000}}, "is 4.... bytes without its embedding"),
        ({"file": "a", "tracklet": 7}, "tracklet must be text"),
    ],
)
def test_entries_that_are_none(values, message):
    refused(message, lambda: Entry(**values))


@pytest.mark.parametrize("damage", ["schema", "manifest", "segment", "gone"])
def test_damaged_galleries(filled, damage):
    place, _, vectors = filled
    collection = place / "collections" / "people"
    files = {
        "schema": collection.glob("schema.json"),
        "manifest": collection.glob("manifest.json*"),
        "segment": collection.rglob("*.parquet"),
        "gone": [],
    }
    for file in files[damage]:
        file.write_bytes(b"damaged" + file.read_bytes()[:50])
    if damage == "gone":
        shutil.rmtree(collection)

    def use():
        with Gallery(place) as gallery:
            assert gallery.search(vectors, 3) and gallery.entries()

    refused("Milvus Lite cannot use it|has no gallery people", use)


READ_ONLY = """
import os, sys
import milvus_lite, pymilvus
from iaunet_tf import Gallery
from iaunet_tf.errors import InputError
if os.geteuid() == 0:  # who may write everywhere
    os.setuid(65534)
try:
    Gallery(sys.argv[1], ("ab" * 32, 16))
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("there", [True, False])
def test_folders_that_cannot_be_written_to(there):
    with tempfile.TemporaryDirectory() as folder:  # that of pytest is closed to other users
        place = Path(folder) / "people.db"
        if there:
            with Gallery(place, NETWORK) as gallery:
                gallery.add([Entry(id="a")], np.ones((1, 16)))
        for path in (*Path(folder).rglob("*"), Path(folder)):
            path.chmod(0o555 if path.is_dir() else 0o444)
        done = subprocess.run([sys.executable, "-c", READ_ONLY, str(place)], capture_output=True, text=True)
        Path(folder).chmod(0o755)
        if there:
            place.chmod(0o755)
    assert done.stdout == f"{place}: cannot be written to, which Milvus Lite needs even for a search\n", done.stderr


HOLD = """
import sys, time
from iaunet_tf import Gallery
with Gallery(sys.argv[1], ("ab" * 32, 16)) as gallery:
    print(gallery.count(), flush=True)
    time.sleep(60)
"""


def test_one_process_at_a_time(filled, people):
    place, entries, _ = filled
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(place)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "40\n"
    for network in (NETWORK, None):
        refused("another process has it open; wait until it ends", lambda: Gallery(place, network))  # noqa: B023
    holder.kill()
    holder.wait()
    with Gallery(place) as gallery:
        assert gallery.count() == 40 and set(gallery.entries()) == set(entries)


ADD = """
import sys
import numpy as np
from iaunet_tf import Gallery
from iaunet_tf.gallery import Entry
vectors = np.random.default_rng(0).normal(size=(4000, 16)).astype("float32")
entries = [Entry(id=f"{i:05}", camera=str(i % 3)) for i in range(4000)]
with Gallery(sys.argv[1], ("ab" * 32, 16)) as gallery:
    print("open", flush=True)
    for start in range(0, 4000, 50):
        gallery.add(entries[start:start + 50], vectors[start:start + 50])
        print(start + 50, flush=True)
"""


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_while_it_adds(place, kills):
    """Whatever was said to be added is there, and repeating it adds the rest, once."""
    rng, said, halves = np.random.default_rng(3), 0, 0
    for attempt in range(kills + 1):
        process = subprocess.Popen([sys.executable, "-c", ADD, str(place)], stdout=subprocess.PIPE, text=True)
        lines = iter(process.stdout.readline, "")
        next(lines)
        if attempt < kills:
            timer = threading.Timer(rng.uniform(0.02, 0.35), process.send_signal, [signal.SIGKILL])
            timer.start()
        numbers = [int(line) for line in lines if line.endswith("\n")]
        process.wait()
        said = max([said, *numbers])
        halves += 0 < said < 4000
        with Gallery(place, NETWORK) as gallery:
            ids = [entry.id for entry in gallery.entries()]
        assert len(ids) == len(set(ids)) and {f"{i:05}" for i in range(said)} <= set(ids)
    assert halves >= kills // 2  # it was in the midst of adding
    assert process.returncode == 0 and sorted(ids) == [f"{i:05}" for i in range(4000)]
    vectors = np.random.default_rng(0).normal(size=(4000, 16)).astype("float32")
    with Gallery(place) as gallery:
        found = gallery.search(vectors[::97], 2)
    assert [hits[0].entry.id for hits in found] == [f"{i:05}" for i in range(0, 4000, 97)]


def test_servers_that_are_away_or_silent():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        uri = f"http://user:secret@127.0.0.1:{nobody.getsockname()[1]}"
        refused("no Milvus server answers there", lambda: Gallery(uri, NETWORK, timeout=1))
        nobody.listen()
        begin = time.monotonic()
        with pytest.raises(InputError, match=r"no Milvus server answers there|no answer from") as caught:
            Gallery(uri, NETWORK, timeout=1)
        assert time.monotonic() - begin < 15 and "secret" not in str(caught.value)


@pytest.mark.slow
def test_a_server_that_stops_answering(milvus_server, people):
    entries, vectors = people(3000)
    uri = f"http://127.0.0.1:{milvus_server.listen_port}"
    with Gallery(uri, NETWORK, timeout=5) as gallery:
        gallery.add(entries[:1000], vectors[:1000])
        milvus_server.server_proc.send_signal(signal.SIGSTOP)
        try:
            for work in (lambda: gallery.add(entries, vectors), lambda: gallery.search(vectors[:2]), gallery.count):
                begin = time.monotonic()
                refused("no answer from the Milvus server within 5 seconds|no Milvus server answers", work)
                assert time.monotonic() - begin < 30
        finally:
            milvus_server.server_proc.send_signal(signal.SIGCONT)
        time.sleep(2)
        gallery.add(entries, vectors)
        assert gallery.count() == 3000 and set(gallery.entries()) == set(entries)
        refused("of another network", lambda: Gallery(uri, ("cd" * 32, 16)))
        refused("has no gallery others; there are people", lambda: Gallery(uri, collection="others"))
        milvus_server.server_proc.kill()
        milvus_server.server_proc.wait(60)
        refused("no Milvus server answers", lambda: gallery.add(entries, vectors))


def test_without_pymilvus(tmp_path):
    script = "import sys; sys.modules['pymilvus'] = None; from iaunet_tf import Gallery; Gallery('a.db', ('a', 3))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert "NotInstalled: a.db: requires pymilvus: pip install 'iaunet-tf[gallery]'" in done.stderr
    assert not any(tmp_path.iterdir())
