"""Loading of weights into a network: either succeeds completely or changes nothing."""

import re
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import keras
import numpy as np

from iaunet_tf.blocks import KINDS
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.weights.finding import find_weights
from iaunet_tf.weights.names import canonical, named_entries
from iaunet_tf.weights.reading import read_state_dict

# Endings of ignored tensors: counters of PyTorch's batch norms, other toolboxes' classifiers and statistics of pixels.
IGNORED = (
    "num_batches_tracked",
    "fc.weight",
    "fc.bias",
    "heads.weight",
    ".classifier.weight",
    "pixel_mean",
    "pixel_std",
)
CLASSIFIER = ("classifier.weight", "classifier.bias", "centres.centres")  # of other identities
HEAD = ("embedding", "classifier", "centres", "projection", "pool")
# The beginnings of the names of blocks' tensors.
BLOCK = re.compile(rf"IAU\d\.|layer[14]\.3\.|layer2\.4\.|layer3\.6\.|[^.]*_({'|'.join(KINDS)})\.")


@dataclass(frozen=True)
class LoadReport:
    """Result of loading a checkpoint: names of tensors, and what is wrong with them.

    A classifier for another number of identities is `skipped`, with the reason.
    """

    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # in the network, but not in the file
    unexpected: list[str] = field(default_factory=list)  # in the file, but not in the network
    skipped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)  # other problems
    new: list[str] = field(default_factory=list)  # those of the missing ones whose whole block or part of the head is
    stripped: str = ""  # from the names in the file

    @property
    def anew(self) -> dict[str, int]:
        """Kinds of parts that start anew, and their numbers of tensors."""
        return dict(Counter(_part(name) if _part(name) in HEAD else "blocks" for name in self.new))

    def __str__(self) -> str:
        stripped = f", without {self.stripped} in their names" if self.stripped else ""
        lines = [f"{len(self.loaded)} tensors loaded{stripped}"]
        if self.anew:
            parts = ", ".join(f"{part} ({count} tensors)" for part, count in self.anew.items())
            lines.append(f"not in the file, and start anew: {parts}")
        for title in ("missing", "unexpected", "skipped", "warnings"):
            entries = getattr(self, title)
            if title == "missing":
                entries = [entry for entry in entries if entry not in self.new]
            if entries:
                more = f" and {len(entries) - 6} more" if len(entries) > 6 else ""
                lines.append(f"{title}: {', '.join(entries[:6])}{more}")
        return "\n".join(lines)


def load_weights(
    model: keras.Model, path: str | PathLike, partial: bool = False, say: Callable[[str], None] = print
) -> LoadReport:
    """Loads a checkpoint into an image or video network created by `IAUNet`.

    Reads `.pth`, `.pth.tar`, `.pt` (PyTorch) and `.safetensors` files with the tensor names of the
    authors, torchvision or timm, within other dictionaries and modules (`model`, `module.`, `backbone.`, ...), and
    `.keras` and `.weights.h5` files of the same architecture. A classifier for another number of identities is
    skipped. The blocks, the embedding and the classifier stay unchanged if the file contains nothing of them.

    Args:
        model: the network; unchanged if an error is raised.
        path: the file, or `"imagenet"` for torchvision's ResNet-50, which is downloaded on first use.
        partial: load the tensors that fit and leave the others unchanged.
        say: called with the text of the report.

    Raises:
        InputError: the file cannot be read, or has other tensors or shapes than the network.
    """
    path = find_weights(path)
    if not isinstance(model, keras.Model):
        raise InputError(f"load_weights takes a keras.Model first; received {type(model).__name__}")
    if path.name.endswith(".weights.h5"):
        report = _load_h5(model, path, partial)
    else:
        report = _load_named(model, path, *read_state_dict(path), partial)
    say(f"{path}: {report}")
    return report


def check_weights(weights: str | Path, width: float) -> None:
    """Makes sure, before long work, that a file contains a ResNet-50 of a width."""
    path = find_weights(weights)
    if path.name.endswith(".h5"):  # has no names to tell
        return
    state, _ = read_state_dict(path)
    if "conv1.weight" not in state or "layer1.0.conv3.weight" not in state:
        raise InputError(f"{path}: has another architecture: {_looks_like(state)}")
    found, needed = state["conv1.weight"].shape, (int(64 * width), 3, 7, 7)
    if found != needed:
        raise InputError(f"{path}: conv1.weight is {found}, and {needed} in a network of model.width {width}")


def _load_named(model, path, state, stripped, partial):
    state = {name: array for name, array in state.items() if not name.endswith(IGNORED)}
    entries = named_entries(model)
    names, _ = canonical(entries)
    entries = dict(zip(names, entries.values(), strict=True))
    report, values, wrong = LoadReport(stripped=stripped), {}, []
    for name, entry in entries.items():
        if name not in state:
            report.missing.append(name)
            continue
        variable, array = entry.variable, entry.to_keras(state[name])
        if not np.issubdtype(array.dtype, np.floating):
            wrong.append(f"{name} is {array.dtype}, not floating point")
        elif array.shape != tuple(variable.shape):
            difference = f"{name} is {state[name].shape} in the file, {tuple(variable.shape)} in the network"
            (report.skipped if name in CLASSIFIER else wrong).append(difference)
        else:
            values[name] = array
            if not np.isfinite(array).all():
                report.warnings.append(f"{name} is not finite")
    report.unexpected.extend(sorted(set(state) - set(entries)))
    there = set(map(_part, state))
    report.new.extend(name for name in report.missing if _part(name) and _part(name) not in there)
    needed = [name for name in report.missing if name not in CLASSIFIER and name not in report.new]
    if not values or (not partial and len(needed) > len(entries) / 2):
        raise InputError(f"{path}: has another architecture: {_looks_like(state)}")
    if wrong and not partial:
        raise InputError(f"{path}: {len(wrong)} tensors do not fit, the first: {wrong[0]}; --partial loads the others")
    if needed and not partial:
        raise InputError(
            f"{path}: {len(needed)} of the network's {len(entries)} tensors are missing, the first: {needed[0]} "
            f"({_looks_like(state)}); --partial loads the others"
        )
    report.warnings.extend(wrong)
    for name, array in values.items():
        entries[name].variable.assign(array.astype("float32"))
    report.loaded.extend(values)
    return report


def _part(name):
    """The block, or the part of the head, that a tensor belongs to: what may keep its initial weights as a whole."""
    if block := BLOCK.match(name):
        return block[0]
    first = "embedding" if name.startswith("bn.") else name.partition(".")[0]
    return first if first in HEAD else None


def _looks_like(state):
    names = list(state)
    if any(name.startswith("IAU") for name in names):
        return "it looks like IAUnet"
    if any(name.startswith("layer2.4.W") for name in names):
        return "it looks like IANet"
    if "layer1.0.conv1.weight" in state:
        blocks = len({name.split(".")[1] for name in names if name.startswith("layer3.")})
        kind = "bottleneck" if "layer1.0.conv3.weight" in state else "basic"
        return f"it looks like a ResNet of {kind} blocks, {blocks} of them in stage 3"
    return f"its tensors are named like {', '.join(names[:3])}"


def _load_h5(model, path, partial):
    before = model.get_weights()
    variables = {name: entry.variable for name, entry in named_entries(model).items()}
    old = {name: np.array(variable) for name, variable in variables.items()}
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            model.load_weights(path, skip_mismatch=partial)
    except Exception as error:  # h5py and Keras raise various exceptions for damaged or foreign files
        model.set_weights(before)
        raise InputError(f"{path}: damaged or another architecture ({reason_of(error, 200)})") from None
    if not said:
        return LoadReport(loaded=list(variables))
    changed = [name for name, variable in variables.items() if (np.array(variable) != old[name]).any()]
    if not changed:
        raise InputError(f"{path}: has another architecture: nothing in it fits")
    return LoadReport(loaded=changed, warnings=["layers of other shapes are unchanged"])
