"""What a resumed run must have in common with its beginning, so that it ends as if it had not been stopped."""

from collections.abc import Callable
from dataclasses import asdict

from iaunet_tf.config.common import Config
from iaunet_tf.errors import InputError

# Keys that do not change what is trained; those that end in a point are whole sections.
FREE = (
    *("name", "run_dir", "on_existing", "eval."),
    *("data.root", "data.test", "data.cache", "data.cache_dir", "data.check", "data.on_corrupt"),
    *("model.weights", "model.recompute"),
    *("train.epochs", "train.strategy", "train.patience", "train.profile", "train.logger"),
)
# Keys that may change for the rest of the training, which is said.
CHANGEABLE = (
    *("loss.", "model.sync_batch_norm", "train.learning_rate", "train.schedule", "train.milestones"),
    *("train.warmup_epochs", "train.weight_decay", "train.clip_norm", "train.mining", "train.accumulate"),
    *("train.jit_compile", "replicas"),
)


def dependencies(config: Config) -> dict[str, object]:
    """What training depends on: keys of a configuration by dotted name, all but the free ones."""
    values = {}
    for section, value in asdict(config).items():
        inside = value if isinstance(value, dict) else {"": value}
        values |= {f"{section}.{name}".rstrip("."): each for name, each in inside.items()}
    # The names of further data sets, not where they are.
    values |= {key: [entry.partition("=")[0] for entry in values[key]] for key in ("data.more",) if key in values}
    return {key: value for key, value in values.items() if not _among(key, FREE)}


def check_same(
    now: dict[str, object], before: dict[str, object], where: object, say: Callable[[str], None] = print
) -> None:
    """Compares `dependencies` with those of an earlier time, from `where`, which may lack some.

    Says what changes for the rest of the training; anything else that differs is an `InputError`.
    """
    changed = [(key, now[key], before[key]) for key in now if key in before and now[key] != before[key]]
    for key, ours, theirs in sorted(changed, key=lambda each: _among(each[0], CHANGEABLE)):
        if not _among(key, CHANGEABLE):
            raise InputError(
                f"{where}: {key} is {_text(ours)} now and was {_text(theirs)} so far, and training would not go on as "
                "it began; restore it, or begin a new run with another --run_dir"
            )
        say(f"from here on, {key} is {_text(ours)} instead of {_text(theirs)}")


def _among(key, keys):
    return any(key.startswith(each) if each.endswith(".") else key == each for each in keys)


def _text(value):
    return "null" if value is None else value
