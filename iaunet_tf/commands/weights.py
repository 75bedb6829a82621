"""`iaunet weights SOURCE TARGET`: converts a checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from iaunet_tf.commands.arguments import Parser, output
from iaunet_tf.errors import InputError
from iaunet_tf.terminal import quietly


def main(arguments: Sequence[str]) -> None:
    """Converts a checkpoint: PyTorch, safetensors or .keras to .keras, .weights.h5 or .safetensors."""
    parser = Parser("weights", main.__doc__)
    parser.add_argument("source", help=".pth, .pth.tar, .pt, .safetensors or .keras; or imagenet")
    parser.add_argument(
        "target", type=output, help=".keras, .weights.h5 or .safetensors (with the authors' PyTorch names)"
    )
    for name, default in (("height", 256), ("width", 128)):
        help = f"input {name} of the network in pixels, by default that of a .keras file, else {default}"
        parser.count(f"--{name}", 16, 4096, None, help)
    parser.switch("--partial", False, "load what fits; the rest keeps its random initial values")
    options = parser.parse(arguments)
    convert(options.source, options.target, options.height, options.width, options.partial)


def convert(
    source: str | Path,
    target: str | Path,
    height: int | None = None,
    width: int | None = None,
    partial: bool = False,
) -> None:
    """Builds the network that the tensors of `source` belong to, loads them and saves it to `target`."""
    with quietly():
        from iaunet_tf.models import IAUNet
    from iaunet_tf.inference.keras_files import load_model
    from iaunet_tf.weights import find_weights, load_weights, save_weights
    from iaunet_tf.weights.reading import read_state_dict
    from iaunet_tf.weights.saving import check_target

    check_target(target)
    source = find_weights(source)
    own = load_model(source).inputs[0].shape[-3:-1] if source.suffix == ".keras" else (256, 128)
    state, _ = read_state_dict(source)
    kernel = state.get("conv1.weight", np.empty(0))
    if kernel.ndim != 4 or kernel.shape[1:] != (3, 7, 7) or kernel.shape[0] % 2 or kernel.shape[0] > 512:
        raise InputError(
            f"{source}: contains no conv1.weight (64, 3, 7, 7), so it is not a ResNet; its first tensor is "
            f"{next(iter(state), None)}"
        )
    classifier = state.get("classifier.weight")
    attention = state.get("IAU2.sa.conv.conv.weight")
    try:
        model = IAUNet(
            num_classes=len(classifier) if np.ndim(classifier) == 2 else None,
            input_shape=(height or own[0], width or own[1], 3),
            video=attention is not None and attention.ndim == 5,
            block="iau" if attention is not None else "ia" if "layer2.4.W1.weight" in state else None,
            width=len(kernel) / 64,
        )
    except ValueError as error:
        raise InputError(f"{source}: {error}") from None
    load_weights(model, source, partial)
    save_weights(model, target)
    print(f"written: {target}")
