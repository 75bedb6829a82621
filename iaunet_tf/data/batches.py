"""Batches by `tf.data`, of images, clips and labelled images alike.

What happens at every place of an epoch is planned before it begins; a batch is a slice of the plan with the pixels that
were read for it. Most changes are made by the training step, with `augment`, on its device: pixels arrive there as
bytes.
"""

import numpy as np
import tensorflow as tf

from iaunet_tf.data.augment import paste, randaugment
from iaunet_tf.data.augmentation import Augmentation, epoch_crops
from iaunet_tf.data.dataset import PARTS
from iaunet_tf.data.labelled import LabelledSource
from iaunet_tf.data.sampling import WHOLE, Share, epoch_clips, epoch_order, shuffled_order
from iaunet_tf.data.sources import Source

AUTOTUNE = tf.data.AUTOTUNE
HOST = ("rows", "draws", "patch", "other_rows", "other_draws", "policy")  # what reading takes of the plan


def train_batches(
    source: Source,
    batch_size: int,
    group_size: int,
    seed: int,
    epoch: int,
    augmentation: Augmentation = Augmentation(),  # noqa: B008  it is frozen
    clip: tuple[int, int] = (4, 8),
    share: Share = WHOLE,
    own_people: bool = False,
    balanced: bool = False,
    spread_cameras: bool = False,
    beside: dict[str, np.ndarray] | None = None,
) -> tf.data.Dataset:
    """Batches of one epoch for re-identification, a pure function of seed and epoch: images, or
    clips of `clip[0]` frames that lie `clip[1]` apart, `group_size` of one person in a row. With `own_people`, each
    worker has its share of a batch from people of its own, and batches depend on the number of workers as well.
    `balanced` and `spread_cameras` are as in `epoch_order`; `beside` are further values, one for each entry of the
    subset, that go into batches by their names.

    Dictionaries, for `augment`, of `"pixels"` uint8 `(B, [T,] H, W, 3)`, what is left of the plan of `augmentation`,
    `"labels"` int32 `(B,)`, and with part masks `"masks_1"` and so on, one for each of the source's `mask_sizes`,
    float32 `(B, [T,] h, w, 4)` in 0..1, and `"has_masks"` float32 `(B,)`, 1 for images, and for clips all of whose
    frames, have masks.
    """
    subset = source.subset
    hosts, cameras = share.workers if own_people else 1, subset.camids if spread_cameras else None
    order = epoch_order(subset.labels, batch_size, group_size, seed, epoch, hosts, balanced, cameras)
    rows = subset.starts[order]
    if subset.video:
        rows = rows[:, None] + epoch_clips(subset.lengths[order], *clip, seed, epoch)
    plan = {"rows": rows, "labels": subset.labels[order]}
    plan |= {name: values[order] for name, values in (beside or {}).items()}
    return _batches(source, plan, augmentation.plan(len(order), source.size, seed, epoch), batch_size, share)


def labelled_batches(
    source: LabelledSource,
    batch_size: int,
    seed: int,
    epoch: int,
    crop: float = 0.08,
    augmentation: Augmentation = Augmentation(erase=0.0),  # noqa: B008  it is frozen
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Batches of one epoch for classification, a pure function of seed and epoch: dictionaries as those of
    `train_batches`, without masks; the last short one is dropped. Cropping keeps at least `crop` of the area; 1 takes
    the largest central box."""
    subset = source.subset
    order = shuffled_order(len(subset), batch_size, seed, epoch)
    plan = {"rows": order, "draws": epoch_crops(len(order), seed, epoch, crop), "labels": subset.labels[order]}
    return _batches(source, plan, augmentation.plan(len(order), source.size, seed, epoch), batch_size, share)


def eval_batches(source: Source | LabelledSource, rows: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """The images or clips at `rows` `(N, [T])`: float32 `(B, [T,] H, W, 3)` in 0..255, the last
    batch shorter."""

    def images(batch):
        return tf.cast(batch["pixels"], "float32")

    return _read(source, {"rows": rows}, batch_size).map(images, AUTOTUNE).prefetch(AUTOTUNE)


def _batches(source, plan, changes, batch_size, share):
    """The batches of an epoch, of which `plan` says what is seen at each place, and `changes` how; of every batch the
    part of `share`, a replica's at a time."""
    mine = share.places(len(plan["labels"]), batch_size)
    partner = changes.pop("partner", None)
    if partner is not None:
        changes |= {f"other_{name}": plan[name][partner] for name in ("rows", "draws") if name in plan}
    plan = {name: values[mine] for name, values in {**plan, **changes}.items()}
    plan["labels"] = plan["labels"].astype("int32")
    return _read(source, plan, share.batch_size(batch_size)).prefetch(AUTOTUNE)


def _read(source, plan, batch_size):
    """Slices of the plan with the `"pixels"` and the part masks that they are about."""
    kinds = [("pixels", "uint8", (*source.size, 3))]
    if source.mask_sizes:
        kinds.append(("has_masks", "float32", ()))
        kinds += [(f"masks_{n}", "float32", (*size, len(PARTS))) for n, size in enumerate(source.mask_sizes, 1)]
    places = np.cumsum([len(PARTS) * height * width for height, width in source.mask_sizes])
    names = [name for name in HOST if name in plan]

    def read(*values):
        given = dict(zip(names, values, strict=True))
        rows = given["rows"]
        pixels, masks, has_masks = source.read(*_inputs(given))
        if "patch" in given:
            with_patch = given["patch"].any(axis=1)
            if with_patch.any():
                others = source.read(*(each[with_patch] for each in _inputs(given, "other_")))[0]
                changed = pixels[with_patch]
                paste(changed, others, given["patch"][with_patch])
                pixels[with_patch] = changed
        # A clip has masks if all its frames do.
        all_have = has_masks.reshape(len(rows), -1).all(axis=1).astype("float32")
        for place, (applied, seed) in enumerate(given.get("policy", ())):
            if applied and randaugment(pixels[place], int(seed)):
                all_have[place] = 0  # they no longer lie where the person is
        if not source.mask_sizes:
            return pixels
        parts = zip(np.split(masks, places[:-1], axis=-1), source.mask_sizes, strict=True)
        return pixels, all_have, *(part.reshape(*rows.shape, *size, len(PARTS)) for part, size in parts)

    def with_pixels(batch):
        batch = dict(batch)
        inputs = [batch.pop(name) for name in names]
        found = tf.numpy_function(read, inputs, [kind for _, kind, _ in kinds], stateful=False)
        for (name, _, shape), values in zip(kinds, found, strict=True):
            leading = inputs[0].shape[: 1 if name == "has_masks" else None]
            batch[name] = tf.ensure_shape(values, (*leading, *shape))
        return batch

    return tf.data.Dataset.from_tensor_slices(plan).batch(batch_size).map(with_pixels, AUTOTUNE)


def _inputs(given, prefix=""):
    """What a source's `read` takes of a slice of the plan."""
    return [given[prefix + name] for name in ("rows", "draws") if prefix + name in given]
