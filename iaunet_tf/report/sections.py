"""The sections of a report on one run, or on two side by side."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from iaunet_tf.evaluation import confidence_intervals
from iaunet_tf.evaluation.pairs import FALSE_POSITIVE_RATES
from iaunet_tf.evaluation.tables import draw_cmc, draw_roc
from iaunet_tf.report import images, plots
from iaunet_tf.report.findings import Findings
from iaunet_tf.report.page import Figure, Section

# Of the table, by their names in metrics.json.
COLUMNS = {name: name for name in ("mAP", "rank-1", "rank-5", "rank-10", "mINP")} | {
    f"TPR@FPR={rate:g}": f"TPR at {100 * rate:g} %" for rate in FALSE_POSITIVE_RATES
}
PLACES = {name: place for place, name in enumerate(COLUMNS, 1)}
PAIRS = 8  # of confused people


def all_sections(runs: Sequence[Findings], folder: Path, count: int, seed: int) -> list[Section]:
    """Draws the plots and images in `folder` and says what they show.

    Args:
        runs: one, or two of the same queries and gallery.
        folder: where pictures and tables go.
        count: queries of a kind.
        seed: of the random queries.
    """
    chosen = choose_queries(runs, count, seed)
    _write_queries(runs, folder / "queries.csv")
    sections = [
        _metrics(runs),
        _curves(runs, folder),
        _history(runs, folder),
        *_ranked_lists(runs, chosen, folder),
        _attention(runs, chosen, folder),
        _relations(runs, folder),
        _confused(runs, folder),
        _distances(runs, folder),
        _cameras(runs, folder),
    ]
    return [section for section in sections if section]


def choose_queries(runs: Sequence[Findings], count: int, seed: int) -> dict[str, list[int]]:
    """Queries to show, by what they are: of one run the best, the worst and random ones; of two those on which they
    differ most, and random ones. Nobody is shown twice."""
    pids = runs[0].test.query.subset.pids
    valid = np.flatnonzero(np.isfinite(runs[0].ranking.ap))
    order = np.random.default_rng(seed).permutation(valid)  # also breaks ties
    if len(runs) == 1:
        values = runs[0].ranking.ap[order]
        kinds = {
            "Best queries": order[np.argsort(-values, kind="stable")],
            "Worst queries": order[np.argsort(values, kind="stable")],
        }
    else:
        values = runs[0].ranking.ap[order] - runs[1].ranking.ap[order]
        kinds = {
            f"Better found by {runs[0].name}": order[np.argsort(-values, kind="stable")],
            f"Better found by {runs[1].name}": order[np.argsort(values, kind="stable")],
        }
    kinds["Random queries"] = order
    chosen, seen = {}, set()
    for kind, rows in kinds.items():
        chosen[kind] = []
        for row in rows:
            if len(chosen[kind]) < count and pids[row] not in seen:
                chosen[kind].append(int(row))
                seen.add(pids[row])
    return chosen


def _metrics(runs):
    rows = []
    for run in runs:
        for label, metrics in run.metrics.items():
            name = label if len(runs) == 1 else f"{run.name}: {label}"
            rows.append([name, *(f"{100 * metrics[key]:.1f}" if key in metrics else "" for key in COLUMNS)])
            for key, (low, high) in metrics.get("95 %", {}).items():
                rows[-1][PLACES[key]] += f" ({100 * low:.1f} to {100 * high:.1f})"
    text = "In percent, with 95 % confidence intervals in brackets. TPR: true positive rate of deciding whether two "
    text += "images show the same person, at the given false positive rate."
    if len(runs) == 2:
        first, second = (run.ranking for run in runs)
        difference = replace(first, ap=first.ap - second.ap, rank1=first.rank1 - second.rank1)
        intervals = confidence_intervals(difference, runs[0].test.query.subset.pids)
        row = ["difference", *[""] * len(COLUMNS)]
        for key, values in (("mAP", difference.ap), ("rank-1", difference.rank1)):
            low, high = intervals[key]
            row[PLACES[key]] = f"{100 * np.nanmean(values):+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        rows.append(row)
        text += " A difference is significant where its interval does not contain 0."
    return Section("Metrics", text, [["", *COLUMNS.values()], *rows])


def _curves(runs, folder):
    draw_cmc({run.name: run.ranking for run in runs}, folder / "cmc.png")
    draw_roc({run.name: run.pairs for run in runs}, folder / "roc.png")
    shown = [
        Figure(folder / "cmc.png", "CMC: queries with a hit among the first results"),
        Figure(folder / "roc.png", "ROC: do two images show the same person?"),
    ]
    return Section("CMC and ROC", figures=shown, side=True)


def _history(runs, folder):
    histories = {run.name: run.history for run in runs if run.history}
    if not histories:
        return None
    plots.draw_curves(histories, lambda key: key.endswith("loss"), "loss", 1, folder / "losses.png")
    files = [folder / "losses.png", folder / "accuracy.png", folder / "learning_rate.png"]
    title = "training accuracy, validation [%]" if any("val_mAP" in h for h in histories.values()) else "accuracy [%]"
    plots.draw_curves(histories, lambda key: key == "accuracy" or key.startswith("val_"), title, 100, files[1])
    plots.draw_curves(histories, lambda key: key == "learning_rate", "learning rate", 1, files[2])
    return Section("Training", figures=[Figure(file) for file in files], side=True)


def _ranked_lists(runs, chosen, folder):
    query, gallery = runs[0].test.query.subset, runs[0].test.gallery.subset
    for kind, rows in chosen.items():
        shown = []
        for row in rows:
            for run in runs:
                found = [
                    (_middle(run.paths("gallery", place)), hit, f"camera {gallery.camids[place]}\n{distance:.3f}")
                    for place, hit, distance in zip(
                        run.nearest[0][row], run.hits(row), run.nearest[1][row], strict=True
                    )
                    if np.isfinite(distance)
                ]
                file = folder / "ranked" / f"{_file_name(kind)}-{row}{_of_run(run, runs)}.jpg"
                caption = f"query\ncamera {query.camids[row]}"
                images.ranked_list(_middle(run.paths("query", row)), found, caption, file)
                precision = f"average precision {100 * run.ranking.ap[row]:.1f} %"
                shown.append(Figure(file, f"{_prefix(run, runs)}person {query.pids[row]}, {precision}"))
        text = "Green with a tick: the same person; red with a cross: another person. Below: camera and distance."
        yield Section(kind, text, figures=shown)


def _attention(runs, chosen, folder):
    shown = []
    for row in [row for rows in chosen.values() for row in rows[:2]]:
        for run in runs:
            files = run.paths("query", row)
            blocks = run.attention(files)
            if not blocks:
                continue
            file = folder / "attention" / f"{row}{_of_run(run, runs)}.jpg"
            if run.video:
                images.tracklet_attention(files, blocks, file)
            else:
                images.part_attention(files[0], [attention[0] for attention in blocks], file)
            frames = f", {len(files)} frames" if run.video else ""
            shown.append(Figure(file, f"{_prefix(run, runs)}person {runs[0].test.query.subset.pids[row]}{frames}"))
    if not shown:
        return None
    text = "Head red, upper body green, lower body blue, shoes yellow, each relative to its largest value"
    if runs[0].video:
        text += " in the tracklet. Below each frame, the attention of the first and of the second block."
    else:
        text += ", which is written below; 1 is the maximum."
    for run in runs:
        if run.history and "mask_loss" not in run.history:
            text += f" {run.name} was trained without part masks, so its four maps need not show these parts."
    return Section("Part attention", text, figures=shown)


def _relations(runs, folder):
    shown = []
    for run in runs:
        for block, relation in enumerate(run.relations, 1):
            file = folder / f"relations-{block}{_of_run(run, runs)}.png"
            plots.draw_relation(relation, file)
            shown.append(Figure(file, f"{_prefix(run, runs)}block {block}"))
    if not shown:
        return None
    text = "Attention of each part (row) to each other part (column), averaged over queries."
    return Section("Relations between parts", text, figures=shown, side=True)


def _confused(runs, folder):
    shown, table = [], []
    for run in runs:
        query = run.test.query.subset
        pairs = run.confused()
        table += [(run.name, a, b, len(rows)) for a, b, rows in pairs]
        for a, b, rows in pairs[:PAIRS]:
            row = rows[0]
            other = b if query.pids[row] == a else a
            file = folder / "confused" / f"{a}-{b}{_of_run(run, runs)}.jpg"
            files = _middle(run.paths("query", row)), _middle(run.paths("gallery", run.nearest[0][row, 0]))
            cameras = query.camids[row], run.test.gallery.subset.camids[run.nearest[0][row, 0]]
            people = query.pids[row], other
            captions = tuple(f"person {p}\ncamera {c}" for p, c in zip(people, cameras, strict=True))
            images.confused_pair(*files, captions, file)
            times = "once" if len(rows) == 1 else f"{len(rows)} times"
            shown.append(Figure(file, f"{_prefix(run, runs)}{times}"))
    with (folder / "confused.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("run", "person", "other", "queries"), *table])
    if not shown:
        return Section("Confused people", "No query found another person first.")
    text = "Pairs of people of whom one was found first for the other, by number of queries; confused.csv lists all."
    return Section("Confused people", text, figures=shown, side=True)


def _distances(runs, folder):
    text = "The less the two overlap, the better a threshold tells people apart."
    shown = _each(runs, folder, "distances", lambda run, file: plots.draw_distances(run.pairs, file))
    return Section("Distances", text, figures=shown, side=True)


def _cameras(runs, folder):
    if not all(run.cameras for run in runs):
        return None
    text = "Queries of one camera, searched for among the images of one other camera alone."
    shown = _each(runs, folder, "cameras", lambda run, file: plots.draw_cameras(run.cameras, file))
    return Section("Pairs of cameras", text, figures=shown, side=True)


def _each(runs, folder, name, draw):
    """A plot for each run."""
    files = [folder / f"{name}{_of_run(run, runs)}.png" for run in runs]
    for run, file in zip(runs, files, strict=True):
        draw(run, file)
    return [Figure(file, run.name if len(runs) > 1 else "") for run, file in zip(runs, files, strict=True)]


def _of_run(run, runs):
    """What tells a run's files from another's."""
    return f"-{run.name}" if len(runs) > 1 else ""


def _prefix(run, runs):
    return f"{run.name}: " if len(runs) > 1 else ""


def _write_queries(runs, path):
    query = runs[0].test.query.subset
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        of_run = [f"{run.name} {what}" for run in runs for what in ("average precision", "found first", "distance")]
        writer.writerow(["query", "person", "camera", *of_run])
        for row in range(len(query)):
            values = [query.pids[row], query.camids[row]]
            for run in runs:
                first = _middle(run.paths("gallery", run.nearest[0][row, 0]))
                values += [f"{run.ranking.ap[row]:.6f}", first, f"{run.nearest[1][row, 0]:.6f}"]
            writer.writerow([_middle(runs[0].paths("query", row)), *values])


def _middle(files):
    return files[len(files) // 2]


def _file_name(kind):
    return kind.split()[0].lower()
