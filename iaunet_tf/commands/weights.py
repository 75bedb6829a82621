"""`iaunet weights list|show NAME|SOURCE TARGET`: published networks, and conversion of checkpoints."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from iaunet_tf.blocks import RESNET50_DEPTHS
from iaunet_tf.commands.arguments import Parser, output
from iaunet_tf.errors import InputError
from iaunet_tf.terminal import quietly
from iaunet_tf.weights.pretrained import PRETRAINED
from iaunet_tf.wording import did_you_mean

BOTTLENECK = re.compile(r"layer(\d)\.\d+\.conv1\.weight")
ABOUT = """
    Converts a checkpoint: PyTorch, safetensors or .keras to .keras, .weights.h5 or .safetensors. iaunet weights list
    prints the published networks that there are, iaunet weights show NAME what is known of one.
"""


def main(arguments: Sequence[str]) -> None:
    """Lists published networks, shows one, or converts a checkpoint."""
    if list(arguments) == ["list"]:
        print_list()
    elif arguments[:1] == ["show"]:
        if len(arguments) != 2:
            raise InputError("iaunet weights show takes one name of those that iaunet weights list prints")
        print_card(arguments[1])
    else:
        _convert(arguments)


def print_list() -> None:
    """Prints a line for each published network."""
    rows = [("NAME", "NETWORK", "TRAINED ON", "RANK-1 / MAP THERE, %")]
    for name, entry in PRETRAINED.items():
        rows.append(
            (name, entry.network, re.split("[,:]", entry.trained_on)[0], entry.figures or "a start for training")
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print("\niaunet weights show NAME tells more; iaunet_tf.from_pretrained(NAME) builds the network.")


def print_card(name: str) -> None:
    """Prints what is known of a published network."""
    if name not in PRETRAINED:
        hint = did_you_mean(name, PRETRAINED) or "; iaunet weights list prints their names"
        raise InputError(f"there is no pretrained network {name!r}{hint}")
    with quietly():
        from iaunet_tf.models.networks import NETWORKS, build_network
    from iaunet_tf.preprocessing import SCALES

    entry = PRETRAINED[name]
    network, model = NETWORKS[entry.network], build_network(entry.network)
    height, width = network.size
    mean, std = SCALES[network.scale]
    path = Path(entry.by_hand).expanduser()
    if entry.sha256:
        fetched = f"downloaded on first use from the Hugging Face Hub, {entry.repository}"
    else:
        fetched = "no digest is known, so that it is not downloaded: fetch it from that page"
    lines = {
        "network": f"{entry.network}, {model.count_params():,} parameters",
        "embedding": f"{model.output['embedding'].shape[-1]} numbers",
        "input": f"{height}x{width}, RGB, resized by Pillow ({network.interpolation})",
        "normalised": f"inside: (pixel / 255 - mean) / std, mean {mean}, std {std}",
        "trained on": entry.trained_on,
        "figures": f"{entry.figures} (rank-1 / mAP in %, its authors')"
        if entry.figures
        else "none: a start for training",
        "licence": entry.licence,
        "page": entry.page,
        "file": entry.file,
        "SHA-256": entry.sha256 or "not known",
        "how to get it": f"{fetched}; or put it by hand at {path}{' (it is there)' if path.is_file() else ''}",
        "Python": f'iaunet_tf.from_pretrained("{name}")',
        "training": f"iaunet train --model.backbone {entry.network} --model.weights {name} ...",
    }
    print(name)
    for title, text in lines.items():
        print(f"  {title:15}{text}")


def _convert(arguments):
    parser = Parser("weights", " ".join(ABOUT.split()))
    parser.add_argument("source", help=".pth, .pth.tar, .pt, .safetensors or .keras; or a name of iaunet weights list")
    parser.add_argument(
        "target", type=output, help=".keras, .weights.h5 or .safetensors (with the authors' PyTorch names)"
    )
    for name in ("height", "width"):
        help = f"input {name} of the network in pixels, by default that of a .keras file, else the network's usual one"
        parser.count(f"--{name}", 16, 4096, None, help)
    parser.add_argument("--network", help="which network it is of, if its tensors' names do not tell")
    parser.switch("--partial", False, "load what fits; the rest keeps its random initial values")
    options = parser.parse(arguments)
    convert(options.source, options.target, options.height, options.width, options.partial, options.network)


def convert(
    source: str | Path,
    target: str | Path,
    height: int | None = None,
    width: int | None = None,
    partial: bool = False,
    network: str | None = None,
) -> None:
    """Builds the network that the tensors of `source` belong to, loads them and saves it to `target`."""
    with quietly():
        from iaunet_tf.models.networks import build_network, network_of
    from iaunet_tf.weights import find_weights, load_weights, save_weights
    from iaunet_tf.weights.keras_files import read_keras
    from iaunet_tf.weights.reading import read_state_dict
    from iaunet_tf.weights.recognising import recognise
    from iaunet_tf.weights.saving import check_target

    check_target(target)
    # ImageNet's weights are those of IAUNet's own baseline, which the tensors' names tell.
    if network is None and str(source) in PRETRAINED and str(source) != "imagenet":
        network = PRETRAINED[str(source)].network
    if network is not None:
        network_of(network)
    source = find_weights(source)
    own = read_keras(source).inputs[0].shape[-3:-1] if source.suffix == ".keras" else None
    state, stripped = read_state_dict(source)
    network = network or recognise(state, stripped)
    own = own or (network_of(network).size if network else (256, 128))
    shape = (height or own[0], width or own[1], 3)
    classifier = state.get("classifier.weight")
    classes = len(classifier) if classifier is not None and classifier.ndim == 2 else None
    if network:
        print(f"{source}: weights of {network}")
        model = build_network(network, classes, shape)
    else:
        model = _iaunet(source, state, classes, shape)
    load_weights(model, source, partial)
    save_weights(model, target)
    print(f"written: {target}")


def _iaunet(source, state, classes, shape):
    """The network of `IAUNet` that tensors belong to."""
    from iaunet_tf.models import IAUNet

    kernel = state.get("conv1.weight", np.empty(0))
    if kernel.ndim != 4 or kernel.shape[1:] != (3, 7, 7) or kernel.shape[0] % 2 or kernel.shape[0] > 512:
        raise InputError(
            f"{source}: contains no conv1.weight (64, 3, 7, 7), so it is not a ResNet, nor a network of "
            f"another toolbox that is known here; its first tensor is {next(iter(state), None)}"
        )
    attention = state.get("IAU2.sa.conv.conv.weight")
    depths = Counter(match[1] for match in map(BOTTLENECK.fullmatch, state) if match)
    try:
        return IAUNet(
            num_classes=classes,
            input_shape=shape,
            video=attention is not None and attention.ndim == 5,
            block="iau" if attention is not None else "ia" if "layer2.4.W1.weight" in state else None,
            width=len(kernel) / 64,
            depths=[depths[str(stage)] or usual for stage, usual in enumerate(RESNET50_DEPTHS, 1)],
        )
    except ValueError as error:
        raise InputError(f"{source}: {error}") from None
