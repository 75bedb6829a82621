"""Configuration files: read strictly, written completely, with the names of older versions."""

from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import get_args

import yaml

from iaunet_tf.config.common import Config
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing

# Names of older versions.
OLD_KEYS = {"data.split": "data.fold"}
OLD_VALUES = {
    "data.name": {"embedded": "synthetic", "embedded_video": "synthetic_tracklets"},
    "data.masks": {"auto": "files"},
}


class _Loader(yaml.SafeLoader):
    """YAML without duplicate keys."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_file(path: Path) -> dict[str, object]:
    """Reads a configuration file as values by dotted key, with today's names."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader) or {}  # _Loader is a SafeLoader
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a configuration file by --config") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not a readable YAML file ({' '.join(str(error).split())[:160]})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: is not a configuration of sections and keys")
    values = {}
    for section, value in content.items():
        inside = value if isinstance(value, dict) else {"": value}
        values |= {f"{section}.{name}".rstrip("."): each for name, each in inside.items()}
    values = {OLD_KEYS.get(key, key): value for key, value in values.items()}
    return {key: new_value(key, value) for key, value in values.items()}


def new_value(key: str, value: object) -> object:
    """Today's name of a data set, alone or in `NAME=ROOT`, or of a kind of masks."""
    if key in ("data.more", "data.test") and isinstance(value, list):
        parts = [str(each).partition("=") for each in value]
        return [new_value("data.name", name) + equals + root for name, equals, root in parts]
    return OLD_VALUES.get(key, {}).get(value, value) if isinstance(value, str) else value


def save_config(config: Config, path: Path) -> None:
    """Writes every key, so that `--config path` repeats the run."""
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(asdict(config), sort_keys=False))


def keys(config_class: type, prefix: str = "") -> dict[str, bool]:
    """Dotted names of all keys of a configuration, and whether each may be null."""
    found = {}
    for entry in fields(config_class):
        if is_dataclass(entry.type):
            found |= keys(entry.type, f"{prefix}{entry.name}.")
        else:
            found[prefix + entry.name] = type(None) in get_args(entry.type)
    return found
