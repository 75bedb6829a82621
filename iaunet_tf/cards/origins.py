"""What a network began with: published weights, another run, a file; and who taught it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iaunet_tf.config.common import Config
from iaunet_tf.config.stored import stored_config
from iaunet_tf.errors import InputError
from iaunet_tf.run import Run
from iaunet_tf.weights.pretrained import PRETRAINED

DEEPEST = 16  # a run that began with a run, and so on
KERAS = "ImageNet weights of keras.applications"


@dataclass(frozen=True)
class Origin:
    """Where what a network knows comes from, besides its training data.

    Attributes:
        role: `"weights"` that training began with, or a `"teacher"`.
        what: a name for it, without folders.
        trained_on: what that was trained on.
        licence: what is said of its use.
        sets: data sets of iaunet-tf that it was trained on, by the names of their readers.
    """

    role: str
    what: str
    trained_on: str
    licence: str
    sets: tuple[str, ...] = ()


def origins_of(run: Run, config: Config, deep: int = 0) -> Iterator[Origin]:
    """What the network of a run comes from, and what that comes from in turn, where it is another run."""
    first = Run(run.path / "round-1")  # of an adaptation, which says nothing of it in its own configuration
    if first.config.is_file() and deep < DEEPEST:
        config = stored_config(first.path)
    teacher = getattr(config.loss, "teacher", None)
    for role, source in (("weights", config.model.weights), ("teacher", teacher)):
        if source and deep < DEEPEST:
            yield from _origin(role, source, config, deep)


def _origin(role, source, config, deep):
    backbone = config.model.backbone
    if role == "weights" and source == "imagenet" and (config.task != "reid" or backbone not in ("iaunet", "resnet50")):
        licence = "see keras.applications on these weights; ImageNet's images are for research only"
        yield Origin(role, f"{KERAS} for {backbone}", "ImageNet", licence)
        return
    path = Path(source)
    if source in PRETRAINED:
        entry, what = PRETRAINED[source], f"{source}, {PRETRAINED[source].page}"
    else:
        entry = next((each for each in PRETRAINED.values() if path.name in (each.file, each.own_name)), None)
        what = f"a file called {path.name}, as that of a published network"
    if entry:
        yield Origin(role, what, entry.trained_on, entry.licence)
        return
    run = Run(path if path.is_dir() else path.parent)
    try:
        config = stored_config(run.path) if path.is_dir() or path.name == run.model.name else None
    except InputError:  # no run, or none that can be read
        config = None
    if config is None:
        yield Origin(role, f"a file called {path.name}", "not known here", "not known here")
        return
    sets = (config.data.name, *(entry.partition("=")[0] for entry in getattr(config.data, "more", ())))
    yield Origin(role, f"the run {run.path.name}", ", ".join(sets), "that of its data and of what it began with", sets)
    yield from origins_of(run, config, deep + 1)
