"""Results to look at: the table on the terminal, and the files of a run."""

import csv
from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.evaluation.evaluator import Evaluation
from iaunet_tf.evaluation.pairs import PairDistances
from iaunet_tf.evaluation.ranking import RetrievalResult
from iaunet_tf.files import replacing, write_json
from iaunet_tf.inference.measured import digests_of, write_thresholds
from iaunet_tf.inference.stated import Input
from iaunet_tf.run import Run


def table(results: dict[str, RetrievalResult]) -> str:
    """One line for each result, in percent."""
    width = max(map(len, results)) + 2
    names = list(next(iter(results.values())).metrics())
    lines = [" " * width + "".join(f"{name:>9}" for name in names)]
    for label, result in results.items():
        lines.append(f"{label:{width}}" + "".join(f"{100 * v:9.2f}" for v in result.metrics().values()))
    return "\n".join(lines)


def summary(evaluations: Sequence[Evaluation], seconds: float) -> str:
    """The table, then intervals, thresholds and sizes."""
    first = evaluations[0]
    results = dict(item for each in evaluations for item in each.results.items())
    gallery = first.test.gallery.subset
    return "\n".join(
        [
            f"\n{table(results)}\n",
            *(_intervals(each) for each in evaluations),
            *(line for each in evaluations for line in _thresholds(each)),
            f"{first.ranking.num_queries} queries with a match among {len(gallery)} gallery {gallery.unit}, "
            f"{seconds:.1f} s",
        ]
    )


def _intervals(evaluation):
    """One line of confidence intervals, in percent."""
    intervals = [f"{name} {100 * low:.1f} to {100 * high:.1f}" for name, (low, high) in evaluation.intervals.items()]
    return f"{evaluation.label}: {', '.join(intervals)} (95 %, people resampled)"


def _thresholds(evaluation):
    """Lines on the distances below which two images are one person, in percent."""
    thresholds = evaluation.thresholds
    for question, wrong, right, rows in (
        ("the same person?", "false positives", "true positives", thresholds.pairs),
        ("who of the gallery, or nobody?", "false identifications", "identified", thresholds.open_set),
    ):
        if rows:
            yield f"\n{question:31}{wrong:>21}{f'{thresholds.metric} distance below':>26}   {right}"
        for row in rows:
            low, high = (100 * value for value in row.false_interval)
            false = f"{100 * row.false_rate:g} % ({low:.2g} to {high:.2g})"
            low, high = (100 * value for value in row.true_interval)
            true = f"{100 * row.true_rate:.1f} % ({low:.1f} to {high:.1f})"
            yield f"{evaluation.label:31}{false:>21}{row.distance:26.4f}   {true}"
    if thresholds.pairs or thresholds.open_set:
        yield "in brackets: what to expect on as many other people, in 95 % of cases\n"


def write_metrics(evaluations: Sequence[Evaluation], path: str | Path) -> None:
    """Writes the metrics of all rankings as JSON."""
    content = {}
    for each in evaluations:
        for label, result in each.results.items():
            content[label] = {**result.metrics(), "cmc": result.cmc.tolist()}
        content[each.label].update({"95 %": each.intervals, **each.pairs.metrics()})
        content[each.label]["thresholds"] = each.thresholds.to_dict()
    write_json(path, content)


def write_results(evaluations: Sequence[Evaluation], run: Run) -> None:
    """Writes metrics, curves and pairs of cameras into a run's folder."""
    results = dict(item for each in evaluations for item in each.results.items())
    write_metrics(evaluations, run.metrics)
    draw_cmc(results, run.cmc)
    draw_roc({each.label: each.pairs for each in evaluations}, run.roc)
    write_cameras([{"test": each.test.name, **row} for each in evaluations for row in each.cameras], run.cameras)


def keep_thresholds(
    evaluation: Evaluation, options, network: Path, files: Sequence[Path], stated: Input | None = None
) -> None:
    """Writes the thresholds beside the network in a file or folder, which consists of `files`, for `Embedder`; but for
    those of other distances than its own, as the `options` of the evaluation ask for."""
    thresholds = evaluation.thresholds
    if thresholds.pairs and options.distance == "cosine" and not options.flip:
        write_thresholds(network, digests_of(network, files), thresholds, stated)


def draw_cmc(results: dict[str, RetrievalResult], path: str | Path) -> None:
    """Writes the CMC curves as a PNG."""
    figure, axes = new_figure()
    for label, result in results.items():
        ranks = range(1, len(result.cmc) + 1)
        axes.plot(ranks, 100 * result.cmc, label=f"{label} (mAP {100 * result.mAP:.1f} %)")
    axes.set(xlabel="rank", ylabel="queries with a hit [%]", ylim=(None, 101), xlim=(1, None))
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path, dpi=150)


def draw_roc(pairs: dict[str, PairDistances], path: str | Path) -> None:
    """Writes the ROC curves as a PNG."""
    figure, axes = new_figure()
    for label, distances in pairs.items():
        false, true = distances.roc()
        axes.plot(100 * false, 100 * true, label=label)
    axes.set(xlabel="false positives [%]", ylabel="true positives [%]", xscale="log", xlim=(1e-2, 100), ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    save_figure(figure, path, dpi=150)


def write_cameras(rows: list[dict], path: str | Path) -> None:
    """Writes what `CameraPairs` found as CSV."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["test", "query_camera", "gallery_camera", "queries", "mAP", "rank-1"])
        writer.writeheader()
        writer.writerows(rows)


def new_figure(height: float = 4.0):
    """An empty Matplotlib figure and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, height), layout="constrained")
    return figure, figure.subplots()


def save_figure(figure, path: str | Path, dpi: int = 120) -> None:
    """Writes a figure, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=dpi)
