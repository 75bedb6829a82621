"""Plots of a report."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import PARTS
from iaunet_tf.evaluation.pairs import PairDistances
from iaunet_tf.evaluation.tables import new_figure, save_figure
from iaunet_tf.thresholds import Threshold

SAME, DIFFERENT = "#2a9d3a", "#d1495b"
BARS = 100
LONGEST = 40  # of a name in a plot or an image, its last characters


def part_labels(parts: int) -> list[str]:
    """Names of body parts: the usual four, or numbers where there are others."""
    usual: list[str] = [part.replace("_clothes", "") for part in PARTS]
    return usual if parts == len(usual) else [f"part {number}" for number in range(1, parts + 1)]


def drawable(name: int | str) -> str:
    r"""The end of a name in characters that the fonts of plots and images have, others as `\u5165`."""
    shown = (c if c.isprintable() and c < "\u0100" else c.encode("unicode_escape").decode() for c in str(name))
    return "".join(shown)[-LONGEST:]


def draw_curves(
    histories: dict[str, dict[str, np.ndarray]], wanted: Callable[[str], bool], title: str, factor: float, path: Path
) -> None:
    """Plots the wanted columns of each run's training history by epoch, multiplied by `factor`."""
    figure, axes = new_figure()
    for (name, history), style in zip(histories.items(), ("-", "--"), strict=False):
        label = f"{name}: " if len(histories) > 1 else ""
        for colour, key in enumerate(filter(wanted, history)):
            there = np.isfinite(history[key])
            axes.plot(
                history["epoch"][there] + 1,
                factor * history[key][there],
                style,
                marker=None if there.all() else "o",
                color=f"C{colour}",
                label=label + key.removeprefix("val_"),
            )
    axes.set(xlabel="epoch", ylabel=title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save_figure(figure, path)


def draw_distances(pairs: PairDistances, thresholds: Sequence[Threshold], path: Path) -> None:
    """Plots how far apart pairs of the same and of different people are, and thresholds by their rates of false
    positives."""
    figure, axes = new_figure()
    step = max(1, len(pairs.same) // BARS)
    starts = np.arange(0, len(pairs.same), step)
    for counts, colour, label in (
        (pairs.different, DIFFERENT, "different identities"),
        (pairs.same, SAME, "same identity, different cameras"),
    ):
        shares = np.add.reduceat(counts, starts) / max(counts.sum(), 1)
        edges = np.append(pairs.edges[starts], pairs.edges[-1])
        axes.stairs(100 * shares, edges, fill=True, alpha=0.55, color=colour, label=label)
    for each in thresholds:
        axes.axvline(each.distance, color="black", linestyle=":", linewidth=1)
        label = f" {100 * each.false_rate:g} %"
        axes.text(each.distance, 0.98, label, transform=axes.get_xaxis_transform(), rotation=90, va="top", fontsize=7)
    axes.set(xlabel="distance", ylabel="pairs [%]")
    axes.set_xlim(0, pairs.edges[1 + np.flatnonzero(pairs.same + pairs.different).max(initial=0)])
    axes.legend(fontsize=8)
    save_figure(figure, path)


def draw_relation(relation: np.ndarray, path: Path) -> None:
    """Plots the attention `(T, K, T, K)` of each body part (row) to the other parts (columns)."""
    frames, parts = relation.shape[:2]
    relation, labels = relation.reshape(frames * parts, -1), part_labels(parts)
    figure, axes = new_figure(5.0)
    image = axes.imshow(100 * relation, cmap="Blues", vmin=0)
    ticks = labels if frames == 1 else [f"{label} {t + 1}" for t in range(frames) for label in labels]
    size = 9 if frames == 1 else 7
    axes.set_xticks(range(len(ticks)), ticks, rotation=90, fontsize=size)
    axes.set_yticks(range(len(ticks)), ticks, fontsize=size)
    if frames == 1:
        for row, column in np.ndindex(relation.shape):
            value = relation[row, column]
            shade = "white" if value > relation.max() / 2 else "black"
            text = "–" if row == column else f"{100 * value:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=shade)
    for edge in parts * np.arange(1, frames) - 0.5:
        axes.axhline(edge, color="grey", lw=0.5)
        axes.axvline(edge, color="grey", lw=0.5)
    figure.colorbar(image, ax=axes, label="attention [%]", shrink=0.8)
    save_figure(figure, path)


def draw_cameras(rows: list[dict], path: Path) -> None:
    """Plots the rank-1 accuracy of each pair of query and gallery cameras, computed by `by_camera_pair`."""
    here, there = (sorted({row[key] for row in rows}) for key in ("query_camera", "gallery_camera"))
    table = np.full((len(here), len(there)), np.nan)
    for row in rows:
        table[here.index(row["query_camera"]), there.index(row["gallery_camera"])] = 100 * row["rank-1"]
    figure, axes = new_figure(5.0)
    image = axes.imshow(table, cmap="RdYlGn", vmin=0, vmax=100)
    if table.size <= 15 * 15:
        for row, column in np.argwhere(np.isfinite(table)):
            axes.text(column, row, f"{table[row, column]:.0f}", ha="center", va="center", fontsize=9)
    columns, lines = ([drawable(name) for name in names] for names in (there, here))
    upright = max(map(len, columns)) > 3
    axes.set_xticks(range(len(there)), columns, rotation=90 if upright else 0, parse_math=False)
    axes.set_yticks(range(len(here)), lines, parse_math=False)
    axes.set(xlabel="gallery camera", ylabel="query camera")
    figure.colorbar(image, ax=axes, label="rank-1 [%]", shrink=0.8)
    save_figure(figure, path)
