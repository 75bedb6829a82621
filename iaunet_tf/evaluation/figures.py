"""Results to look at: the table, curves, pairs of cameras."""

import csv
from pathlib import Path

from iaunet_tf.evaluation.pairs import PairDistances
from iaunet_tf.evaluation.retrieval import RetrievalResult
from iaunet_tf.files import replacing


def table(results: dict[str, RetrievalResult]) -> str:
    """One line a result, in percent."""
    width = max(map(len, results)) + 2
    names = list(next(iter(results.values())).metrics())
    lines = [" " * width + "".join(f"{name:>9}" for name in names)]
    for label, result in results.items():
        lines.append(f"{label:{width}}" + "".join(f"{100 * v:9.2f}" for v in result.metrics().values()))
    return "\n".join(lines)


def draw_cmc(results: dict[str, RetrievalResult], path: str | Path) -> None:
    """Writes the CMC curves as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for label, result in results.items():
        ranks = range(1, len(result.cmc) + 1)
        axes.plot(ranks, 100 * result.cmc, label=f"{label} (mAP {100 * result.mAP:.1f} %)")
    axes.set(xlabel="rank", ylabel="queries with a hit [%]", ylim=(None, 101), xlim=(1, None))
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def draw_roc(pairs: dict[str, PairDistances], path: str | Path) -> None:
    """Writes the ROC curves as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for label, distances in pairs.items():
        false, true = distances.roc()
        axes.plot(100 * false, 100 * true, label=label)
    axes.set(xlabel="false positives [%]", ylabel="true positives [%]", xscale="log", xlim=(1e-2, 100), ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def write_cameras(rows: list[dict], path: str | Path) -> None:
    """Writes what `by_camera_pair` found as CSV."""
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["test", "query_camera", "gallery_camera", "queries", "mAP", "rank-1"])
        writer.writeheader()
        writer.writerows(rows)
