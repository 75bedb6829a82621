"""Loading of weights into a network: either succeeds completely or changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.weights.imagenet import find_weights
from iaunet_tf.weights.names import image_name, named_variables, to_keras
from iaunet_tf.weights.reading import read_state_dict

# Ignored tensors: counters of PyTorch's batch norms, and torchvision's and timm's ImageNet classifiers.
IGNORED = ("num_batches_tracked", "fc.weight", "fc.bias")
CLASSIFIER = ("classifier.weight", "classifier.bias")
# Layers that a backbone's checkpoint does not contain and that may keep their initial weights.
HEAD = ("bn.", "classifier.", "IAU2.", "IAU3.", "layer2.4.", "layer3.6.")


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

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} tensors loaded"]
        for title in ("missing", "unexpected", "skipped", "warnings"):
            if entries := getattr(self, title):
                more = f" and {len(entries) - 6} more" if len(entries) > 6 else ""
                lines.append(f"{title}: {', '.join(entries[:6])}{more}")
        return "\n".join(lines)


def load_weights(
    model: keras.Model, path: str | Path, partial: bool = False, say: Callable[[str], None] = print
) -> LoadReport:
    """Loads a checkpoint into an image or video network created by `IAUNet`.

    Reads `.pth`, `.pth.tar`, `.pt` (PyTorch) and `.safetensors` files with the tensor names of the
    authors, torchvision or timm, with or without the prefix `module.`, and `.keras` and
    `.weights.h5` files of the same architecture. A classifier for another number of identities is
    skipped. A backbone's checkpoint leaves the embedding, the classifier and the blocks unchanged.

    Args:
        model: the network; unchanged if an error is raised.
        path: the file, or `"imagenet"` for torchvision's ResNet-50, which is downloaded on first use.
        partial: load the tensors that fit and leave the others unchanged.
        say: called with the text of the report.

    Raises:
        InputError: the file cannot be read, or has other tensors or shapes than the network.
    """
    path = find_weights(path)
    if path.name.endswith(".weights.h5"):
        report = _load_h5(model, path, partial)
    else:
        report = _load_named(model, path, read_state_dict(path), partial)
    say(f"{path}: {report}")
    return report


def _load_named(model, path, state, partial):
    state = {image_name(name): array for name, array in state.items() if not name.endswith(IGNORED)}
    variables = named_variables(model)
    report, values, wrong = LoadReport(), {}, []
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
    optional = CLASSIFIER if "bn.weight" in state else HEAD
    needed = [name for name in report.missing if not name.startswith(optional)]
    if not values or (not partial and len(needed) > len(variables) / 2):
        raise InputError(f"{path}: has another architecture: {_looks_like(state)}")
    if wrong and not partial:
        raise InputError(f"{path}: {len(wrong)} tensors do not fit, the first: {wrong[0]}; --partial loads the others")
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
        return f"it looks like a ResNet of {kind} blocks, {blocks} of them in stage 3"
    return f"its tensors are named like {', '.join(names[:3])}"


def _load_h5(model, path, partial):
    before = model.get_weights()
    try:
        model.load_weights(path, skip_mismatch=partial)
    except Exception as error:  # h5py and Keras raise various exceptions for damaged or foreign files
        model.set_weights(before)
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: damaged or another architecture ({reason})") from None
    return LoadReport(loaded=list(named_variables(model)))
