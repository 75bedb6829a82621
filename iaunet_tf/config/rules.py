"""What a configuration must keep to beyond the range of each key."""

from collections.abc import Callable
from operator import attrgetter

from iaunet_tf.blocks import WITH_PARTS, check_depths, check_places
from iaunet_tf.config.common import Config
from iaunet_tf.config.kinds import shown
from iaunet_tf.data.dataset import PARTS
from iaunet_tf.data.readers.table import READERS
from iaunet_tf.errors import InputError

# Keys that have no effect under some value of another key, the switch: the keys, the switch, and when that is.
COMMON = (
    ("train.milestones", "train.schedule", lambda c: c.train.schedule != "step"),
    ("train.epsilon", "train.optimizer", lambda c: c.train.optimizer not in ("adam", "adamw")),
)
REID = (
    ("data.clip_length data.clip_stride eval.clips", "data.name", lambda c: not c.data.video),
    ("data.more", "data.name", lambda c: c.data.video),
    ("data.fold", "data.name", lambda c: not READERS[c.data.name].folds),
    ("loss.softmax_margin loss.softmax_scale", "loss.softmax", lambda c: c.loss.softmax == "plain"),
    ("loss.triplet loss.margin loss.distance", "loss.triplet_weight", lambda c: not c.loss.triplet_weight),
    ("loss.margin", "loss.triplet", lambda c: c.loss.triplet == "weighted"),
    ("loss.circle_margin loss.circle_scale", "loss.circle_weight", lambda c: not c.loss.circle_weight),
    ("train.mining", "loss.triplet_weight", lambda c: not (c.loss.triplet_weight or c.loss.circle_weight)),
    ("model.width model.depths model.recompute", "model.backbone", lambda c: c.model.backbone != "iaunet"),
    ("model.blocks model.parts", "model.block", lambda c: c.model.block is None),
    ("model.parts", "model.blocks", lambda c: not any(kind in WITH_PARTS for kind in c.model.kinds.values())),
    ("model.recompute", "model.block", lambda c: not {"iau", "channel"} & set(c.model.kinds.values())),
    ("loss.mask_weight loss.mask_mode", "model.parts", lambda c: c.model.parts != len(PARTS)),
    ("loss.mask_weight loss.mask_mode", "model.block", lambda c: not c.model.locates_parts),
    ("data.masks", "model.block", lambda c: not c.model.locates_parts and c.data.masks == "prior"),
    (
        "loss.features",
        "loss.triplet_weight",
        lambda c: not (c.loss.triplet_weight or c.loss.circle_weight or c.loss.centre_weight),
    ),
    (
        "loss.teacher_distances loss.teacher_labels loss.teacher_temperature",
        "loss.teacher",
        lambda c: not c.loss.teacher,
    ),
    ("loss.teacher_temperature", "loss.teacher_labels", lambda c: not c.loss.teacher_labels),
    ("loss.mask_mode", "loss.mask_weight", lambda c: not c.loss.mask_weight),
    ("loss.mask_mode loss.mask_weight", "data.masks", lambda c: c.data.masks == "none"),
    ("eval.rerank eval.expand", "eval.protocol", lambda c: c.eval.protocol == "cuhk03"),
)
CLASSIFICATION = (("model.blocks", "model.block", lambda c: c.model.block is None),)


def settle(config: Config, rank: Callable[[str], int]) -> None:
    """Refuses keys that have no effect, and values that contradict each other.

    A key that a later source made useless gets its default again: a file's milestones under a
    schedule that the command line chose. `rank` is the place of the last source that gives a key,
    -1 where none does.
    """
    defaults = type(config)()
    for names, switch, useless in COMMON + (REID if config.task == "reid" else CLASSIFICATION):
        for key in names.split() if useless(config) else ():
            default = attrgetter(key)(defaults)
            if attrgetter(key)(config) != default and rank(key) >= max(0, rank(switch)):
                value = attrgetter(switch)(config)
                value = "null" if value is None else value
                raise InputError(f"{key} has no effect with {switch} {value}; leave it out")
            section, name = key.split(".")
            setattr(getattr(config, section), name, default)
    name = config.name
    if rank("name") >= 0 and (not name.isprintable() or name.startswith(".") or "/" in name or len(name) > 100):
        raise InputError(f"name must do for a folder: up to 100 characters, no /, no . first; received {shown(name)}")
    train = config.train
    if any(later <= earlier for earlier, later in zip(train.milestones, train.milestones[1:], strict=False)):
        raise InputError(f"train.milestones must rise; received {train.milestones}")
    if train.profile and not (len(train.profile) == 2 and train.profile[0] <= train.profile[1]):
        raise InputError(f"train.profile is a first and a last step, such as [10, 20]; received {train.profile}")
    if config.task == "reid":
        _check_reid(config)


def _check_reid(config):
    data, width = config.data, config.model.width
    kinds, side = config.model.kinds, config.loss.features
    if "temporal" in kinds.values() and not data.video:
        raise InputError(f"a block of kind temporal relates frames of tracklets, and {data.name} consists of images")
    if config.model.backbone == "iaunet":
        check_places(kinds)
        if side == ("after_neck" if config.model.neck is not False else "before_neck"):
            raise InputError(f"loss.features {side} is the embedding itself with this model.neck; leave it out")
    if config.loss.teacher and not (config.loss.teacher_distances or config.loss.teacher_labels):
        raise InputError(
            "loss.teacher teaches nothing with teacher_distances 0 and teacher_labels 0; raise one of them"
        )
    if (64 * width) % 2:
        raise InputError(f"model.width {width} is impossible: 64 times it must be even and whole, as with 0.25 or 0.5")
    check_depths("model.depths", config.model.depths)
    alike = [name for name, reader in READERS.items() if reader.video == data.video]
    for key, entries in (("more", data.more), ("test", data.test)):
        names = [entry.partition("=")[0] for entry in entries]
        for entry, name in zip(entries, names, strict=True):
            if names.count(name) > 1:
                raise InputError(f"data.{key} names {name} twice")
            if name not in alike or not entry.partition("=")[2]:
                raise InputError(
                    f"data.{key}: {entry!r} is not of the form NAME=ROOT with a data set of the same kind as "
                    f"{data.name}: {', '.join(alike)}"
                )
