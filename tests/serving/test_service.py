"""The service as programs see it, over HTTP, with a real network and Milvus Lite."""

import io
import threading
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from serving.odd import NAMES, encoded

from iaunet_tf.evaluation import rerank
from iaunet_tf.thresholds import Threshold, Thresholds


@pytest.fixture(scope="module")
def truth(running):
    """Entries by id, and the cosine distances of the first picture to all of them by id."""
    pairs = list(running.gallery)
    query = running.network(running.files[0])[0]
    return {entry.id: entry for entry, _ in pairs}, {entry.id: float(1 - query @ vector) for entry, vector in pairs}


def test_search_is_that_of_numpy(running, truth):
    entries, distances = truth
    status, found = running.search(running.files[0].read_bytes(), k=15)
    assert status == 200
    nearest = sorted(distances.values())[:15]
    np.testing.assert_allclose([hit["distance"] for hit in found["entries"]], nearest, atol=1e-5)
    assert found["entries"][0]["file"] == str(running.files[0])
    for hit in found["entries"]:
        entry = entries[hit["id"]]
        assert abs(hit["distance"] - distances[hit["id"]]) < 1e-5
        assert (hit["identity"], hit["camera"], hit["time"]) == (entry.identity, entry.camera, entry.time)
        assert hit["same"] == (hit["distance"] <= 0.05)
    assert found["threshold"] == {"distance": 0.05, "kind": "given", "rate": None} and found["unknown"] is False


@pytest.mark.parametrize(
    ("query", "keeps"),
    [
        ({"cameras": ["1", "2"]}, lambda e: e.camera in ("1", "2")),
        ({"cameras": ["", "1"]}, lambda e: e.camera in (None, "1")),
        ({"after": "1700000200"}, lambda e: e.time is not None and e.time >= 1.7e9 + 200),
        ({"before": "2023-11-14T22:16:40Z"}, lambda e: e.time is not None and e.time < 1.7e9 + 200),
        ({"before": "2023-11-14T23:16:40+01:00"}, lambda e: e.time is not None and e.time < 1.7e9 + 200),
        (
            {"after": 1.7e9 + 80, "before": 1.7e9 + 400, "cameras": "0"},
            lambda e: e.time is not None and 80 <= e.time - 1.7e9 < 400 and e.camera == "0",
        ),
        ({"cameras": "no such"}, lambda e: False),
    ],
)  # fmt: skip
def test_filters(running, truth, query, keeps):
    entries, _ = truth
    status, found = running.search(running.files[3].read_bytes(), k=1000, **query)
    assert status == 200
    assert {hit["id"] for hit in found["entries"]} == {id for id, entry in entries.items() if keeps(entry)}


def test_reranking_is_that_of_the_gallery(running):
    status, found = running.search(running.files[2].read_bytes(), k=5, rerank=30)
    query = running.network(running.files[2])
    pairs = sorted(running.gallery, key=lambda pair: 1 - float(query[0] @ pair[1]))[:30]
    again = rerank(query, np.array([vector for _, vector in pairs]))[0]
    assert status == 200
    np.testing.assert_allclose([hit["reranked"] for hit in found["entries"]], sorted(again)[:5], atol=1e-4)


def test_unknown(running):
    noise = np.random.default_rng(0).integers(0, 255, (40, 200, 3), dtype="uint8")
    distances = [hit["distance"] for hit in running.search(encoded(noise))[1]["entries"]]
    for threshold, unknown in ((distances[0] / 2, True), (distances[0] * 1.01, False)):
        status, found = running.search(encoded(noise), threshold=threshold)
        assert status == 200 and found["unknown"] is unknown
        assert len(found["entries"]) == 20 and found["entries"][0]["same"] is not unknown
    assert running.search(encoded(noise), cameras="no such")[1]["unknown"] is True


def test_measured_thresholds(run, network):
    pair = Threshold(0.01, 0.2, 0.9, (0.0, 0.02), (0.8, 1.0))
    stranger = Threshold(0.01, 0.1, 0.7, (0.0, 0.02), (0.6, 0.8))
    measured = network.otherwise(thresholds=Thresholds("some people", "cosine", (pair,), (stranger,)))
    vars(measured).pop("thresholds", None)  # which it has from the other one, if that was asked for them
    with run(measured) as running:
        picture = running.files[0].read_bytes()
        usual = {"distance": 0.1, "kind": "open_set", "rate": 0.01}
        assert running.search(picture)[1]["threshold"] == usual
        told = running("GET", "/api/info")[2]
        assert told["threshold"] == usual and told["measured_on"] == "some people" and len(told["thresholds"]) == 2
        found = running.search(picture, false_positive_rate=0.01)[1]
        assert found["threshold"] == {"distance": 0.2, "kind": "pairs", "rate": 0.01}
        assert running.search(picture, threshold=0.3)[1]["threshold"]["distance"] == 0.3
        status, answer = running.search(picture, false_positive_rate=0.05)
        assert status == 400 and "no threshold was measured for a rate of 0.05" in answer["error"]
    with run() as running:
        found = running.search(picture)[1]
        assert found["threshold"] is None and found["unknown"] is None and found["entries"][0]["same"] is None


def test_info(running):
    status, _, told = running("GET", "/api/info")
    entries = running.gallery.entries()
    assert status == 200
    assert told["entries"] == len(running.files) == len(entries)
    assert {each["camera"]: each["entries"] for each in told["cameras"]} == {
        name: sum(entry.camera == name for entry in entries) for name in (None, "0", "1", "2")
    }
    assert told["unknown"] == sum(entry.identity is None for entry in entries) and told["identities"] == len(NAMES)
    assert told["last"] == max(entry.time or 0 for entry in entries)


@pytest.mark.parametrize("name", NAMES)
def test_path_of_odd_names(running, name):
    status, _, path = running("GET", "/api/identity?" + urlencode({"name": name}))
    wanted = running.gallery.entries(identities=name)
    assert status == 200 and path["count"] == len(wanted) == len(path["entries"])
    assert {each["id"] for each in path["entries"]} == {entry.id for entry in wanted}
    times = [each["time"] for each in path["entries"]]
    known = [time for time in times if time is not None]
    assert times == sorted(known) + [None] * (len(times) - len(known))


def test_merge_assign_and_undo(run):
    with run() as running:
        entries = {entry.id: entry for entry in running.gallery.entries()}

        def identities():
            return {entry.id: entry.identity for entry in running.gallery.entries()}

        before = identities()
        status, _, merged = running("POST", "/api/merge", {"identities": NAMES[:3], "into": "новый"})
        assert status == 200 and merged["changed"] == sum(name in NAMES[:3] for name in before.values())
        assert identities() == {id: "новый" if name in NAMES[:3] else name for id, name in before.items()}
        chosen = [id for id in entries if before[id] in NAMES[:3]][:2]
        status, _, assigned = running("POST", "/api/assign", {"ids": chosen, "identity": None})
        assert status == 200 and assigned["changed"] == 2
        assert all(identities()[id] is None for id in chosen)
        # Those that were changed since stay.
        status, _, undone = running("POST", "/api/undo", {"change": merged["change"]})
        assert status == 200 and undone == {"changed": merged["changed"] - 2, "kept": 2}
        assert identities() == before | dict.fromkeys(chosen)
        assert running("POST", "/api/undo", {"change": merged["change"]})[0] == 404
        running("POST", "/api/undo", {"change": assigned["change"]})
        assert identities() == before | dict.fromkeys(chosen, "новый")
        status, _, answer = running("POST", "/api/assign", {"ids": [chosen[0], "gone"], "identity": "x"})
        assert status == 404 and answer == {"error": "there is no entry gone"}
        status, _, answer = running("POST", "/api/merge", {"identities": [NAMES[3], "nobody"], "into": "x"})
        assert status == 404 and answer == {"error": "there are no entries of nobody"}
        assert identities() == before | dict.fromkeys(chosen, "новый")


def test_thumbnails(run):
    from iaunet_tf.gallery import Entry

    with run() as running:
        entry = running.gallery.entries()[0]
        status, headers, content = running(
            "GET", running.search(running.files[0].read_bytes())[1]["entries"][0]["thumbnail"]
        )
        picture = Image.open(io.BytesIO(content))
        assert status == 200 and headers["Content-Type"] == "image/jpeg" and picture.format == "JPEG"
        assert picture.width <= 96 and picture.height <= 192
        odd = [Entry(id=f"../{i}", file=file) for i, file in enumerate(("/gone.jpg", "/etc/passwd", "/dev/zero", "/"))]
        running.gallery.add(odd, np.eye(len(odd), running.gallery.dimension))
        for each in odd:
            status, headers, content = running("GET", "/thumbnail?" + urlencode({"id": each.id}))
            assert status == 200 and headers["Content-Type"] == "image/svg+xml", each.file
        for id in ("/etc/passwd", str(running.files[0]), entry.file, "..%2f..", "x"):
            assert running("GET", "/thumbnail?" + urlencode({"id": id}))[0] == 404
        assert running("GET", "/thumbnail/../../etc/passwd")[0] == 404


def test_other_requests_are_answered_meanwhile(running):
    large = encoded(np.zeros((7000, 8000), "uint8"), format="PNG", compress_level=1)
    searching = threading.Thread(target=running.search, args=(large,))
    searching.start()
    while running.service._searches._free == 64:
        pass
    for path in ("/", "/api/info", "/style.css"):
        assert running("GET", path)[0] == 200
    assert searching.is_alive()
    searching.join()


def test_gallery_that_fails(run):
    with run() as running:
        running.gallery.close()
        status, found = running.search(running.files[0].read_bytes())
        assert status == 503 and found["error"].endswith("people.db: the gallery is closed")
        assert running("GET", "/api/info")[0] == 503
        assert running("POST", "/api/assign", {"ids": ["x"], "identity": "x"})[0] == 503
