import numpy as np
import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import evaluate_distances, evaluate_retrieval, retrieval

KEYS = ("query", "gallery", "query_pids", "gallery_pids", "query_camids", "gallery_camids")


def by_sorting(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids, distance="cosine"):
    """The protocol as it is usually written: sort the gallery, drop the query's own camera, count."""
    if distance == "cosine":
        query, gallery = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery))
    distances = ((query[:, None].astype("float64") - gallery[None]) ** 2).sum(-1)
    ap, inp, first = [], [], []
    for i, row in enumerate(distances):
        order = np.argsort(row, kind="stable")
        order = order[~((gallery_pids[order] == query_pids[i]) & (gallery_camids[order] == query_camids[i]))]
        ranks = np.flatnonzero(gallery_pids[order] == query_pids[i]) + 1
        if len(ranks):
            ap.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
            inp.append(len(ranks) / ranks[-1])
            first.append(ranks[0])
    return np.array(ap), np.mean(inp), np.array(first)


@pytest.fixture
def random_case():
    rng = np.random.default_rng(1)
    query, gallery = rng.normal(size=(37, 6)).astype("float32"), rng.normal(size=(210, 6)).astype("float32")
    # Person 9 is no query's, person 0 are distractors, person 12 is in no gallery.
    query_pids, gallery_pids = rng.integers(1, 9, 37), rng.integers(0, 10, 210)
    query_pids[:3] = 12
    return query, gallery, query_pids, gallery_pids, rng.integers(1, 4, 37), rng.integers(1, 4, 210)


def test_equals_the_authors(oracle):
    numbers = oracle("market_metric")
    result = evaluate_retrieval(*(numbers[key] for key in KEYS))
    assert result.mAP == pytest.approx(float(numbers["mAP"]), abs=1e-6)
    np.testing.assert_allclose(result.cmc, numbers["cmc"], atol=1e-6)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_equals_sorting_under_any_chunk(random_case, distance, chunk, monkeypatch):
    monkeypatch.setattr(retrieval, "QUERY_CHUNK", chunk)
    result = evaluate_retrieval(*random_case, distance=distance, max_rank=30)
    ap, inp, first = by_sorting(*random_case, distance)
    np.testing.assert_allclose(result.ap[np.isfinite(result.ap)], ap, atol=1e-9)
    assert np.isnan(result.ap[:3]).all()
    assert result.num_queries == len(ap) == 34
    assert result.mINP == pytest.approx(inp)
    np.testing.assert_allclose(result.cmc, [np.mean(first <= k) for k in range(1, 31)])


def test_by_hand():
    # Ranked: stranger, match, same camera (left out), match.
    query = np.array([[1.0, 0]])
    angles = np.array([0.1, 0.2, 0.3, 0.4])
    gallery = np.stack([np.cos(angles), np.sin(angles)], 1)
    result = evaluate_retrieval(query, gallery, [1], [2, 1, 1, 1], [1], [1, 2, 1, 3])
    assert result.mAP == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert result.mINP == pytest.approx(2 / 3)
    assert result.cmc[:3].tolist() == [0, 1, 1]
    assert result.rank(1) == 0 and result.rank(99) == 1


def test_ties_are_broken_by_the_gallerys_order_as_in_a_stable_sort(random_case):
    query, gallery, *ids = random_case
    same = evaluate_retrieval(np.ones_like(query), np.ones_like(gallery), *ids)
    ap, _, _ = by_sorting(np.ones_like(query), np.ones_like(gallery), *ids)
    np.testing.assert_allclose(same.ap[np.isfinite(same.ap)], ap)
    assert same.mAP < 0.4  # a collapsed network does not look good


def test_bad_input_is_named(random_case):
    query, gallery, query_pids, gallery_pids, query_camids, gallery_camids = random_case
    ids = (query_pids, gallery_pids, query_camids, gallery_camids)
    with pytest.raises(InputError, match="no query has a match"):
        evaluate_retrieval(query, gallery, np.full(37, 99), *ids[1:])
    broken = gallery.copy()
    broken[[3, 5], 0] = np.nan
    with pytest.raises(InputError, match="gallery: 2 of 210 embeddings are not finite"):
        evaluate_retrieval(query, broken, *ids)
    with pytest.raises(InputError, match="query embeddings have 4 dimensions, gallery embeddings 6"):
        evaluate_retrieval(query[:, :4], gallery, *ids)
    with pytest.raises(InputError, match=r"query: 37 embeddings, \(36,\) person ids"):
        evaluate_retrieval(query, gallery, query_pids[1:], *ids[1:])
    with pytest.raises(InputError, match="cosine, euclidean; received 'manhattan'"):
        evaluate_retrieval(query, gallery, *ids, distance="manhattan")
    with pytest.raises(InputError, match="at least one"):
        evaluate_retrieval(query[:0], gallery, *ids)


def test_distances_that_are_there_already():
    rng = np.random.default_rng(0)
    query, gallery = rng.normal(size=(7, 5)), rng.normal(size=(20, 5))
    ids = rng.integers(0, 3, 7), rng.integers(0, 3, 20), rng.integers(0, 2, 7), rng.integers(0, 2, 20)
    expected = evaluate_retrieval(query, gallery, *ids, distance="euclidean")
    distances = np.linalg.norm(query[:, None] - gallery[None], axis=-1)
    before = distances.copy()
    got = evaluate_distances(distances, *ids)
    assert got.mAP == pytest.approx(expected.mAP) and got.mINP == pytest.approx(expected.mINP)
    np.testing.assert_allclose(got.cmc, expected.cmc)
    np.testing.assert_array_equal(distances, before)
    with pytest.raises(InputError, match="do not go with"):
        evaluate_distances(distances.T, *ids)
    distances[0, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        evaluate_distances(distances, *ids)
