"""Draws the figures of blocks.md: `python docs/figures/draw.py [RUN]`, the attention of the demo's RUN among them."""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image

HERE = Path(__file__).parent
PARTS = {"head": "#e63946", "upper body": "#2a9d3a", "lower body": "#457be6", "shoes": "#d9a400"}
TEAL, GREY = "#00796b", "#555555"
plt.rcParams.update({"font.size": 11, "svg.fonttype": "path", "svg.hashsalt": "iaunet-tf"})


def canvas(width: float, height: float):
    """A figure whose axes are in units of an inch."""
    figure = plt.figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def save(figure, name: str) -> None:
    figure.savefig(HERE / name, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def box(axes, x, y, width, height, text, colour=TEAL):
    axes.add_patch(Rectangle((x, y), width, height, facecolor=colour + "22", edgecolor=colour, linewidth=1.3))
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center")


def arrow(axes, start, end, colour=GREY, curve=0.0, style="-|>"):
    connection = f"arc3,rad={curve}"
    options = {"arrowstyle": style, "mutation_scale": 11, "color": colour, "linewidth": 1.3}
    axes.add_patch(FancyArrowPatch(start, end, connectionstyle=connection, shrinkA=2, shrinkB=2, **options))


def network() -> None:
    """The ResNet-50 with its blocks, and the shapes between them, for an image of 256x128."""
    figure, axes = canvas(7.6, 2.5)
    steps = [
        ("stem,\nstage 1", "64×32×256", GREY),
        ("stage 2", "32×16×512", GREY),
        ("IAU", "32×16×512", TEAL),
        ("stage 3", "16×8×1024", GREY),
        ("IAU", "16×8×1024", TEAL),
        ("stage 4", "16×8×2048", GREY),
        ("mean,\nBN", "2048", GREY),
    ]
    for place, (name, shape, colour) in enumerate(steps):
        x = 0.55 + place * 1.0
        box(axes, x, 1.05, 0.72, 0.75, name, colour)
        axes.text(x + 0.36, 0.82, shape, ha="center", va="top", fontsize=8.5, color=GREY)
        arrow(axes, (x - 0.28, 1.42), (x, 1.42))
    arrow(axes, (7.27, 1.42), (7.55, 1.42))
    axes.text(0.02, 1.95, "image 256×128×3", fontsize=9, color=GREY)
    axes.text(7.55, 1.95, "embedding", ha="right", fontsize=9, color=GREY)
    for place, number in ((2, 1), (4, 2)):
        x = 0.55 + place * 1.0 + 0.36
        arrow(axes, (x, 1.8), (x, 2.15), TEAL)
        axes.text(x, 2.2, f"part attention {number}", ha="center", fontsize=9, color=TEAL)
    axes.text(3.8, 0.25, "height×width×channels; of clips, every frame", ha="center", fontsize=9, color=GREY)
    save(figure, "network.svg")


def channel() -> None:
    """Channel IAU on five small maps, with the numbers that the formulas give for them."""
    rows, columns = np.mgrid[:8, :4]
    centres = [(1, 1.5), (1.4, 1.5), (4, 1.5), (4, 2.2), (6.5, 1.5)]
    maps = np.stack([np.exp(-((rows - y) ** 2) / 3 - (columns - x) ** 2 / 2) for y, x in centres])
    tokens = maps.reshape(5, -1)
    logits = tokens @ tokens.T
    attention = np.exp(logits - logits.max(axis=1, keepdims=True))
    attention /= attention.sum(axis=1, keepdims=True)
    mixed = (attention @ tokens).reshape(maps.shape)
    figure, axes = canvas(7.6, 3.3)
    for x, pictures, title in ((0.2, maps, "G: the maps of all channels"), (5.6, mixed, "Y = A G")):
        for place, picture in enumerate(pictures):
            inset = figure.add_axes(((x + place * 0.36) / 7.6, 1.2 / 3.3, 0.32 / 7.6, 0.9 / 3.3))
            inset.imshow(picture, cmap="Greens", vmin=0, vmax=1, aspect="auto")
            inset.set(xticks=[], yticks=[])
        axes.text(x + 0.88, 2.35, title, ha="center", color=TEAL)
        axes.text(x + 0.88, 1.0, "(T·C, n)", ha="center", va="top", fontsize=9, color=GREY)
    inset = figure.add_axes((2.75 / 7.6, 0.8 / 3.3, 1.8 / 7.6, 1.8 / 3.3))
    inset.imshow(attention, cmap="Greens", vmin=0, vmax=attention.max() * 1.3)
    for i, j in np.ndindex(5, 5):
        inset.text(j, i, f"{attention[i, j]:.2f}", ha="center", va="center", fontsize=7.5)
    inset.set(xticks=[], yticks=[])
    axes.text(3.65, 2.72, "A = softmax(G Gᵀ)", ha="center", color=TEAL)
    axes.text(3.65, 0.65, "(T·C, T·C), rows sum to 1", ha="center", va="top", fontsize=9, color=GREY)
    arrow(axes, (2.1, 1.65), (2.7, 1.65))
    arrow(axes, (4.75, 1.65), (5.5, 1.65))
    axes.text(3.8, 0.15, "Maps that are bright in the same places mix most.", ha="center", fontsize=9, color=GREY)
    save(figure, "channel.svg")


def parts() -> None:
    """The part graph of three frames: what the upper body of the second attends to, and all other edges in grey."""
    figure, axes = canvas(7.6, 3.4)
    place = {(t, k): (1.9 + 2.2 * t, 2.85 - 0.75 * k) for t in range(3) for k in range(4)}
    focus = (1, 1)
    for a, (xa, ya) in place.items():
        for b, (xb, yb) in place.items():
            same_frame, same_part = a[0] == b[0], a[1] == b[1]
            if a >= b or same_frame == same_part:
                continue
            strong = focus in (a, b)
            colour = TEAL if strong else "#cccccc"
            curve = (0.35 if same_frame else 0.12) * (1 if abs(a[0] - b[0]) + abs(a[1] - b[1]) > 1 else 0)
            axes.add_patch(
                FancyArrowPatch(
                    (xa, ya),
                    (xb, yb),
                    connectionstyle=f"arc3,rad={curve}",
                    arrowstyle="-",
                    color=colour,
                    linewidth=2 if strong else 1,
                    zorder=2 if strong else 1,
                )
            )
    for (t, k), (x, y) in place.items():
        name, colour = list(PARTS.items())[k]
        edge = "black" if (t, k) == focus else colour
        axes.add_patch(plt.Circle((x, y), 0.16, facecolor=colour, edgecolor=edge, linewidth=2.2, zorder=3))
        if t == 0:
            axes.text(0.1, y, name, va="center")
        if k == 0:
            axes.text(x, 3.15, f"frame {t + 1}", ha="center", color=GREY)
    save(figure, "parts.svg")


def attention(run: Path) -> None:
    """What the blocks of a trained network see, and how its parts attend to each other."""
    import keras

    import iaunet_tf
    from iaunet_tf.data.decoding import load_image
    from iaunet_tf.report.images import part_attention

    model = keras.models.load_model(run / "model.keras")
    _, height, width, _ = model.input_shape
    files = sorted(Path("datasets/synthetic/query").glob("*.jpg"))
    chosen = [files[0], files[len(files) // 2 + 5], files[-1]]
    pixels = np.stack([load_image(file, (height, width)) for file in files])
    outputs = model.predict(pixels, verbose=0)
    sheets = []
    for file in chosen:
        blocks = [outputs[f"part_attention_{number}"][files.index(file)] for number in (1, 2)]
        part_attention(file, blocks, HERE / "attention.jpg")
        sheets.append(Image.open(HERE / "attention.jpg").copy())
    page = Image.new("RGB", (sheets[0].width, sum(sheet.height for sheet in sheets)), "white")
    for place, sheet in enumerate(sheets):
        page.paste(sheet, (0, place * sheet.height))
    page.save(HERE / "attention.jpg", quality=85)
    for layer in model.layers:
        if isinstance(layer, iaunet_tf.IAUBlock):
            features = keras.Model(model.input, layer.input).predict(pixels, verbose=0)
            relations = keras.ops.convert_to_numpy(layer.relations(features)).mean(axis=0)
            print(f"{layer.name}, {len(files)} images:", np.array2string(relations, precision=2), sep="\n")


if __name__ == "__main__":
    network()
    channel()
    parts()
    if sys.argv[1:]:
        attention(Path(sys.argv[1]))
