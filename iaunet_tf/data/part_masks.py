"""Part masks from the label maps of a human parser; and a guess where there is no parser.

`iaunet data masks LABELS OUT`: any parser that was trained on LIP (20 classes) will do, such as
JPPNet, which the authors used, or SCHP.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.dataset import PARTS
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.terminal import in_threads

# The classes of LIP by part, in the network's order of parts. Arms go with the upper, socks with the lower body.
LIP = {
    "head": {"hat": 1, "hair": 2, "sunglasses": 4, "face": 13},
    "upper_clothes": {
        "glove": 3,
        "upper clothes": 5,
        "dress": 6,
        "coat": 7,
        "jumpsuits": 10,
        "scarf": 11,
        "left arm": 14,
        "right arm": 15,
    },
    "lower_clothes": {"socks": 8, "pants": 9, "skirt": 12, "left leg": 16, "right leg": 17},
    "shoes": {"left shoe": 18, "right shoe": 19},
}
CLASSES = 20
# Where parts are in the box around somebody upright: top and bottom, and half their width, as shares of the box.
# Heads are an eighth of a body, legs half of it; boxes leave a little room.
PRIOR = {
    "head": (0.04, 0.17, 0.15),
    "upper_clothes": (0.17, 0.52, 0.32),
    "lower_clothes": (0.51, 0.89, 0.25),
    "shoes": (0.88, 0.98, 0.28),
}
SOFTNESS = 0.02  # of edges, as a share of the height
assert tuple(LIP) == tuple(PRIOR) == PARTS


def part_masks(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Masks of the parts in a label map.

    Args:
        labels: `(H, W)` class of each pixel, 0..19, as LIP numbers them.

    Returns:
        uint8 `(H, W)`, 255 inside a part, by name.

    Raises:
        InputError: there are other classes.
    """
    if labels.ndim != 2 or labels.max(initial=0) >= CLASSES:
        raise InputError(
            f"is no label map of LIP's {CLASSES} classes: "
            + (f"it has class {labels.max()}" if labels.ndim == 2 else f"its shape is {labels.shape}")
        )
    return {part: 255 * np.isin(labels, list(classes.values())).astype("uint8") for part, classes in LIP.items()}


def prior_masks(height: int, width: int) -> np.ndarray:
    """Where parts usually are: soft-edged boxes, one below the other in the middle.

    Returns:
        float32 `(height, width, 4)` in 0..1, the same when flipped horizontally.
    """

    def inside(distance):
        """Of a distance from the edge inwards, in heights."""
        return 1 / (1 + np.exp(-distance / SOFTNESS))

    y = (np.arange(height)[:, None] + 0.5) / height
    x = np.abs((np.arange(width) + 0.5) / width - 0.5)
    parts = [
        inside(y - top) * inside(bottom - y) * inside((half - x) * width / height)
        for top, bottom, half in PRIOR.values()
    ]
    return np.stack(parts, axis=-1).astype("float32")


def convert(source: str | Path, target: str | Path) -> int:
    """Writes the masks of every label map (`.png`) below a folder.

    Args:
        source: holds label maps at the places that images have in their data set.
        target: `seg_part4/Market1501_train_seg_part4` in Market-1501's root, or `seg_part4` in that of MARS, where
            label maps are in `bbox_train/`; gets a folder of masks for each.

    Returns:
        How many.

    Raises:
        InputError: there are none, or one is none of LIP.
    """
    source, target = Path(source), Path(target)
    files = sorted(source.rglob("*.png")) if source.is_dir() else []
    if not files:
        raise InputError(f"{source}: holds no label maps (.png)")

    def work(file):
        try:
            with Image.open(file) as picture:
                labels = np.asarray(picture)
        except (OSError, ValueError) as error:
            raise InputError(f"{file}: not a readable picture ({error})") from None
        try:
            masks = part_masks(labels)
        except InputError as error:
            raise InputError(f"{file}: {error}") from None
        folder = target / file.relative_to(source).with_suffix("")
        if not folder.is_dir():
            with replacing(folder) as temporary:
                temporary.mkdir()
                for part, mask in masks.items():
                    Image.fromarray(mask).save(temporary / f"{part}.png")

    in_threads(lambda number: work(files[number]), len(files), "part masks")
    return len(files)
