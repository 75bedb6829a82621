"""Thresholds of pairs and of open sets, against counting, and their intervals, against other people."""

import json

import numpy as np
import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import compare_pairs, evaluate_open_set
from iaunet_tf.thresholds import Threshold, Thresholds


def drawn(seed, people=60, images=6, dimensions=24):
    """Embeddings of people of whom some are more difficult than others: two queries each, the others in the gallery."""
    rng = np.random.default_rng(seed)
    pids = np.repeat(np.arange(people), images)
    spread = np.exp(rng.normal(-0.2, 0.2, people))[pids, None]
    vectors = rng.normal(size=(people, dimensions))[pids] + spread * rng.normal(size=(len(pids), dimensions))
    camids = np.tile(np.arange(images), people)
    query = camids < 2
    return vectors[query], vectors[~query], pids[query], pids[~query], camids[query], camids[~query]


def cosine_distances(query, gallery):
    query, gallery = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (query, gallery))
    return 1 - query @ gallery.T


def counted(case, distance):
    """False and true positive rates of calling what is nearer one person."""
    query, gallery, query_pids, gallery_pids, query_camids, gallery_camids = case
    near, same = cosine_distances(query, gallery) < distance, query_pids[:, None] == gallery_pids
    return near[~same].mean(), near[same & (query_camids[:, None] != gallery_camids)].mean()


def counted_open_set(case, distance):
    """Shares of queries that find another person, though theirs is left out, and of those that find theirs first."""
    query, gallery, query_pids, gallery_pids, *_ = case
    distances, same = cosine_distances(query, gallery), query_pids[:, None] == gallery_pids
    other, own = np.where(same, 9, distances).min(axis=1), np.where(same, distances, 9).min(axis=1)
    return np.mean(other < distance), np.mean((own < other) & (own < distance))


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_thresholds_equal_counting_pairs(distance):
    case = drawn(0)
    found = compare_pairs(*case, distance=distance).thresholds()
    assert [each.false_rate for each in found] == [1e-3, 1e-2, 1e-1]  # 28,320 pairs of two people: too few for 1e-4
    if distance == "euclidean":
        return
    for each in found:
        false, true = counted(case, each.distance)
        assert false <= each.false_rate < counted(case, each.distance + 4e-4)[0]
        assert each.true_rate == pytest.approx(true, abs=1e-3)
        assert each.true_interval[0] < true < each.true_interval[1]
        assert each.false_interval[0] < false < each.false_interval[1]


def test_thresholds_of_open_sets_equal_counting_queries():
    case = drawn(1)
    found = evaluate_open_set(*case).thresholds((0.01, 0.05, 0.2))
    assert [each.false_rate for each in found] == [0.05, 0.2]  # 120 queries: too few for 0.01
    for each in found:
        false, true = counted_open_set(case, each.distance - 1e-6)  # in float64
        assert false == pytest.approx(each.false_rate) and each.true_rate == pytest.approx(true)


def test_queries_without_their_person_in_the_gallery_count_as_such():
    query, gallery, query_pids, gallery_pids, *cameras = drawn(2)
    there = gallery_pids >= 30
    found = evaluate_open_set(query, gallery[there], query_pids, gallery_pids[there], cameras[0], cameras[1][there])
    assert np.isinf(found.own).sum() == 60 and np.isfinite(found.other).all()
    for each in found.thresholds((0.1,)):
        hits = (found.own < found.other) & (found.own < each.distance)
        assert each.true_rate == hits.sum() / 60  # of the queries that have a match


def test_rates_on_other_people_are_within_the_intervals():
    """In 95 % of cases. Distributions of few people are skewed, and rates of pairs overlap: so 85 % are enough."""
    within = []
    for seed in range(20):
        case, other = drawn(100 + seed), drawn(200 + seed)
        for found, count in (
            (compare_pairs(*case).thresholds(), counted),
            (evaluate_open_set(*case).thresholds((0.05, 0.1)), counted_open_set),
        ):
            for each in found:
                rates = count(other, each.distance)
                for rate, (low, high) in zip(rates, (each.false_interval, each.true_interval), strict=True):
                    within.append(low <= rate <= high)
    assert np.mean(within) > 0.85
    # And the intervals are not wide for nothing.
    widths = [each.true_interval[1] - each.true_interval[0] for each in compare_pairs(*drawn(3)).thresholds()]
    assert max(widths) < 0.3


def test_interval_of_the_true_rate_equals_drawing_people_twice():
    case = drawn(4, people=30)  # as many as groups at most, so that each is one
    (found,) = compare_pairs(*case).thresholds((0.01,))
    distances, same = cosine_distances(case[0], case[1]), case[2][:, None] == case[3]
    hits = [(distances[row][same[row]] < found.distance).mean() for row in range(len(case[0]))]
    hits, rng, rates = np.reshape(hits, (30, 2)).mean(axis=1), np.random.default_rng(9), []
    for _ in range(4000):
        rates.append(hits[rng.choice(rng.choice(30, 30), 30)].mean())
    np.testing.assert_allclose(found.true_interval, np.percentile(rates, [2.5, 97.5]), atol=0.02)


def test_distractors_are_not_one_person():
    """They share an identity. As one person, who is drawn or not, they would widen the interval."""
    query, gallery, query_pids, gallery_pids, *cameras = drawn(5)
    unknown = gallery_pids >= 30
    known = query_pids < 30
    pids = np.where(unknown, -5, gallery_pids)
    (one,), (many,) = (
        compare_pairs(query[known], gallery, query_pids[known], each, cameras[0][known], cameras[1]).thresholds((0.01,))
        for each in (pids, gallery_pids)
    )
    assert one.distance == many.distance
    np.testing.assert_allclose(one.false_interval, many.false_interval, rtol=0.05)


def test_no_thresholds_without_pairs():
    query, gallery = drawn(6)[:2]
    alone = np.arange(len(query)), 1000 + np.arange(len(gallery))
    assert compare_pairs(query, gallery, *alone).thresholds() == ()
    assert evaluate_open_set(query, gallery, *alone).thresholds() == ()
    same = np.zeros(len(query), int), np.zeros(len(gallery), int)
    assert compare_pairs(query, gallery, *same).thresholds() == ()
    found = evaluate_open_set(query, gallery, *same)
    assert np.isinf(found.other).all() and np.isfinite(found.own).all()
    assert [each.false_interval for each in found.thresholds((0.1,))] == [(0, 0)]
    for method in (compare_pairs(*drawn(6)).thresholds, evaluate_open_set(*drawn(6)).thresholds):
        with pytest.raises(InputError, match="rate must be a number, 0 to 1; received"):
            method((1.5,))


THRESHOLDS = Thresholds("a: 9 queries", "cosine", (Threshold(0.01, 0.3, 0.8, (0.0, 0.02), (0.7, 0.9)),))


def test_thresholds_in_json():
    content = json.loads(json.dumps(THRESHOLDS.to_dict()))
    assert Thresholds.from_dict(content) == THRESHOLDS
    assert THRESHOLDS.distance(0.01) == 0.3
    with pytest.raises(InputError, match=r"was measured for a rate of 0\.02; on a: 9 queries, 0\.01"):
        THRESHOLDS.distance(0.02)
    with pytest.raises(InputError, match="none: there were too few people"):
        THRESHOLDS.distance(0.01, "open_set")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.pop("data"),
        lambda content: content.update(metric=3),
        lambda content: content.update(pairs=5),
        lambda content: content.update(pairs=[7]),
        lambda content: content["pairs"][0].pop("distance"),
        lambda content: content["pairs"][0].update(distance=float("nan")),
        lambda content: content["pairs"][0].update(distance="0.3"),
        lambda content: content["pairs"][0].update(true_rate=-1),
        lambda content: content["pairs"][0].update(true_interval=[0.1]),
        lambda content: content["pairs"][0].update(true_interval=0.1),
    ],
)
def test_damaged_thresholds(damage):
    content = json.loads(json.dumps(THRESHOLDS.to_dict()))
    damage(content)
    with pytest.raises(InputError, match="damaged"):
        Thresholds.from_dict(content)
    with pytest.raises(InputError, match="damaged"):
        Thresholds.from_dict([content])
