"""What the public functions of the metrics refuse, and what they take in other forms than arrays of numbers."""

import inspect

import numpy as np
import pytest

from iaunet_tf import evaluation
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import (
    by_camera_pair,
    combine,
    compare_pairs,
    confidence_intervals,
    evaluate_distances,
    evaluate_open_set,
    evaluate_retrieval,
    evaluate_single_shot,
    expand_queries,
    jaccard_distances,
    nearest,
    rerank,
    standardise_per_camera,
)

RNG = np.random.default_rng(1)
QUERY, GALLERY = RNG.normal(size=(37, 6)), RNG.normal(size=(210, 6))
IDS = RNG.integers(1, 9, 37), RNG.integers(0, 10, 210), RNG.integers(1, 4, 37), RNG.integers(1, 4, 210)
DISTANCES = RNG.random((37, 210))
OF_PAIRS = evaluate_retrieval, evaluate_single_shot, nearest, compare_pairs, by_camera_pair, evaluate_open_set
ONE_ZERO = np.concatenate([np.zeros((1, 6)), QUERY[1:]])


class Unconvertible:
    def __array__(self, *arguments, **options):
        raise RuntimeError("on another device")


def functions_of_vectors():
    """Every public function that takes embeddings, as one of the queries' embeddings."""
    for function in OF_PAIRS:
        yield pytest.param(lambda query, function=function: function(query, GALLERY, *IDS), id=function.__name__)
    for function in (rerank, expand_queries):
        yield pytest.param(lambda query, function=function: function(query, GALLERY), id=function.__name__)
    yield pytest.param(lambda query: combine([QUERY, query]), id="combine")
    yield pytest.param(jaccard_distances, id="jaccard_distances")
    yield pytest.param(lambda query: standardise_per_camera(query, IDS[2]), id="standardise_per_camera")


def test_every_public_function_is_tried_here():
    functions = {name for name in evaluation.__all__ if inspect.isfunction(getattr(evaluation, name))}
    tried = {"combine", "confidence_intervals", "evaluate_distances", "expand_queries", "rerank"}
    tried |= {"jaccard_distances", "standardise_per_camera"}
    assert functions == tried | {function.__name__ for function in OF_PAIRS}


@pytest.mark.parametrize("function", functions_of_vectors())
def test_embeddings_that_float32_cannot_compare(function):
    function(QUERY)
    for wrong, message in (
        (QUERY * 1e300, "37 of 37 embeddings are not finite in float32, the first in row 0"),
        (
            np.where(np.arange(37)[:, None] == 3, np.nan, QUERY),
            "1 of 37 embeddings are not finite in float32, the .* 3",
        ),
        (np.where(np.arange(37)[:, None] == 3, -np.inf, QUERY), "1 of 37 embeddings are not finite"),
        (QUERY * 1e30, "vectors of length .* cannot be compared in float32"),
        (QUERY * 1e-30, "vectors of length .* cannot be compared in float32"),
        (np.zeros_like(QUERY), "vectors of length 0 to"),
        (ONE_ZERO, "vectors of length 0 to"),
        (QUERY + 1j, "must be real numbers; received complex128"),
        (QUERY.astype(object), "must be real numbers; received object"),
        (QUERY > 0, "must be real numbers; received bool"),
        (QUERY.astype(str), "must be real numbers; received <U"),
        (None, "must be real numbers; received NoneType"),
        ({"embedding": QUERY}, "must be real numbers; received dict"),
        (Unconvertible(), "Unconvertible cannot become an array: on another device"),
        (np.ma.masked_array(QUERY, QUERY > 1), "a masked array"),
        (QUERY[:, :0], r"must be \(images, dimensions\), at least one of each; received \(37, 0\)"),
        (QUERY[:0], r"received \(0, 6\)"),
        (QUERY[0], r"received \(6,\)"),
        (QUERY[None], r"received \(1, 37, 6\)"),
        ([[1.0, 2.0], [1.0]], "rows have different lengths"),
    ):
        with pytest.raises(InputError, match=message):
            function(wrong)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_other_forms_of_the_same_embeddings(distance):
    expected = evaluate_retrieval(QUERY, GALLERY, *IDS, distance=distance).mAP
    for query, gallery in (
        (QUERY.tolist(), GALLERY.tolist()),
        (QUERY.astype("float32"), GALLERY.astype("float32")),
        (QUERY * 1e-9, GALLERY * 1e-9),
        (QUERY * 1e15, GALLERY * 1e15),
    ):
        assert evaluate_retrieval(query, gallery, *IDS, distance=distance).mAP == pytest.approx(expected, abs=1e-6)
    whole = [(100 * each).astype(int) for each in (QUERY, GALLERY)]
    assert evaluate_retrieval(*whole, *IDS).mAP == evaluate_retrieval(*(each * 1.0 for each in whole), *IDS).mAP


def test_zeros_have_a_euclidean_distance():
    distances = np.linalg.norm(ONE_ZERO[:, None] - GALLERY[None], axis=-1)
    got = evaluate_retrieval(ONE_ZERO, GALLERY, *IDS, distance="euclidean")
    assert got.mAP == pytest.approx(evaluate_distances(distances, *IDS).mAP)
    for scale in (0, 1e-30, 1e30):
        with pytest.raises(InputError, match="query: vectors of length"):
            evaluate_retrieval(QUERY * scale, GALLERY * scale, *IDS, distance="euclidean")


@pytest.mark.parametrize("offset", [0, 300, -1000])
def test_embeddings_far_from_zero_keep_their_distances(offset):
    query, gallery = ((each + offset).astype("float32") for each in (QUERY, GALLERY))
    distances = np.linalg.norm(query[:, None].astype(float) - gallery, axis=-1)
    got = evaluate_retrieval(query, gallery, *IDS, distance="euclidean")
    assert got.mAP == pytest.approx(evaluate_distances(distances, *IDS).mAP, abs=1e-4)
    found = nearest(query, gallery, *IDS[:2], distance="euclidean")[1]
    np.testing.assert_allclose(found, np.sort(distances, axis=1)[:, :10], atol=1e-3)
    expected = rerank(QUERY, GALLERY, distance="euclidean")
    np.testing.assert_allclose(rerank(query, gallery, distance="euclidean"), expected, atol=1e-3)


def test_ties_of_whole_numbers_stay_ties():
    bits = [(each > 0).astype("uint8") for each in (QUERY, GALLERY)]
    hamming = (bits[0][:, None] != bits[1]).sum(axis=-1)
    for codes in (bits, [each + 9 for each in bits]):
        got = evaluate_retrieval(*codes, *IDS, distance="euclidean")
        assert got.mAP == evaluate_distances(hamming, *IDS).mAP


def test_metrics_end_where_the_curve_ends():
    assert list(evaluate_retrieval(QUERY, GALLERY, *IDS, max_rank=5).metrics()) == ["mAP", "rank-1", "rank-5", "mINP"]
    assert evaluate_retrieval(QUERY, GALLERY, *IDS, max_rank=210).rank(1000) == 1


PIDS = IDS[0]


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.astype(str), r"are (numbers|text), gallery_\w+ (numbers|text); give both as the same"),
        (lambda x: x.astype(str).astype(object), "are (numbers|text), gallery_"),
        (lambda x: np.where(x == 3, np.nan, x), "must be whole numbers; received nan"),
        (lambda x: np.where(x == 3, np.inf, x), "must be whole numbers; received inf"),
        (lambda x: x + 0.5, "must be whole numbers; received .*5"),
        (lambda x: x * 1e300, r"must be whole numbers; received .*e\+300"),
        (lambda x: [None, *x[1:]], "must be whole numbers or text, one for each image; received NoneType and int"),
        (lambda x: ["1", *x[1:].tolist()], "received int and str"),
        (lambda x: [True, *x[1:].tolist()], "received bool and int"),
        (lambda x: x > 3, "received bool"),
        (lambda x: x.astype("S"), "received bytes"),
        (lambda x: x.astype("M8[s]"), "received datetime64"),
        (lambda x: x[:, None], r"received int64 \(\d+, 1\)"),
        (lambda x: x[0], r"received int64 \(\)"),
        (lambda x: [[1], [1, 2]], "received list"),
        (lambda x: x[1:], r"(query|gallery|distances).* \(?\d+"),
        (lambda x: np.ma.masked_array(x, x > 2), "ids: a masked array"),
        (lambda x: x.astype("float32") + 2**24, "float32 cannot tell whole numbers from 16777216 on apart"),
        (lambda x: x + 2.0**60, "float64 cannot tell whole numbers from 9007199254740992 on apart"),
        (lambda x: x.astype("uint64") + np.uint64(2**63), r"must be less than 2\*\*63, or text"),
        (lambda x: [], r"(query|gallery|distances).* \(?\d+"),
    ],
)
def test_ids_of_other_kinds_are_refused(place, change, message):
    ids = list(IDS)
    ids[place] = change(ids[place])
    for function in OF_PAIRS:
        with pytest.raises(InputError, match=message):
            function(QUERY, GALLERY, *ids)
    with pytest.raises(InputError, match=message):
        evaluate_distances(DISTANCES, *ids)


@pytest.mark.parametrize(
    "change",
    [
        list,
        tuple,
        np.ndarray.tolist,
        lambda x: x.astype(float),
        lambda x: x.astype(float).tolist(),
        lambda x: x.astype("uint64"),
        lambda x: x.astype(object),
        lambda x: [1.0 * x[0], *x[1:].tolist()],
        lambda x: x + 2**60,
    ],
)
def test_numbers_in_other_forms_are_the_same_ids(change):
    expected = evaluate_retrieval(QUERY, GALLERY, *IDS).mAP
    assert evaluate_retrieval(QUERY, GALLERY, *map(change, IDS)).mAP == expected
    if change(np.array([1]))[0] == 1:
        assert evaluate_retrieval(QUERY, GALLERY, change(IDS[0]), IDS[1], IDS[2], change(IDS[3])).mAP == expected


def test_text_on_both_sides_is_as_good_as_numbers():
    expected = evaluate_retrieval(QUERY, GALLERY, *IDS).mAP
    for change in (lambda x: x.astype(str), lambda x: x.astype(str).astype(object), lambda x: x.astype(str).tolist()):
        assert evaluate_retrieval(QUERY, GALLERY, *map(change, IDS)).mAP == expected
        cameras = by_camera_pair(QUERY, GALLERY, *map(change, IDS))
        assert cameras[0]["query_camera"] == "1" and cameras[0]["gallery_camera"] == "2"


def test_without_cameras_nothing_is_left_out():
    pids = IDS[:2]
    apart = np.zeros(37, int), np.ones(210, int)
    similarities = QUERY @ GALLERY.T / np.linalg.norm(GALLERY, axis=1)
    hits = np.take_along_axis(pids[0][:, None] == pids[1], np.argsort(-similarities, axis=1), axis=1)
    precision = [np.mean(np.cumsum(row)[row] / (np.flatnonzero(row) + 1)) for row in hits]
    got = evaluate_retrieval(QUERY, GALLERY, *pids)
    assert got.mAP == pytest.approx(np.mean(precision)) and got.num_queries == 37
    assert evaluate_retrieval(QUERY, GALLERY, *pids, None, None).mAP == got.mAP
    assert evaluate_distances(-similarities, *pids).mAP == pytest.approx(got.mAP)
    assert evaluate_single_shot(QUERY, GALLERY, *pids).mAP == evaluate_single_shot(QUERY, GALLERY, *pids, *apart).mAP
    assert compare_pairs(QUERY, GALLERY, *pids).same.sum() == hits.sum()
    np.testing.assert_array_equal(nearest(QUERY, GALLERY, *pids)[0], np.argsort(-similarities, axis=1)[:, :10])
    for ids in ((*pids, IDS[2], None), (*pids, None, IDS[3])):
        with pytest.raises(InputError, match="received NoneType"):
            evaluate_retrieval(QUERY, GALLERY, *ids)


def test_distances_that_cannot_be_ranked():
    for wrong, message in (
        (DISTANCES * np.nan, "are not finite real numbers"),
        (DISTANCES + 1j, "are not finite real numbers; received complex128"),
        (np.ma.masked_array(DISTANCES, DISTANCES < 0.5), "distances: a masked array"),
        ([[1, 2], [3]], "distances: rows have different lengths"),
        (DISTANCES.astype(object), "are not finite real numbers; received object"),
        (DISTANCES[:, :0], "do not go with"),
        (DISTANCES[0], "do not go with"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate_distances(wrong, *IDS)
    assert evaluate_distances((1000 * DISTANCES).astype(int), *IDS).mAP > 0
    with pytest.raises(InputError, match="do not go with 0 queries"):
        evaluate_distances(np.zeros((0, 0)), [], [], [], [])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        *((lambda n=n: evaluate_retrieval(QUERY, GALLERY, *IDS, max_rank=n), "max_rank must") for n in (0, -1, 2.5)),
        (lambda: evaluate_retrieval(QUERY, GALLERY, *IDS, chunk=-1), "chunk must be a whole number of at least 1"),
        (lambda: evaluate_single_shot(QUERY, GALLERY, *IDS, repeats=0), "repeats must be a whole number"),
        (lambda: evaluate_single_shot(QUERY, GALLERY, *IDS, max_rank=0), "max_rank must be a whole number"),
        (lambda: nearest(QUERY, GALLERY, *IDS, k=0), "k must be a whole number"),
        (lambda: compare_pairs(QUERY, GALLERY, *IDS, bins=0), "bins must be a whole number"),
        *((lambda k=k: evaluate_retrieval(QUERY, GALLERY, *IDS).rank(k), "k must be") for k in (0, -1, 1.5)),
        (lambda: rerank(QUERY, GALLERY, distance="manhattan"), "distance must be one of cosine, euclidean"),
        (lambda: combine([QUERY], "manhattan"), "distance must be one of cosine, euclidean"),
        (lambda: combine([]), "of no images cannot be combined"),
        (lambda: expand_queries(QUERY[:, :3], GALLERY), r"of the same size; received \(37, 3\), \(210, 6\)"),
        (lambda: confidence_intervals(evaluate_retrieval(QUERY, GALLERY, *IDS), PIDS[1:]), "do not go with 37 queries"),
        (lambda: confidence_intervals(evaluate_retrieval(QUERY, GALLERY, *IDS), PIDS, level=95), "level must be"),
        (lambda: confidence_intervals(evaluate_retrieval(QUERY, GALLERY, *IDS), PIDS, samples=0), "samples must"),
        (lambda: confidence_intervals(evaluate_retrieval(QUERY, GALLERY, *IDS), PIDS, samples=1.5), "samples must"),
        (lambda: confidence_intervals(evaluate_retrieval(QUERY, GALLERY, *IDS), PIDS, seed=-1), "seed must be"),
        (lambda: confidence_intervals(evaluate_retrieval(QUERY, GALLERY, *IDS), PIDS * np.nan), "whole numbers"),
        (lambda: evaluate_single_shot(QUERY, GALLERY, *IDS, seed=-1), "seed must be a whole number, 0 or more"),
        (lambda: evaluate_retrieval(QUERY, GALLERY, [[1], [1, 2]], IDS[1]), "query_pids must be whole numbers"),
        (lambda: evaluate_retrieval(QUERY, GALLERY, *IDS, max_rank=True), "max_rank must be a whole number"),
        (lambda: evaluate_retrieval(QUERY, GALLERY, *IDS, max_rank=5).rank(6), "ends at rank 5; .* max_rank=6"),
        (lambda: rerank(QUERY, GALLERY, weight="0.3"), "weight must be a number, 0 to 1; received '0.3'"),
        (lambda: combine(None), "embeddings must be a list of arrays; received NoneType"),
    ],
)
def test_arguments_out_of_range(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_results_are_short_to_look_at():
    results = evaluate_retrieval(QUERY, GALLERY, *IDS), compare_pairs(QUERY, GALLERY, *IDS)
    assert repr(results[0]).startswith("RetrievalResult(mAP 0.0896, rank-1 ") and repr(results[0]).endswith(
        "37 queries)"
    )
    assert all(len(repr(result)) < 150 and "array" not in repr(result) for result in results)
