"""Checks of arguments before anything is built from them."""

import math
from numbers import Integral, Real
from typing import Any

from iaunet_tf.errors import InputError


def check_number(name: str, value: Any, low: float, high: float = math.inf, whole: bool = False) -> None:
    """Refuses what is not a finite number, or a whole one, in `low..high`."""
    number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= float(value) <= high:
        span = f"{low} or more" if high == math.inf else f"{low} to {high}"
        raise InputError(f"{name} must be a {'whole ' * whole}number, {span}; received {value!r}")


def at_least_one(**number: int) -> int:
    """The number given by its name, checked."""
    ((name, value),) = number.items()
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1; received {value!r}")
    return value


def check_choice(name: str, value, choices) -> None:
    """Refuses what is not among the choices."""
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        names = ", ".join(str(choice) for choice in choices)
        raise InputError(f"{name} must be one of {names}; received {value!r}")


def check_image_shape(shape, least: int) -> None:
    """Refuses what is not the `(height, width, 3)` of an image."""
    import keras

    try:
        height, width, channels = shape
        check_number("height", height, least, 4096, whole=True)
        check_number("width", width, least, 4096, whole=True)
        check_number("channels", channels, 3, 3, whole=True)
    except (TypeError, ValueError):
        raise InputError(
            f"input_shape must be (height, width, 3), without batch and frames, {least} to 4096 pixels each; "
            f"received {shape!r}"
        ) from None
    if keras.config.image_data_format() != "channels_last":
        raise InputError('Keras is set to channels first: keras.config.set_image_data_format("channels_last")')
