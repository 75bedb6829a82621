"""What a user states of the input of a network that others have written, since its file does not say how pixels are
prepared."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from iaunet_tf.errors import InputError
from iaunet_tf.metadata import RANGES, Metadata
from iaunet_tf.preprocessing import COLOURS, INTERPOLATIONS, SCALES
from iaunet_tf.wording import did_you_mean, either

CHOICES = {"colour": COLOURS, "scale": (*SCALES,), "interpolation": INTERPOLATIONS}
# What scales make of pixels, for people to read.
RANGE_OF = {"none": "0..255", "255": "0..1", "half": "-1..1", "imagenet": "ImageNet's mean and standard deviation"}
assert set(RANGE_OF) == set(SCALES)
SCALING = ", ".join(f"{scale} ({RANGE_OF[scale]})" for scale in CHOICES["scale"][:-1])
SCALING += f" or imagenet ({RANGE_OF['imagenet']})"
EXAMPLE = "--input.size 256x128 --input.colour rgb --input.scale imagenet --input.interpolation bilinear"


@dataclass(frozen=True, kw_only=True)
class Input:
    """The input of a network, as far as its file does not declare it, and which output is the embedding.

    Args:
        scale: a key of `iaunet_tf.preprocessing.SCALES`.
        size: height and width in pixels, `(256, 128)` or `"256x128"`; None where the file declares it.
        colour: order of the colours, `"rgb"` or `"bgr"`.
        interpolation: how images are resized, `"bilinear"` or `"bicubic"`.
        output: name of the output with embeddings; None where there is one that can be it.

    Raises:
        InputError: a value is out of range.
    """

    scale: str
    size: tuple[int, int] | str | None = None
    colour: str = "rgb"
    interpolation: str = "bilinear"
    output: str | None = None

    def __post_init__(self):
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value is not None or entry.name in CHOICES:
                object.__setattr__(self, entry.name, _checked(entry.name, value, "input."))


KEYS = tuple(entry.name for entry in fields(Input))


def read_input(path: Path, given: Mapping | Input | None) -> tuple[Input, str]:
    """What is stated of the input of the network in `path`, and where, in words.

    Keys that are not `given` are those of the YAML file beside the network, `NAME.yaml`; an `Input` is whole.

    Raises:
        InputError: nothing is stated, or no scale, or there is no such key or value.
    """
    if isinstance(given, Input):
        return given, "as stated"
    if not isinstance(given, Mapping | None):
        example = '{"colour": "rgb", "scale": "imagenet"}'
        raise InputError(f"input must be a dictionary such as {example}; received {type(given).__name__}")
    beside = path.with_suffix(".yaml")
    there = _read(beside) if beside.is_file() else {}
    given = _all_checked(given or {}, "input.")
    values = {**there, **given}
    if not values:
        raise InputError(
            f"{path}: was not exported by iaunet-tf, so that its input must be stated, for example {EXAMPLE}; or "
            f'input={{"colour": "rgb", "scale": "imagenet"}} in Python, or these keys in {beside.name} beside it'
        )
    if "scale" not in values:
        raise InputError(f"{path}: state what it expects of pixels, by input.scale: {SCALING}")
    origin = "as stated" if given or not there else f"stated in {beside.name}"
    return Input(**values), f"{origin}, and in {beside.name}" if given and there else origin


def refuse_input(path: object, given: Mapping | Input | None) -> None:
    """Refuses what is stated of the input of a network that says it itself."""
    if given:
        raise InputError(f"{path}: is a network of iaunet-tf, and says itself what its input is; leave input out")


def in_words(metadata: Metadata) -> str:
    """The input of a network for people to read, such as `256x128, bgr, 0..255, bilinear`."""
    size = f"{metadata.height}x{metadata.width}"
    return f"{size}, {metadata.colour}, {RANGE_OF[metadata.scale]}, {metadata.interpolation}"


def _read(path):
    from iaunet_tf.config.yaml_files import read_yaml

    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: states no input: its keys are {', '.join(KEYS)}")
    return _all_checked(content, f"{path}: ")


def _all_checked(values, place):
    for key in values:
        if key not in KEYS:
            hint = did_you_mean(str(key), KEYS) or f"; there are {', '.join(KEYS)}"
            raise InputError(f"{place}{key!s:.40} is no key of an input{hint}")
    return {key: _checked(key, value, place) for key, value in values.items()}


def _checked(key, value, place):
    """A value as `Input` has it."""
    if key == "scale" and value == 255 and not isinstance(value, str):
        value = "255"  # YAML reads a number
    if key == "size":
        return _size(value, place)
    if key == "output":
        if isinstance(value, str) and value:
            return value
        wanted = "the name of an output"
    elif isinstance(value, str) and value in CHOICES[key]:
        return value
    else:
        wanted = either(CHOICES[key])
    raise InputError(f"{place}{key} must be {wanted}; received {value!r:.40}")


def _size(value, place):
    found = re.fullmatch(r"([0-9]{1,5})[x×]([0-9]{1,5})", value) if isinstance(value, str) else None
    size = tuple(map(int, found.groups())) if found else tuple(value) if isinstance(value, list | tuple) else ()
    limits = RANGES["height"], RANGES["width"]
    whole = len(size) == 2 and all(type(side) is int for side in size)
    if whole and all(low <= side <= high for side, (low, high) in zip(size, limits, strict=True)):
        return size
    raise InputError(f"{place}size must be height x width, such as 256x128, 16 to 4096 each; received {value!r:.40}")
