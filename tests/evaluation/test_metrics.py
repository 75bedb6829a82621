"""Verification, confidence intervals, pairs of cameras, sums of distances."""

import numpy as np
import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import by_camera_pair, combine, compare_pairs, confidence_intervals, evaluate_retrieval


@pytest.fixture
def case():
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(12, 8))
    pids = rng.integers(0, 12, 60), rng.integers(0, 12, 150)
    query, gallery = (centres[each] + rng.normal(size=(len(each), 8)) for each in pids)
    return query, gallery, *pids, rng.integers(0, 3, 60), rng.integers(0, 3, 150)


def all_pairs(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids, distance):
    """Distances of pairs of the same and of different people."""
    if distance == "cosine":
        query, gallery = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery))
        distances = 1 - query @ gallery.T
    else:
        distances = np.linalg.norm(query[:, None] - gallery[None], axis=-1)
    same = query_pids[:, None] == gallery_pids
    return distances[same & (query_camids[:, None] != gallery_camids)], distances[~same]


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_roc_equals_counting_pairs(case, distance):
    same, different = all_pairs(*case, distance)
    pairs = compare_pairs(*case, distance)
    assert pairs.same.sum() == len(same) and pairs.different.sum() == len(different)
    width = np.diff(pairs.edges)[0]
    middle = (pairs.edges[:-1] + pairs.edges[1:]) / 2
    assert np.average(middle, weights=pairs.same) == pytest.approx(same.mean(), abs=width)
    for rate in (1e-3, 1e-2, 1e-1, 0.5):
        threshold = np.sort(different)[int(rate * len(different))]
        assert pairs.true_positive_rate(rate) == pytest.approx(np.mean(same < threshold), abs=2 / len(same))
    assert list(pairs.metrics()) == ["TPR@FPR=0.001", "TPR@FPR=0.01", "TPR@FPR=0.1"]
    assert pairs.true_positive_rate(1) == 1


def test_confidence_equals_drawing_people_one_by_one(case):
    result = evaluate_retrieval(*case)
    intervals = confidence_intervals(result, case[2], samples=4000)
    rng, people, means = np.random.default_rng(1), np.unique(case[2]), []
    for _ in range(4000):
        drawn = rng.choice(people, len(people))
        means.append(np.concatenate([result.ap[case[2] == person] for person in drawn]).mean())
    np.testing.assert_allclose(intervals["mAP"], np.percentile(means, [2.5, 97.5]), atol=0.01)
    low, high = intervals["rank-1"]
    assert low < result.rank(1) < high
    assert intervals == confidence_intervals(result, case[2], samples=4000)


def test_pairs_of_cameras(case):
    query, gallery, query_pids, gallery_pids, query_camids, gallery_camids = case
    rows = by_camera_pair(*case)
    assert [(row["query_camera"], row["gallery_camera"]) for row in rows] == [
        (a, b) for a in range(3) for b in range(3) if a != b
    ]
    here, there = query_camids == 1, gallery_camids == 2
    expected = evaluate_retrieval(
        query[here], gallery[there], query_pids[here], gallery_pids[there], query_camids[here], gallery_camids[there]
    )
    assert rows[3]["mAP"] == expected.mAP and rows[3]["queries"] == expected.num_queries
    assert by_camera_pair(query, gallery, query_pids, gallery_pids, np.arange(60), 60 + np.arange(150)) == []


def test_distances_of_combined_embeddings_are_sums(case):
    query, gallery, *_ = case
    rng = np.random.default_rng(2)
    others = rng.normal(size=(60, 5)), rng.normal(size=(150, 5))

    def cosine(a, b):
        return 1 - (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T

    combined = combine([query, others[0]]), combine([gallery, others[1]])
    np.testing.assert_allclose(2 * cosine(*combined), cosine(query, gallery) + cosine(*others), atol=1e-5)
    squared = combine([query, others[0]], "euclidean"), combine([gallery, others[1]], "euclidean")
    np.testing.assert_allclose(
        ((squared[0][:, None] - squared[1]) ** 2).sum(-1),
        ((query[:, None] - gallery) ** 2).sum(-1) + ((others[0][:, None] - others[1]) ** 2).sum(-1),
        rtol=1e-4,
    )
    with pytest.raises(InputError, match="60 and 150"):
        combine([query, gallery])
