"""Weights into a network, all of them or none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.weights.imagenet import find_weights
from iaunet_tf.weights.names import image_name, named_variables, to_keras
from iaunet_tf.weights.reading import read_state_dict

# What we have no use for: counters of PyTorch's batch norms, torchvision's and timm's ImageNet classifier.
IGNORED = ("num_batches_tracked", "fc.weight", "fc.bias")
CLASSIFIER = ("classifier.weight", "classifier.bias")
# New parts that a backbone's checkpoint does not have, and that a network can start without.
HEAD = ("bn.", "classifier.", "IAU2.", "IAU3.", "layer2.4.", "layer3.6.")


@dataclass(frozen=True)
class LoadReport:
    """What became of every tensor.

    Attributes:
        loaded: names of the variables that were set.
        missing: variables that the file has nothing for.
        unexpected: tensors that the network has no place for.
        skipped: a classifier of another number of people, and why.
        warnings: other things worth a look.
    """

    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} tensors loaded"]
        for title in ("missing", "unexpected", "skipped", "warnings"):
            entries = getattr(self, title)
            if entries:
                more = f" and {len(entries) - 6} more" if len(entries) > 6 else ""
                lines.append(f"{title}: {', '.join(entries[:6])}{more}")
        return "\n".join(lines)


def load_weights(
    model: keras.Model, path: str | Path, partial: bool = False, say: Callable[[str], None] = print
) -> LoadReport:
    """Loads a checkpoint into a network of `IAUNet`, images or clips.

    `.pth`, `.pth.tar`, `.pt` (PyTorch) and `.safetensors` with the authors', torchvision's or timm's names, with or
    without `module.`; `.keras` and `.weights.h5` of the same architecture. A classifier of another number of people
    is skipped; a backbone's checkpoint leaves embedding, classifier and blocks as they are.

    Args:
        model: the network; untouched if an error is raised.
        path: the file, or `"imagenet"` for torchvision's ResNet-50, which is downloaded once.
        partial: take what fits and leave the rest as it is.
        say: takes the report.

    Raises:
        InputError: the file is unreadable or of another architecture, or a tensor is missing or of another shape.
    """
    path = find_weights(path)
    if path.name.endswith(".weights.h5"):
        report = _load_h5(model, path, partial)
    else:
        report = _load_named(model, path, read_state_dict(path), partial)
    say(f"{path}: {report}")
    return report


def _load_named(model, path, state, partial):
    state = {image_name(name): array for name, array in state.items()}
    state = {name: array for name, array in state.items() if not name.endswith(IGNORED)}
    variables = named_variables(model)
    report, values, wrong = LoadReport(), {}, []
    is_backbone = "bn.weight" not in state
    for name, variable in variables.items():
        if name not in state:
            report.missing.append(name)
            continue
        array = to_keras(state[name], len(variable.shape))
        if not np.issubdtype(array.dtype, np.floating):
            wrong.append(f"{name} is {array.dtype}, not floating point")
        elif array.shape != tuple(variable.shape):
            difference = f"{name} is {state[name].shape} in the file, {tuple(variable.shape)} in the network"
            (report.skipped if name in CLASSIFIER else wrong).append(difference)
        else:
            values[name] = array
            if not np.isfinite(array).all():
                report.warnings.append(f"{name} is not finite")
    report.unexpected.extend(sorted(set(state) - set(variables)))
    needed = [name for name in report.missing if not (is_backbone and name.startswith(HEAD)) and name not in CLASSIFIER]
    if not values or (not partial and len(needed) > len(variables) / 2):
        raise InputError(f"{path}: is of another architecture: {_looks_like(state)}")
    if wrong and not partial:
        raise InputError(f"{path}: {len(wrong)} tensors do not fit, the first: {wrong[0]}")
    if needed and not partial:
        raise InputError(
            f"{path}: {len(needed)} of the network's {len(variables)} tensors are missing, the first: {needed[0]} "
            f"({_looks_like(state)}); --partial loads the others"
        )
    report.warnings.extend(wrong)
    for name, array in values.items():
        variables[name].assign(array.astype("float32"))
    report.loaded.extend(values)
    return report


def _looks_like(state):
    names = list(state)
    if any(name.startswith("IAU") for name in names):
        return "it looks like IAUnet"
    if any(name.startswith("layer2.4.W") for name in names):
        return "it looks like IANet"
    if "layer1.0.conv1.weight" in state:
        blocks = len({name.split(".")[1] for name in names if name.startswith("layer3.")})
        kind = "bottleneck" if "layer1.0.conv3.weight" in state else "basic"
        return f"it looks like a ResNet of {kind} blocks with {blocks} of them in stage 3"
    return f"its tensors are named like {', '.join(names[:3])}"


def _load_h5(model, path, partial):
    before = model.get_weights()
    try:
        model.load_weights(path, skip_mismatch=partial)
    except Exception as error:  # whatever h5py or Keras make of a damaged or foreign file
        model.set_weights(before)
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: damaged or of another architecture ({reason})") from None
    return LoadReport(loaded=list(named_variables(model)))
