"""The options on a network in a file: its runtime, and the input of one of others."""

import argparse
from collections.abc import Sequence

from iaunet_tf.commands.arguments import Parser
from iaunet_tf.errors import InputError
from iaunet_tf.inference.onnx_runtimes import RUNTIMES
from iaunet_tf.inference.stated import CHOICES, KEYS
from iaunet_tf.wording import did_you_mean

PREFIX = "input."
HELP = {
    "size": ("HEIGHTxWIDTH", "size of its images in pixels, such as 256x128, where its file does not declare it"),
    "colour": ("|".join(CHOICES["colour"]), "order of its colours (default: rgb)"),
    "scale": (
        "|".join(CHOICES["scale"]),
        "what it expects of pixels: none 0..255, 255 0..1, half -1..1, imagenet ImageNet's mean and standard deviation",
    ),
    "interpolation": ("|".join(CHOICES["interpolation"]), "how images are resized for it (default: bilinear)"),
    "output": ("NAME", "its output that is the embedding, where there are several"),
}


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--input.size` and so on, each of them text or None, and `--runtime`."""
    for key in KEYS:
        metavar, help = HELP[key]
        parser.add_argument(f"--{PREFIX}{key}", metavar=metavar, help=f"of a network of others: {help}")
    runtime_help = (
        "of an .onnx file: auto (default) takes OpenVINO for an iaunet-tf network on a CPU, if it is installed, faster "
        "there, and keeps embeddings within a cosine of 0.001; otherwise ONNX Runtime"
    )
    parser.add_argument("--runtime", default=RUNTIMES[0], metavar="|".join(RUNTIMES), help=runtime_help)


def stated_input(given: argparse.Namespace) -> dict[str, str]:
    """What is stated by these options."""
    options = {key: getattr(given, f"{PREFIX}{key}") for key in KEYS}
    return {key: value for key, value in options.items() if value is not None}


def take_input(words: Sequence[str]) -> tuple[dict[str, str], str, list[str]]:
    """What is stated on a command line, the runtime, and the words that belong to something else."""
    parser = Parser("evaluate", add_help=False)
    add_input_options(parser)
    given, rest = parser.parse_known_args(list(words))
    for word in rest:
        if word.startswith("--input"):
            names = [f"--{PREFIX}{key}" for key in KEYS]
            name = word.partition("=")[0]
            hint = did_you_mean(name, names) or f"; there are {', '.join(names)}"
            raise InputError(f"there is no option {name}{hint}")
    return stated_input(given), given.runtime, rest
