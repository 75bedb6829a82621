"""Configuration files: read strictly, written completely, with the names of older versions."""

import os
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import get_loader, set_loader

from iaunet_tf.config.common import Config
from iaunet_tf.config.yaml_files import read_yaml
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing

# In the package where it is installed, beside it in a clone.
CONFIGS = next(above / "configs" for above in Path(__file__).parents[1:3] if (above / "configs").is_dir())
# Names of older versions.
OLD_KEYS = {"data.split": "data.fold", "model.blocks_after": "model.blocks"}
OLD_VALUES = {
    "data.name": {"embedded": "synthetic", "embedded_video": "synthetic_tracklets"},
    "data.masks": {"auto": "files"},
}


def _read_value(text):
    """jsonargparse's reading of a value, which is YAML again, even in a string of a file; without aliases, too."""
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
        raise yaml.YAMLError("has an alias")
    return get_loader("yaml")(text)


set_loader("without aliases", _read_value, (yaml.YAMLError,))


def find_config(name: str) -> Path:
    """The configuration file that `--config` names: a path, or else one of iaunet-tf's by its name there, such as
    `configs/market1501.yaml`, which is said.

    Raises:
        InputError: it is neither.
    """
    path = Path(name)
    if os.path.lexists(path):
        return path
    ours = {f"configs/{file.name}": file for file in sorted(CONFIGS.glob("*.yaml"))}
    if path.as_posix() not in ours:
        raise InputError(f"{name}: no such file, and none of iaunet-tf's own, which are {', '.join(ours)}")
    print(f"{name}: not in this folder; it is iaunet-tf's own, {ours[path.as_posix()]}")
    return ours[path.as_posix()]


def read_file(path: Path) -> dict[str, object]:
    """Reads a configuration file as values by dotted key, with today's names."""
    content = read_yaml(path, "; name a configuration file by --config") or {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: is not a configuration of sections and keys")
    values = {}
    for section, value in content.items():
        inside = value if isinstance(value, dict) else {"": value}
        for name, each in inside.items():
            key = f"{section}.{name}".rstrip(".")
            key = OLD_KEYS.get(key, key)
            if key in values:  # as in `train: {epochs: 3}` and `train.epochs: 4`
                raise InputError(f"{path}: {key} is given twice")
            values[key] = each
    for key, value in values.items():
        plain = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str | int | float | None) for each in plain):
            raise InputError(f"{path}: {key:.60} is neither a value nor a list of values")
    return {key: new_value(key, value) for key, value in values.items()}


def new_value(key: str, value: Any) -> Any:
    """Today's name of a data set, alone or in `NAME=ROOT`, or of a kind of masks."""
    if key in ("data.more", "data.test") and isinstance(value, list):
        parts = [str(each).partition("=") for each in value]
        return [new_value("data.name", name) + equals + root for name, equals, root in parts]
    return OLD_VALUES.get(key, {}).get(value, value) if isinstance(value, str) else value


def save_config(config: Config, path: Path) -> None:
    """Writes every key, so that `--config path` repeats the run."""
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(asdict(config), sort_keys=False))


def keys(config_class: Any, prefix: str = "") -> dict[str, type]:
    """Dotted names of all keys of a configuration, and what each takes."""
    found = {}
    for entry in fields(config_class):
        if is_dataclass(entry.type):
            found |= keys(entry.type, f"{prefix}{entry.name}.")
        else:
            found[prefix + entry.name] = entry.type
    return found
