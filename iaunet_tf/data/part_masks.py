"""Part masks from the label maps of a human parser, and prior masks for images without label maps.

`iaunet data masks LABELS OUT`: any parser that was trained on LIP (20 classes) will do, such as
JPPNet, which the authors used, or SCHP.
"""

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.dataset import PARTS
from iaunet_tf.data.decoding import naming, read
from iaunet_tf.data.walking import Walker
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.terminal import in_threads

# LIP classes by part, in the network's order of parts. Arms belong to the upper body, socks to the lower body.
LIP = {
    "head": (1, 2, 4, 13),  # hat, hair, sunglasses, face
    # gloves, upper clothes, dress, coat, jumpsuits, scarf, left and right arm
    "upper_clothes": (3, 5, 6, 7, 10, 11, 14, 15),
    "lower_clothes": (8, 9, 12, 16, 17),  # socks, pants, skirt, left and right leg
    "shoes": (18, 19),  # left and right
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


def prior_masks(height: int, width: int) -> np.ndarray:
    """Masks of the usual positions of the parts, soft-edged, horizontally centred boxes: float32
    `(height, width, 4)` in 0..1, symmetric under horizontal flips."""

    def inside(distance):  # inwards from an edge, as a fraction of the height
        return 1 / (1 + np.exp(-distance / SOFTNESS))

    y = (np.arange(height)[:, None] + 0.5) / height
    x = np.abs((np.arange(width) + 0.5) / width - 0.5)
    parts = [
        inside(y - top) * inside(bottom - y) * inside((half - x) * width / height)
        for top, bottom, half in PRIOR.values()
    ]
    return np.stack(parts, axis=-1).astype("float32")


def convert(source: str | Path, target: str | Path) -> int:
    """Converts the label maps (`.png`) in a folder and its subfolders, and returns their number.

    Label maps have the same relative paths as the images in their data set. Each becomes a folder
    of masks in `target`, in the place of
    those that are there: `seg_part4/Market1501_train_seg_part4` in the root of Market-1501, or
    `seg_part4` in that of MARS, whose label maps are in `bbox_train/`.

    Raises:
        InputError: there are no label maps, or a file is not a LIP label map.
    """
    source, target = Path(source), Path(target)
    if not source.is_dir():
        raise InputError(f"{source}: no such folder of label maps")
    if target.is_file():
        raise InputError(f"{target}: is a file; name a folder for the masks")
    files = [path for path in Walker(source).images(source, deep=True) if path.suffix.lower() == ".png"]
    if not files:
        raise InputError(f"{source}: contains no label maps (.png)")
    folders = [target / file.relative_to(source).with_suffix("") for file in files]
    if len(set(folders)) < len(files):
        raise InputError(f"{source}: has several label maps for {Counter(folders).most_common(1)[0][0].name}; keep one")

    def work(number):
        file = files[number]
        with naming(file):
            labels = np.asarray(read(file))
        flat = labels.ndim == 2 and labels.dtype != bool  # of one bit is a mask, such as those made here
        if not flat or labels.max(initial=0) >= CLASSES:
            wrong = f"it has class {labels.max()}" if flat else f"its shape is {labels.shape}, its kind {labels.dtype}"
            raise InputError(f"{file}: not a label map of LIP's {CLASSES} classes: {wrong}")
        for part, classes in LIP.items():
            mask = 255 * np.isin(labels, classes).astype("uint8")
            with replacing(folders[number] / f"{part}.png") as temporary:
                Image.fromarray(mask).save(temporary)

    in_threads(work, len(files), "part masks")
    return len(files)
