"""Galleries beside lists and NumPy, in Milvus Lite and, as slow tests, on a real server."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import numpy as np
import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import rerank
from iaunet_tf.gallery import Entry


@pytest.fixture(scope="module")
def filled(make):
    """A gallery of 700 entries, the entries and their embeddings."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(700, 16)).astype("float32")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entries = [
        Entry(
            file=f"/data/é {i}.jpg",
            identity=f"person {i % 40}" if i % 4 else None,
            camera=str(i % 3) if i % 5 else None,
            time=1.7e9 + i / 8 if i % 2 else None,
            frame=i if i % 7 == 0 else None,
            box=(1, 2.5, 30, 80) if i % 6 == 0 else None,
            tracklet=f"t{i % 90}" if i % 8 else None,
            thumbnail="/thumbs/a.jpg" if i % 9 == 0 else None,
            attributes={"colour": ["red", None], "ü": {"deep": 1.5}} if i % 10 == 0 else {},
        )
        for i in range(700)
    ]
    gallery = make()
    gallery.add(entries, vectors * 3)
    return gallery, entries, vectors


FILTERS = [
    ({}, lambda e: True),
    ({"identities": "person 7"}, lambda e: e.identity == "person 7"),
    ({"identities": ["person 7", None]}, lambda e: e.identity in ("person 7", None)),
    ({"cameras": ["0", "2"]}, lambda e: e.camera in ("0", "2")),
    (
        {"cameras": [None], "identities": ["person 15", "person 30"]},
        lambda e: e.camera is None and e.identity in ("person 15", "person 30"),
    ),
    ({"after": 1.7e9 + 20}, lambda e: e.time is not None and e.time >= 1.7e9 + 20),
    ({"before": 1.7e9 + 20.125}, lambda e: e.time is not None and e.time < 1.7e9 + 20.125),
    (
        {"after": datetime.fromtimestamp(1.7e9 + 10, timezone.utc), "before": 1.7e9 + 30, "cameras": "1"},
        lambda e: e.time is not None and 10 <= e.time - 1.7e9 < 30 and e.camera == "1",
    ),
    ({"identities": "nobody of this name"}, lambda e: False),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "keeps"), FILTERS)
def test_search_is_that_of_numpy(filled, filters, keeps):
    gallery, entries, vectors = filled
    rows = [i for i, entry in enumerate(entries) if keeps(entry)]
    assert gallery.count(**filters) == len(rows)
    listed = gallery.entries(**filters)
    assert sorted(listed, key=lambda e: e.id) == sorted([entries[i] for i in rows], key=lambda e: e.id)
    assert [e.time for e in listed] == sorted([e.time for e in listed], key=lambda t: -1 if t is None else t)
    queries = np.random.default_rng(1).normal(size=(12, 16))
    cosines = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ vectors[rows].T
    for k in (1, 10, 1000):
        found = gallery.search(queries, k, **filters)
        for hits, row in zip(found, cosines, strict=True):
            order = np.argsort(-row, kind="stable")[:k]
            np.testing.assert_allclose([hit.distance for hit in hits], 1 - row[order], atol=2e-6)
            for hit in hits:
                place = entries.index(hit.entry)
                assert abs(hit.distance - (1 - row[rows.index(place)])) < 2e-6 and hit.reranked is None
            assert len({hit.entry.id for hit in hits}) == len(hits)


def test_threshold_and_one_query(filled):
    gallery, entries, vectors = filled
    query = vectors[3] + 0.2 * vectors[4]
    cosines = vectors @ query / np.linalg.norm(query)
    near, far = gallery.search(np.stack([query, -vectors[3]]), 1000, threshold=0.3)
    assert {hit.entry for hit in near} == {entries[i] for i in np.flatnonzero(1 - cosines <= 0.3)}
    assert far is not None or (vectors @ -vectors[3]).max() < 0.7
    (alone,) = gallery.search(vectors[9], 1)
    assert alone[0].entry == entries[9] and alone[0].distance < 1e-6
    assert gallery.search(np.eye(16)[:2], 1, threshold=0.0) == [None, None]


def test_reranking_is_that_of_evaluation(filled):
    gallery, entries, vectors = filled
    queries = np.random.default_rng(2).normal(size=(3, 16)).astype("float32")
    for hits, query in zip(gallery.search(queries, 5, rerank=60), queries, strict=True):
        nearest = np.argsort(-(vectors @ query), kind="stable")[:60]
        distances = rerank(query[None], vectors[nearest])[0]
        order = np.argsort(distances, kind="stable")[:5]
        np.testing.assert_allclose([hit.reranked for hit in hits], distances[order], atol=1e-4)
        assert {hit.entry for hit in hits} == {entries[nearest[place]] for place in order}


def test_adding_twice_and_replacing(make, people):
    gallery, (entries, vectors) = make(), people(60)
    assert gallery.add([], np.empty((0, 16))) == (0, 0)
    assert gallery.add(entries[:20], vectors[:20]) == (20, 0)
    assert gallery.add(entries, vectors) == (40, 20)
    gallery.assign([entries[0].id], "Zoë")
    assert gallery.add(entries, vectors) == (0, 60) and gallery.count(identities="Zoë") == 1
    assert gallery.add(entries[:5], vectors[:5], replace=True) == (5, 0)
    assert gallery.count(identities="Zoë") == 0 and len(gallery) == 60
    assert gallery.missing([entries[3].id, "other", entries[5].id, "another"]) == ["other", "another"]
    (again,) = gallery.search(vectors[7], 1)
    assert again[0].entry == entries[7]


def test_two_add_the_same_at_once(make, people):
    first, (entries, vectors) = make(), people(600)
    second = make(again=first)
    order = np.random.default_rng(0).permutation(600)

    def add(gallery, rows):
        for start in range(0, 600, 60):
            part = rows[start : start + 60]
            gallery.add([entries[i] for i in part], vectors[part])

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(add, first, np.arange(600)), pool.submit(add, second, order)]:
            done.result()
    found = first.entries()
    assert len(found) == 600 == second.count() and set(found) == set(entries)


def test_assign_merge_and_remove(make, people):
    gallery, (entries, vectors) = make(), people(120)
    gallery.add(entries, vectors)
    there = {entry.id: entry.identity for entry in entries}
    some = [entries[i].id for i in (0, 1, 2, 77)]
    assert gallery.assign(some, "person 1") == sum(there[each] != "person 1" for each in some)
    there |= dict.fromkeys(some, "person 1")
    assert gallery.assign(some[:2], None) == 2
    there |= dict.fromkeys(some[:2], None)
    assert gallery.merge(["person 1", "person 2", "person 3"], "one person") == sum(
        name in ("person 1", "person 2", "person 3") for name in there.values()
    )
    there = {
        each: "one person" if name in ("person 1", "person 2", "person 3") else name for each, name in there.items()
    }
    assert gallery.merge(["person 1", "one person"], "one person") == 0
    assert {entry.id: entry.identity for entry in gallery.entries()} == there
    with pytest.raises(InputError, match="has no entry nobody"):
        gallery.assign([entries[0].id, "nobody"], "x")
    assert gallery.count(identities="x") == 0
    # What is changed keeps its embedding and all else.
    (hits,) = gallery.search(vectors[77], 1)
    assert hits[0].distance < 1e-6 and hits[0].entry.file == entries[77].file and hits[0].entry.time == entries[77].time
    kept = {entry.id: entry for entry in gallery.entries()}
    for given, gone in (
        ({"ids": [entries[5].id, "nobody"]}, lambda e: e.id == entries[5].id),
        (
            {"cameras": "1", "before": 1.7e9 + 5},
            lambda e: e.camera == "1" and e.time is not None and e.time < 1.7e9 + 5,
        ),
        ({"identities": [None, "one person"]}, lambda e: e.identity in (None, "one person")),
        ({"identities": "gone"}, lambda e: False),
    ):
        lost = [each for each, entry in kept.items() if gone(entry)]
        assert gallery.remove(**given) == len(lost)
        for each in lost:
            del kept[each]
        assert {entry.id for entry in gallery.entries()} == set(kept)
    with pytest.raises(InputError, match="say which entries to remove"):
        gallery.remove()
    gallery.add(entries, vectors)
    assert len(gallery) == 120


def test_what_is_closed_is_there_again(make, people):
    gallery, (entries, vectors) = make(), people(30)
    gallery.add(entries, vectors)
    other = make(network=None, again=gallery)  # two at once in one process
    gallery.close()
    assert len(other) == 30
    other.close()
    with pytest.raises(InputError, match="the gallery is closed"):
        len(other)
    again = make(network=None, again=gallery)
    assert (again.network, again.dimension, len(again)) == ("ab" * 32, 16, 30)
    found = {entry.id: vector for entry, vector in again}
    np.testing.assert_allclose([found[entry.id] for entry in entries], vectors, atol=1e-6)


def test_info_and_export(make, people, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    gallery, (entries, vectors) = make(), people(50)
    empty = gallery.info()
    assert (empty["entries"], empty["first"], empty["identities"]) == (0, None, {})
    gallery.add(entries, vectors)
    info = gallery.info(measure=True)
    assert info["entries"] == 50 and info["cameras"] == Counter(entry.camera for entry in entries)
    assert info["identities"] == Counter(entry.identity for entry in entries)
    assert (info["first"], info["last"]) == (1.7e9 + 1 / 8, 1.7e9 + 49 / 8)
    assert (info["index"], info["recall"], info["network"], info["dimension"]) == ("exact", 1.0, "ab" * 32, 16)
    assert gallery.export(tmp_path / "people.parquet") == 50
    table = parquet.read_table(tmp_path / "people.parquet")
    assert table.schema.metadata[b"network"] == b"ab" * 32
    rows = {row["id"]: row for row in table.to_pylist()}
    for entry, vector in zip(entries, vectors, strict=True):
        row = rows[entry.id]
        assert (row["path"], row["identity"], row["camera"], row["time"]) == (
            entry.file,
            entry.identity,
            entry.camera,
            entry.time,
        )
        np.testing.assert_allclose(row["embedding"], vector, atol=1e-6)
    with pytest.raises(InputError, match=r"must end in \.parquet"):
        gallery.export(tmp_path / "people.csv")


def test_an_index_takes_over_and_says_what_it_misses(make, people):
    gallery, (entries, vectors) = make(exact_up_to=400), people(900)
    gallery.add(entries[:300], vectors[:300])
    assert gallery.info()["index"] == "exact"
    gallery.add(entries, vectors)
    info = gallery.info()
    assert info["index"] == "HNSW" and 0.9 <= info["recall"] <= 1
    again = make(again=gallery)
    found = again.search(vectors[:50], 10, cameras="1")
    rows = [i for i, entry in enumerate(entries) if entry.camera == "1"]
    for hits, cosines in zip(found, vectors[:50] @ vectors[rows].T, strict=True):
        best = {entries[rows[i]].id for i in np.argsort(-cosines)[:10]}
        assert len(best & {hit.entry.id for hit in hits}) >= 8 and all(hit.entry.camera == "1" for hit in hits)
    assert again.remove(cameras="1") == len(rows) and not any(again.search(vectors[:3], 5, cameras="1"))


HOSTILE = [
    *('"', "'", "\\", '\\"', '" or 1==1 or identity == "', "' or 1==1", '"] or id != ["', "{x}", "%", "é☃𝄞"),
    *("a\u202eb", "\\u0041", "x" * 256, "é" * 128, " ", "null", "$meta", "identity", "\u2028", "日本語の　カメラ"),
]


def test_hostile_names_are_names(make, people, monkeypatch):
    monkeypatch.setattr("iaunet_tf.gallery.collection.ROWS", 2)  # which go through all of the ids
    gallery, (entries, vectors) = make(), people(len(HOSTILE) + 10)
    named = [Entry(id=name, identity=name, camera=name) for name in HOSTILE]
    gallery.add(named, vectors[: len(named)])
    gallery.add(entries[-10:], vectors[-10:])
    for entry in named:
        assert gallery.entries(ids=[entry.id]) == [entry]
        assert gallery.count(identities=entry.identity) == 1 == gallery.count(cameras=[entry.camera])
        (hits,) = gallery.search(vectors[0], 100, identities=entry.identity, cameras=entry.camera)
        assert [hit.entry for hit in hits] == [entry]
    assert gallery.count(identities=HOSTILE) == len(HOSTILE)
    assert sorted(gallery.entries(), key=lambda entry: entry.id) == sorted(
        named + entries[-10:], key=lambda entry: entry.id
    )
    assert gallery.assign([named[4].id], HOSTILE[5]) == 1 and gallery.count(identities=HOSTILE[5]) == 2
    assert gallery.merge(HOSTILE[5], HOSTILE[4]) == 2 and gallery.count(identities=HOSTILE[4]) == 2
    assert gallery.remove(identities=HOSTILE[4]) == 2 and len(gallery) == len(HOSTILE) + 8
    for name in ("a\0b", "a\nb", "\x7f", "x" * 257, "é" * 129, "\udc80", "", 7, b"a"):
        for wrong in (
            lambda: gallery.count(identities=[name]),  # noqa: B023
            lambda: gallery.remove(cameras=[name]),  # noqa: B023
            lambda: gallery.remove(ids=[name]),  # noqa: B023
            lambda: gallery.merge("x", name),  # noqa: B023
            lambda: Entry(id="a", identity=name),  # noqa: B023
            lambda: Entry(id=name or b""),  # noqa: B023
        ):
            with pytest.raises(InputError) as caught:
                wrong()
            assert "\n" not in str(caught.value) and len(str(caught.value)) < 250
    assert len(gallery) == len(HOSTILE) + 8
