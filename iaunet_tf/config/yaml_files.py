"""YAML files, read strictly."""

import re
from pathlib import Path

import yaml

from iaunet_tf.errors import InputError, reason_of

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


def read_yaml(path: Path, remedy: str = "") -> object:
    """The content of a YAML file; `remedy` ends the message about one that cannot be opened.

    Raises:
        InputError: it cannot be opened, is too long or no YAML, or has duplicate keys or aliases.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}{remedy}") from None
    if len(text) > LARGEST:
        raise InputError(f"{path}: is longer than {LARGEST} bytes, which no configuration is")
    try:
        return yaml.load(text.decode(), _Loader)  # _Loader is a SafeLoader
    except Exception as error:  # beside its own exceptions, yaml raises those of Python for values like !!int ""
        raise InputError(f"{path}: is not a readable YAML file ({reason_of(error)})") from None
