"""Public names that load on first use."""

import importlib
from collections.abc import Callable

from iaunet_tf.extras import needed


def lazily(package: str, homes: dict[str, str]) -> Callable[[str], object]:
    """A package's `__getattr__` that imports public names from their homes when asked for them."""

    def attribute(name):
        if name in homes:
            with needed(f"{package}.{name}"):
                return getattr(importlib.import_module(homes[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return attribute
