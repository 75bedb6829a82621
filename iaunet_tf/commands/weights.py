"""`iaunet weights SOURCE TARGET`: converts a checkpoint."""

from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.commands.arguments import Parser
from iaunet_tf.errors import InputError
from iaunet_tf.terminal import quietly


def main(arguments: Sequence[str]) -> None:
    """Converts a checkpoint: PyTorch, safetensors or .keras to .keras, .weights.h5 or .safetensors."""
    parser = Parser("weights", main.__doc__)
    parser.add_argument("source", help=".pth, .pth.tar, .pt, .safetensors or .keras; or imagenet")
    parser.add_argument("target", help=".keras, .weights.h5 or .safetensors (with the authors' PyTorch names)")
    parser.add_argument("--height", type=int, default=256, help="input height of the network (default: 256)")
    parser.add_argument("--width", type=int, default=128, help="input width of the network (default: 128)")
    parser.switch("--partial", False, "load what fits; the rest keeps its random initial values")
    options = parser.parse(arguments)
    convert(options.source, options.target, (options.height, options.width, 3), options.partial)


def convert(source: str | Path, target: str | Path, input_shape: tuple[int, int, int], partial: bool = False) -> None:
    """Builds the network that the tensors of `source` belong to, loads them and saves it to `target`."""
    from iaunet_tf.weights import find_weights

    source = find_weights(source)
    with quietly():
        from iaunet_tf.models import IAUNet
    from iaunet_tf.weights import load_weights, save_weights
    from iaunet_tf.weights.names import image_name
    from iaunet_tf.weights.reading import read_state_dict

    state = {image_name(name): array for name, array in read_state_dict(source).items()}
    if "conv1.weight" not in state:
        raise InputError(
            f"{source}: contains no conv1.weight, so it is not a ResNet; its first tensor is {next(iter(state))}"
        )
    classifier = state.get("classifier.weight")
    attention = state.get("IAU2.sa.conv.conv.weight")
    model = IAUNet(
        num_classes=None if classifier is None else len(classifier),
        input_shape=input_shape,
        video=attention is not None and attention.ndim == 5,
        block="iau" if attention is not None else "ia" if "layer2.4.W1.weight" in state else None,
        width=len(state["conv1.weight"]) / 64,
    )
    load_weights(model, source, partial)
    save_weights(model, target)
    print(f"written: {target}")
