"""What a configuration must keep to beyond the range of each key."""

from collections.abc import Callable

from iaunet_tf.config.common import Config
from iaunet_tf.data.readers.table import READERS
from iaunet_tf.errors import InputError

# Keys that have no effect under some value of another key, the switch: the keys, the switch, and when that is.
COMMON = (
    ("train.milestones", "train.schedule", lambda c: c.train.schedule != "step"),
    ("train.warmup_epochs", "train.schedule", lambda c: c.train.schedule != "cosine"),
)
REID = (
    ("data.clip_length data.clip_stride eval.clips", "data.name", lambda c: not c.data.video),
    ("data.more", "data.name", lambda c: c.data.video),
    ("data.fold", "data.name", lambda c: not READERS[c.data.name].folds),
    ("loss.margin loss.distance train.mining", "loss.triplet_weight", lambda c: not c.loss.triplet_weight),
    ("loss.mask_weight loss.mask_mode model.recompute", "model.block", lambda c: c.model.block != "iau"),
    ("data.masks", "model.block", lambda c: c.model.block != "iau" and c.data.masks == "prior"),
    ("loss.mask_mode", "loss.mask_weight", lambda c: not c.loss.mask_weight),
    ("loss.mask_mode loss.mask_weight", "data.masks", lambda c: c.data.masks == "none"),
    ("eval.rerank eval.expand", "eval.protocol", lambda c: c.eval.protocol == "cuhk03"),
)
CLASSIFICATION = (("model.blocks_after", "model.block", lambda c: c.model.block is None),)


def settle(config: Config, rank: Callable[[str], int]) -> None:
    """Refuses keys that would have no effect, and resets them to their defaults where a later source took their effect
    away: a file's milestones under a schedule that the command line chose.

    Args:
        config: the configuration; changed in place.
        rank: place of the last source that gives a key, a later one wins; -1 where none does that matters.

    Raises:
        InputError: a key has no effect, or values contradict each other.
    """
    defaults = type(config)()
    for names, switch, useless in COMMON + (REID if config.task == "reid" else CLASSIFICATION):
        for key in names.split() if useless(config) else ():
            section, name = key.split(".")
            own, default = getattr(config, section), getattr(getattr(defaults, section), name)
            if getattr(own, name) != default and rank(key) >= max(0, rank(switch)):
                section, name = switch.split(".")
                value = getattr(getattr(config, section), name)
                value = "null" if value is None else value
                raise InputError(f"{key} has no effect with {switch} {value}; leave it out")
            setattr(own, name, default)
    _check_train(config.train)
    if config.task == "reid":
        _check_reid(config)


def _check_train(train):
    if any(later <= earlier for earlier, later in zip(train.milestones, train.milestones[1:], strict=False)):
        raise InputError(f"train.milestones must rise; received {train.milestones}")
    if train.profile and not (len(train.profile) == 2 and train.profile[0] <= train.profile[1]):
        raise InputError(f"train.profile is a first and a last step, such as [10, 20]; received {train.profile}")


def _check_reid(config):
    data, width = config.data, config.model.width
    if (64 * width) % 2:
        raise InputError(f"model.width {width} is impossible: 64 times it must be even and whole, as with 0.25 or 0.5")
    names = [name for name, reader in READERS.items() if reader.video == data.video]
    for key, entries in (("more", data.more), ("test", data.test)):
        found = [tuple(entry.split("=", 1)) for entry in entries]
        for entry, (name, *root) in zip(entries, found, strict=True):
            if [other[0] for other in found].count(name) > 1:
                raise InputError(f"data.{key} names {name} twice")
            if name not in names or not any(root):
                raise InputError(
                    f"data.{key}: {entry!r} is not of the form NAME=ROOT with a data set of the same kind as "
                    f"{data.name}: {', '.join(names)}"
                )
