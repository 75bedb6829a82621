import numpy as np
import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import evaluate_distances, evaluate_retrieval, evaluate_single_shot, nearest

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


@pytest.mark.parametrize("chunk", [1, 3, 256])
def test_equals_the_authors_under_any_chunk(oracle, chunk):
    numbers = oracle("market_metric")
    result = evaluate_retrieval(*(numbers[key] for key in KEYS), chunk=chunk)
    assert result.mAP == pytest.approx(float(numbers["mAP"]), abs=1e-6)
    np.testing.assert_allclose(result.cmc, numbers["cmc"], atol=1e-6)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_equals_sorting_under_any_chunk(random_case, distance, chunk):
    result = evaluate_retrieval(*random_case, distance=distance, max_rank=30, chunk=chunk)
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


def test_memory_mapped_features(random_case, tmp_path):
    query, gallery, *ids = random_case
    np.save(tmp_path / "gallery.npy", gallery)
    mapped = np.load(tmp_path / "gallery.npy", mmap_mode="r")
    assert evaluate_retrieval(query, mapped, *ids).mAP == evaluate_retrieval(query, gallery, *ids).mAP


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_nearest_equals_sorting(random_case, distance):
    query, gallery, query_pids, gallery_pids, query_camids, gallery_camids = random_case
    places, distances = nearest(*random_case, distance=distance, k=7)
    if distance == "cosine":
        unit_query, unit_gallery = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery))
        expected = 1 - unit_query @ unit_gallery.T
    else:
        expected = np.linalg.norm(query[:, None] - gallery[None], axis=-1)
    expected[(query_pids[:, None] == gallery_pids) & (query_camids[:, None] == gallery_camids)] = np.inf
    order = np.argsort(expected, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(places, order)
    np.testing.assert_allclose(distances, np.take_along_axis(expected, order, axis=1), atol=1e-5)
    few = nearest(query[:2], gallery[:2], query_pids[:2], query_pids[:2], query_camids[:2], query_camids[:2])
    assert few[0].shape == (2, 2) and np.isinf(few[1][:, -1]).all()


def single_shot(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids):
    """Exact expectation of the protocol's rank-1 and mean of 1 / rank: others' ranks are independent of each other."""
    similarities = query @ gallery.T
    rank1, inverse = [], []
    for i, row in enumerate(similarities):
        other = gallery_camids != query_camids[i]
        own = np.flatnonzero(other & (gallery_pids == query_pids[i]))
        if not len(own):
            continue
        strangers = sorted(set(gallery_pids[other]) - {query_pids[i]})
        per_image = []
        for image in own:
            # Distribution of how many strangers come before, one after another.
            counts = np.array([1.0])
            for person in strangers:
                images = np.flatnonzero(other & (gallery_pids == person))
                p = np.mean((row[images] > row[image]) | ((row[images] == row[image]) & (images < image)))
                counts = np.convolve(counts, [1 - p, p])
            per_image.append((counts[0], np.sum(counts / np.arange(1, len(counts) + 1))))
        rank1.append(np.mean([a for a, _ in per_image]))
        inverse.append(np.mean([b for _, b in per_image]))
    return np.mean(rank1), np.mean(inverse)


def test_single_shot_converges_to_its_expectation(random_case):
    query, gallery, *ids = random_case
    query, gallery = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery))
    rank1, inverse = single_shot(query, gallery, *ids)
    result = evaluate_single_shot(query, gallery, *ids, repeats=4000, max_rank=12)
    assert result.rank(1) == pytest.approx(rank1, abs=0.01)
    assert result.mAP == result.mINP == pytest.approx(inverse, abs=0.01)
    assert result.cmc[-1] == pytest.approx(1) and (np.diff(result.cmc) >= 0).all()
    assert np.isnan(result.ap[:3]).all() and result.num_queries == 34
    np.testing.assert_allclose(np.nanmean(result.rank1), result.rank(1))


def test_single_shot_is_repeatable(random_case):
    first, again = (evaluate_single_shot(*random_case, repeats=10, seed=3) for _ in range(2))
    other = evaluate_single_shot(*random_case, repeats=10, seed=4)
    assert first.mAP == again.mAP != other.mAP


def test_single_shot_with_one_image_each_is_the_ordinary_protocol():
    rng = np.random.default_rng(0)
    query, gallery = rng.normal(size=(20, 4)), rng.normal(size=(20, 4))
    ids = np.arange(20), np.arange(20), np.ones(20, int), np.full(20, 2)
    single, ordinary = evaluate_single_shot(query, gallery, *ids), evaluate_retrieval(query, gallery, *ids)
    assert single.mAP == pytest.approx(ordinary.mAP)
    np.testing.assert_allclose(single.cmc, ordinary.cmc)
