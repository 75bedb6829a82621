import numpy as np
import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import reranking
from iaunet_tf.evaluation.reranking import expand_queries, rerank


def clustered(people, each, size, seed=0, noise=0.6):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, size))
    return np.repeat(centres, each, axis=0) + noise * rng.normal(size=(people * each, size))


def by_the_paper(query, gallery, k1, k2, weight, distance):
    """The formulas one image after another, everything dense."""
    x = np.concatenate([query, gallery])
    if distance == "cosine":
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    d = ((x[:, None] - x[None]) ** 2).sum(axis=-1)
    d = d / d.max(axis=1, keepdims=True)
    np.fill_diagonal(d, 0)
    order = np.argsort(d, axis=1, kind="stable")

    def mutual(i, k):
        return {j for j in order[i, : k + 1] if i in order[j, : k + 1]}

    n = len(x)
    v = np.zeros((n, n))
    for i in range(n):
        core = mutual(i, k1)
        members = set(core)
        for j in core:
            theirs = mutual(j, int(np.around(k1 / 2)))
            if len(theirs & core) > 2 / 3 * len(theirs):
                members |= theirs
        members = sorted(members)
        v[i, members] = np.exp(-d[i, members])
        v[i] /= v[i].sum()
    v = np.stack([v[order[i, :k2]].mean(axis=0) for i in range(n)])
    q = len(query)
    smaller = np.minimum(v[:q, None], v[None, q:]).sum(axis=-1)
    return (1 - weight) * (1 - smaller / (2 - smaller)) + weight * d[:q, q:]


@pytest.mark.parametrize("block", [16, 50, 4096])
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize(("k1", "k2", "weight"), [(20, 6, 0.3), (7, 3, 0.5), (5, 1, 0.0), (20, 6, 1.0)])
def test_equals_the_papers_formulas(monkeypatch, block, distance, k1, k2, weight):
    monkeypatch.setattr(reranking, "BLOCK", block)
    monkeypatch.setattr(reranking, "CANDIDATES", 2)
    features = clustered(12, 9, 16).astype("float32")
    order = np.random.default_rng(1).permutation(len(features))
    query, gallery = features[order[:25]], features[order[25:]]
    ours = rerank(query, gallery, k1, k2, weight, distance)
    np.testing.assert_allclose(ours, by_the_paper(query, gallery, k1, k2, weight, distance), atol=1e-5)


def test_neighbours_help():
    features = clustered(20, 16, 16, noise=1.0)
    people, place = np.repeat(np.arange(20), 16), np.tile(np.arange(16), 20)
    query, gallery = features[place == 0], features[place > 0]

    def found(distances):
        nearest = np.argsort(distances, axis=1)[:, :15]
        return (people[place > 0][nearest] == people[place == 0][:, None]).mean()

    unit = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    plain = found(-query @ unit.T)
    assert found(rerank(query, gallery, k1=10)) > plain + 0.02
    assert found(-expand_queries(query, gallery, k=3) @ unit.T) > plain + 0.02


def test_expansion_by_hand():
    query, gallery = np.array([[1.0, 0]]), np.array([[0.8, 0.6], [-1, 0], [0.6, 0.8]])
    expected = np.array([1 + 0.8 + 0.6, 0.6 + 0.8])
    np.testing.assert_allclose(expand_queries(query, gallery, k=2)[0], expected / np.linalg.norm(expected), rtol=1e-6)


def test_mistakes():
    x = np.ones((5, 4))
    with pytest.raises(InputError, match="embeddings of the same size"):
        rerank(x, np.ones((5, 3)))
    with pytest.raises(InputError, match="k1 = 5, k2 = 6"):
        rerank(x, x, k1=5)


def test_few_images():
    features = clustered(3, 2, 4).astype("float32")
    ours = rerank(features[:2], features[2:])
    np.testing.assert_allclose(ours, by_the_paper(features[:2], features[2:], 5, 5, 0.3, "cosine"), atol=1e-5)
    assert rerank(features[:1], features[1:2]).shape == (1, 1)
