"""Configuration files: read strictly, written completely, with the names of older versions."""

import re
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path

import yaml
from jsonargparse import get_loader, set_loader

from iaunet_tf.config.common import Config
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.files import replacing

# Names of older versions.
OLD_KEYS = {"data.split": "data.fold"}
OLD_VALUES = {
    "data.name": {"embedded": "synthetic", "embedded_video": "synthetic_tracklets"},
    "data.masks": {"auto": "files"},
}
LARGEST = 1 << 20  # bytes of a configuration file, a hundred times all keys


class _Loader(yaml.SafeLoader):
    """YAML without duplicate keys, and without aliases: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            alias = self.get_event()
            problem = f"*{alias.anchor} is an alias; write the value itself"
            raise yaml.composer.ComposerError(None, None, problem, alias.start_mark)
        return super().compose_node(parent, index)

    def construct_yaml_int(self, node):
        if re.match(r"[-+]?0[0-7_]|.*:", node.value):
            problem = f"{node.value} would be read as {super().construct_yaml_int(node)}; write a plain number"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_yaml_int(node)

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _read_value(text):
    """jsonargparse's reading of a value, which is YAML again, even in a string of a file; without aliases, too."""
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
        raise yaml.YAMLError("has an alias")
    return get_loader("yaml")(text)


set_loader("without aliases", _read_value, (yaml.YAMLError,))


def read_file(path: Path) -> dict[str, object]:
    """Reads a configuration file as values by dotted key, with today's names."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a configuration file by --config") from None
    if len(text) > LARGEST:
        raise InputError(f"{path}: is longer than {LARGEST} bytes, which no configuration is")
    try:
        content = yaml.load(text.decode(), _Loader) or {}  # _Loader is a SafeLoader
    except Exception as error:  # beside its own exceptions, yaml raises those of Python for values like !!int ""
        raise InputError(f"{path}: is not a readable YAML file ({reason_of(error)})") from None
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


def keys(config_class: type, prefix: str = "") -> dict[str, type]:
    """Dotted names of all keys of a configuration, and what each takes."""
    found = {}
    for entry in fields(config_class):
        if is_dataclass(entry.type):
            found |= keys(entry.type, f"{prefix}{entry.name}.")
        else:
            found[prefix + entry.name] = entry.type
    return found
