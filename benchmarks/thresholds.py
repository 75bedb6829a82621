"""Do thresholds hold on other people? Measured on one half of a run's people, tried on the other.

`python -m benchmarks.thresholds RUN` takes the run's stored embeddings, splits the people of its test set in two by
chance, twenty times, and counts how often the rates on the other half are within the intervals; a few seconds.
"""

import sys

import numpy as np

from iaunet_tf.evaluation import compare_pairs, evaluate_open_set
from iaunet_tf.report.findings import Findings

SPLITS = 20


def main(run: str) -> None:
    """Prints the table of the first split, and how many of all rates were within their intervals."""
    findings = Findings.of(run)
    held = {"pairs": [], "open set": []}
    for split in range(SPLITS):
        one, other = halves(findings, split)
        tried = compare_pairs(*other), evaluate_open_set(*other)
        rows = compare_pairs(*one).thresholds(), evaluate_open_set(*one).thresholds((0.05, 0.1))
        for kind, found, each, rates in zip(held, tried, rows, (pair_rates, open_rates), strict=True):
            for row in each:
                false, true = rates(found, row.distance)
                held[kind].append([inside(false, row.false_interval), inside(true, row.true_interval)])
                if split == 0:
                    print(
                        f"{kind:8} below {row.distance:.4f}: wrong {percent(false)}, expected "
                        f"{percent(*row.false_interval)}; right {percent(true)}, expected {percent(*row.true_interval)}"
                    )
    for kind, values in held.items():
        false, true = np.mean(values, axis=0)
        print(f"{kind}, {SPLITS} splits: as expected {100 * false:.0f} % of the wrong, {100 * true:.0f} % of the right")


def halves(findings: Findings, seed: int) -> list[tuple]:
    """The arguments of the metrics, of one half of the people each; nobody's images are halved by their number."""
    query, gallery = findings.query, findings.gallery
    people = np.unique(query.pids)
    some = np.random.default_rng(seed).permutation(people)[::2]
    first = np.where(np.isin(gallery.pids, people), np.isin(gallery.pids, some), np.arange(len(gallery)) % 2 == 0)
    found = []
    for queries, entries in ((np.isin(query.pids, some), first), (~np.isin(query.pids, some), ~first)):
        columns = zip(columns_of(query, queries), columns_of(gallery, entries), strict=True)
        found.append(tuple(values for pair in columns for values in pair))
    return found


def columns_of(embeddings, rows):
    return embeddings.vectors[rows], embeddings.pids[rows], embeddings.camids[rows]


def pair_rates(pairs, distance):
    """False and true positive rates below a distance."""
    place = np.searchsorted(pairs.edges, distance + 1e-9, side="right") - 1
    return [rates[place] for rates in pairs.roc()]


def open_rates(found, distance):
    """Shares of queries that find somebody else, and that find their person first, below a distance."""
    return np.mean(found.other < distance), np.mean((found.own < found.other) & (found.own < distance))


def inside(value, interval):
    return interval[0] <= value <= interval[1]


def percent(*values):
    return " to ".join(f"{100 * value:.3g} %" for value in values)


if __name__ == "__main__":
    main(sys.argv[1])
