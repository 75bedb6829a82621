"""Embeddings that hardly differ, as networks give them for pixels that they were not trained on."""

import numpy as np

ALIKE = 0.95  # cosine; half of all pairs of different people had up to 0.67 under the right input, docs/internals.md
FEWEST, MOST = 20, 200  # images that are looked at


def all_alike(vectors: np.ndarray) -> str | None:
    """What speaks against the stated input of a network in its embeddings `(N, D)` of length 1, if anything does."""
    if len(vectors) < FEWEST:
        return None
    sample = vectors[np.linspace(0, len(vectors) - 1, min(MOST, len(vectors))).round().astype(int)]
    cosines = (sample @ sample.T)[np.triu_indices(len(sample), 1)]
    return hardly_differ("images (are they of one person?)", float(np.median(cosines)))


def hardly_differ(what: str, median: float) -> str | None:
    """A line if `median`, of the cosines of pairs of something, is too high."""
    if median <= ALIKE:
        return None
    pairs = f"half of all pairs of {what} have a cosine above {median:.3f}"
    return f"embeddings hardly differ: {pairs}; is the stated input right?"
