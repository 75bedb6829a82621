"""The sections of a report on one run, or on two side by side."""

import csv
import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from iaunet_tf.evaluation import confidence_intervals
from iaunet_tf.evaluation.pairs import FALSE_POSITIVE_RATES
from iaunet_tf.evaluation.tables import draw_cmc, draw_roc
from iaunet_tf.files import printable
from iaunet_tf.report import images, plots
from iaunet_tf.report.findings import Findings
from iaunet_tf.report.page import Figure, Section

# Of the table, by their names in metrics.json.
COLUMNS = {name: name for name in ("mAP", "rank-1", "rank-5", "rank-10", "mINP")} | {
    f"TPR@FPR={rate:g}": f"TPR at {100 * rate:g} %" for rate in FALSE_POSITIVE_RATES
}
PAIRS = 8  # of confused people


def all_sections(runs: Sequence[Findings], folder: Path, count: int, seed: int) -> list[Section]:
    """Draws in `folder` plots, images and tables of one run, or of two with the same queries and gallery.

    Of each kind, `count` queries are shown; `seed` chooses the random ones.
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
        *_distances(runs, folder),
        _cameras(runs, folder),
    ]
    return [section for section in sections if section]


def choose_queries(runs: Sequence[Findings], count: int, seed: int) -> dict[str, list[int]]:
    """Queries to show, by what they are: of one run the best, the worst and random ones; of two those on which they
    differ most, and random ones. Nobody is shown twice."""
    pids = runs[0].test.query.subset.pids
    valid = np.flatnonzero(np.isfinite(runs[0].ranking.ap))
    order = np.random.default_rng(seed).permutation(valid)  # also breaks ties
    values, best, worst = runs[0].ranking.ap[order], "Best queries", "Worst queries"
    if len(runs) == 2:
        values = values - runs[1].ranking.ap[order]
        best, worst = (f"Better found by {run.name}" for run in runs)
    kinds = {
        best: order[np.argsort(-values, kind="stable")],
        worst: order[np.argsort(values, kind="stable")],
        "Random queries": order,
    }
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
            few = _too_few_pairs(metrics)
            cells = {key: f"{100 * metrics[key]:.1f}" if key in metrics.keys() - few else "" for key in COLUMNS}
            for key, (low, high) in metrics.get("95 %", {}).items():
                cells[key] += f" ({100 * low:.1f} to {100 * high:.1f})"
            rows.append([label if len(runs) == 1 else f"{run.name}: {label}", *cells.values()])
    text = "In percent, with 95 % confidence intervals in brackets. TPR: true positive rate of deciding whether two "
    text += "images show the same person, at the given false positive rate."
    if len(runs) == 2:
        first, second = (run.ranking for run in runs)
        difference = replace(first, ap=first.ap - second.ap, rank1=first.rank1 - second.rank1)
        intervals = confidence_intervals(difference, runs[0].test.query.subset.pids)
        cells = dict.fromkeys(COLUMNS, "")
        for key, values in (("mAP", difference.ap), ("rank-1", difference.rank1)):
            low, high = intervals[key]
            cells[key] = f"{100 * np.nanmean(values):+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        rows.append(["difference", *cells.values()])
        text += " A difference is significant where its interval does not contain 0."
    table = [["", *COLUMNS.values()], *rows]
    filled = [any(row[place] for row in rows) for place in range(len(table[0]))]
    return Section("Metrics", text, [[*itertools.compress(row, filled)] for row in table])


def _too_few_pairs(metrics):
    """Names of true positive rates without a threshold, which `PairDistances.thresholds` leaves out where there are too
    few pairs. Older runs have no thresholds at all."""
    if "thresholds" not in metrics:
        return set()
    measured = {row["false_rate"] for row in metrics["thresholds"]["pairs"]}
    return {f"TPR@FPR={rate:g}" for rate in FALSE_POSITIVE_RATES if rate not in measured}


def _curves(runs, folder):
    cmc = Figure(folder / "cmc.png", "CMC: queries with a hit among the first results")
    roc = Figure(folder / "roc.png", "ROC: do two images show the same person?")
    draw_cmc({run.name: run.ranking for run in runs}, cmc.file)
    draw_roc({run.name: run.pairs for run in runs}, roc.file)
    return Section("CMC and ROC", figures=[cmc, roc], side=True)


def _history(runs, folder):
    histories = {run.name: run.history for run in runs if run.history}
    if not histories:
        return None
    validated = any("val_mAP" in history for history in histories.values())
    title = "training accuracy, validation [%]" if validated else "accuracy [%]"
    files = [folder / f"{name}.png" for name in ("losses", "accuracy", "learning_rate")]
    plots.draw_curves(histories, lambda key: key.endswith("loss"), "loss", 1, files[0])
    plots.draw_curves(histories, lambda key: key == "accuracy" or key.startswith("val_"), title, 100, files[1])
    plots.draw_curves(histories, lambda key: key == "learning_rate", "learning rate", 1, files[2])
    return Section("Training", figures=[Figure(file) for file in files], side=True)


def _ranked_lists(runs, chosen, folder):
    query, gallery = runs[0].test.query.subset, runs[0].test.gallery.subset

    def camera(camid):
        return images.label("camera", runs[0].test.camera(camid))

    for kind, rows in chosen.items():
        shown = []
        for row in rows:
            for run in runs:
                places, distances = (each[row] for each in run.nearest)
                found = [
                    (run.picture("gallery", place), hit, f"{camera(gallery.camids[place])}\n{distance:.3f}")
                    for place, hit, distance in zip(places, run.hits(row), distances, strict=True)
                    if np.isfinite(distance)
                ]
                file = folder / "ranked" / f"{kind.split()[0].lower()}-{row}.jpg"
                precision = f"average precision {100 * run.ranking.ap[row]:.1f} %"
                caption = f"person {run.test.person(query.pids[row])}, {precision}"
                contents = run.picture("query", row), found, f"query\n{camera(query.camids[row])}"
                shown.append(_drawn(runs, run, file, caption, images.ranked_list, *contents))
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
            parts = blocks[0].shape[-1]
            caption = f"person {run.test.person(run.test.query.subset.pids[row])}"
            draw, contents = images.part_attention, (files[0], [attention[0] for attention in blocks])
            if run.video:
                caption += f", {len(files)} frames"
                draw, contents = images.tracklet_attention, (files, blocks)
            file = folder / "attention" / f"{row}.jpg"
            shown.append(_drawn(runs, run, file, caption, draw, *contents))
    if not shown:
        return None
    usual = parts == len(images.COLOURS)
    text = "Head red, upper body green, lower body blue, shoes yellow" if usual else "Each part in a colour of its own"
    text += ", each relative to its largest value"
    if runs[0].video:
        text += " in the tracklet. Below each frame, the attention of the blocks, the first on top."
    else:
        text += ", which is written below; 1 is the maximum."
    for run in runs:
        if run.history and "mask_loss" not in run.history:
            text += f" {run.name} was trained without part masks, so its maps need not show these parts."
    return Section("Part attention", text, figures=shown)


def _relations(runs, folder):
    shown = [
        _drawn(runs, run, folder / f"relations-{k}.png", f"block {k}", plots.draw_relation, relation)
        for run in runs
        for k, relation in enumerate(run.relations, 1)
    ]
    if not shown:
        return None
    text = "Attention of each part (row) to each other part (column), averaged over queries."
    return Section("Relations between parts", text, figures=shown, side=True)


def _confused(runs, folder):
    shown, table = [], []
    for run in runs:
        pairs = run.confused()
        table += [(run.name, run.test.person(a), run.test.person(b), len(rows)) for a, b, rows in pairs]
        for a, b, rows in pairs[:PAIRS]:
            pictures = []
            for part, row in (("query", rows[0]), ("gallery", run.nearest[0][rows[0], 0])):
                subset = getattr(run.test, part).subset
                who, where = run.test.person(subset.pids[row]), run.test.camera(subset.camids[row])
                caption = f"{images.label('person', who)}\n{images.label('camera', where)}"
                pictures.append((run.picture(part, row), caption))
            times = "once" if len(rows) == 1 else f"{len(rows)} times"
            file = folder / "confused" / f"{a}-{b}.jpg"
            shown.append(_drawn(runs, run, file, times, images.confused_pair, pictures))
    _write_csv(folder / "confused.csv", [("run", "person", "other", "queries"), *table])
    if not shown:
        return Section("Confused people", "No query found another person first.")
    text = "Pairs of people of whom one was found first for the other, by number of queries; confused.csv lists all."
    return Section("Confused people", text, figures=shown, side=True)


def _distances(runs, folder):
    file, draw = folder / "distances.png", plots.draw_distances
    shown = [_drawn(runs, run, file, "", draw, run.pairs, run.thresholds.pairs) for run in runs]
    text = "The less the two overlap, the better a threshold tells people apart. Below a threshold, a dotted line, two "
    text += "images are called one person; in brackets, in percent, what to expect on as many other people."
    table = _thresholds({run.name: run.thresholds.pairs for run in runs}, "false positives", "true positives")
    yield Section("Distances and thresholds", text, table, figures=shown, side=True)
    of_runs = {run.name: run.thresholds.open_set for run in runs}
    if table := _thresholds(of_runs, "false identifications", "identified"):
        text = "Who of the gallery is it, or nobody? Below a threshold, a query is called the person it finds first. "
        text += "False identifications: queries that find somebody though their person is left out of the gallery."
        yield Section("Thresholds of an open set", text, table)


def _thresholds(of_runs, wrong, right):
    table = [["", wrong, "distance", right]]
    for name, rows in of_runs.items():
        for row in rows:
            false, true = _rate(row.false_rate, row.false_interval, "g"), _rate(row.true_rate, row.true_interval)
            table.append([name, false, f"{row.distance:.4f}", true])
    return table if len(table) > 1 else ()


def _rate(rate, interval, form=".1f"):
    low, high = (100 * value for value in interval)
    spread = f"{low:.2g} to {high:.2g}" if form == "g" else f"{low:.1f} to {high:.1f}"
    return f"{100 * rate:{form}} ({spread})"


def _cameras(runs, folder):
    if not all(run.cameras for run in runs):
        return None
    file, draw = folder / "cameras.png", plots.draw_cameras
    shown = [_drawn(runs, run, file, "", draw, run.cameras) for run in runs]
    text = "Queries of one camera, searched for among the images of one other camera alone."
    return Section("Pairs of cameras", text, figures=shown, side=True)


def _drawn(runs, run, file, caption, draw, *contents):
    """Draws a figure of one run. Beside another run, file and caption say which run it is."""
    if len(runs) > 1:
        file = file.with_stem(f"{file.stem}-{run.name}")
        caption = f"{run.name}: {caption}" if caption else run.name
    draw(*contents, file)
    return Figure(file, caption)


def _write_queries(runs, path):
    test, query = runs[0].test, runs[0].test.query.subset
    of_run = [f"{run.name} {what}" for run in runs for what in ("average precision", "found first", "distance")]
    rows = [["query", "person", "camera", *of_run]]
    for row in range(len(query)):
        person, camera = test.person(query.pids[row]), test.camera(query.camids[row])
        rows.append([printable(runs[0].picture("query", row)), person, camera])
        for run in runs:
            place, distance = (each[row, 0] for each in run.nearest)
            first = printable(run.picture("gallery", place))
            rows[-1] += [f"{run.ranking.ap[row]:.6f}", first, f"{distance:.6f}"]
    _write_csv(path, rows)


def _write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
