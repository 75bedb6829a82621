"""Part masks from the label maps of a human parser, and prior masks for images without label maps.

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

# LIP classes by part, in the network's order of parts. Arms belong to the upper body, socks to the lower body.
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
# Position of the parts in the bounding box of an upright person: top, bottom and half of the width, as fractions of the
# box. A head is an eighth of a body and legs are half of it; boxes have small margins.
PRIOR = {
    "head": (0.04, 0.17, 0.15),
    "upper_clothes": (0.17, 0.52, 0.32),
    "lower_clothes": (0.51, 0.89, 0.25),
    "shoes": (0.88, 0.98, 0.28),
}
SOFTNESS = 0.02  # softness of edges, as a fraction of the height
assert tuple(LIP) == tuple(PRIOR) == PARTS


def part_masks(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Converts a label map to part masks.

    Args:
        labels: `(H, W)`, the LIP class of each pixel in 0..19.

    Returns:
        Dictionary from the name of a part to its mask, uint8 `(H, W)`, 255 inside the part.

    Raises:
        InputError: the array is not two-dimensional or contains other classes.
    """
    if labels.ndim != 2 or labels.max(initial=0) >= CLASSES:
        raise InputError(
            f"not a label map of LIP's {CLASSES} classes: "
            + (f"it has class {labels.max()}" if labels.ndim == 2 else f"its shape is {labels.shape}")
        )
    return {part: 255 * np.isin(labels, list(classes.values())).astype("uint8") for part, classes in LIP.items()}


def prior_masks(height: int, width: int) -> np.ndarray:
    """Creates masks of the usual positions of the parts: soft-edged, horizontally centred boxes.

    Args:
        height: height of the masks.
        width: width of the masks.

    Returns:
        float32 array of shape `(height, width, 4)` in 0..1, symmetric under horizontal flips.
    """

    def inside(distance):
        """Converts the distance inwards from an edge, as a fraction of the height, to a mask value."""
        return 1 / (1 + np.exp(-distance / SOFTNESS))

    y = (np.arange(height)[:, None] + 0.5) / height
    x = np.abs((np.arange(width) + 0.5) / width - 0.5)
    parts = [
        inside(y - top) * inside(bottom - y) * inside((half - x) * width / height)
        for top, bottom, half in PRIOR.values()
    ]
    return np.stack(parts, axis=-1).astype("float32")


def convert(source: str | Path, target: str | Path) -> int:
    """Converts all label maps (`.png`) in a folder and its subfolders to part masks.

    Args:
        source: folder of label maps, with the same relative paths as the images in their data set.
        target: folder in which to create a folder of masks for each image: `seg_part4/Market1501_train_seg_part4` in
            the root of Market-1501, or `seg_part4` in the root of MARS, whose label maps are in `bbox_train/`.

    Returns:
        Number of converted label maps.

    Raises:
        InputError: there are no label maps, or a file is not a LIP label map.
    """
    source, target = Path(source), Path(target)
    files = sorted(source.rglob("*.png")) if source.is_dir() else []
    if not files:
        raise InputError(f"{source}: contains no label maps (.png)")

    def work(file):
        try:
            with Image.open(file) as picture:
                labels = np.asarray(picture)
        except (OSError, ValueError) as error:
            raise InputError(f"{file}: not a readable image ({error})") from None
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
