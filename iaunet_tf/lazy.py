"""Public names that load on first use."""

import importlib
from collections.abc import Callable


def lazily(package: str, homes: dict[str, str]) -> Callable[[str], object]:
    """A package's `__getattr__` that imports a name from the module it lives in when it is first asked for.

    Args:
        package: the package's `__name__`.
        homes: from public names to modules.
    """

    def attribute(name):
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return attribute
