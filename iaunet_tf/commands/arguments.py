"""One style of options for all commands: `--long_name VALUE`, and `true` or `false` for switches."""

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from iaunet_tf.errors import InputError
from iaunet_tf.wording import did_you_mean, either


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` with mistakes of one line, which takes `--long-name` for `--long_name`."""

    def __init__(self, command: str, description: str | None = None, add_help: bool = True):
        super().__init__(prog=f"iaunet {command}", description=description, allow_abbrev=False, add_help=add_help)

    def print_help(self, file=None) -> None:
        """Prints the help; argparse would take it as done where it cannot be written."""
        print(self.format_help(), end="", file=file)

    def switch(self, name: str, default: bool, help: str) -> None:
        """Adds an option that is true or false; alone it means true."""
        self.add_argument(name, nargs="?", const=True, default=default, type=_boolean, metavar="true|false", help=help)

    def choice(self, name: str, choices: Sequence[str], help: str) -> None:
        """Adds an option with one of several values; the first one is its default."""
        takes = _checked(lambda text: text if text in choices else None, either(choices))
        self.add_argument(name, type=takes, default=choices[0], metavar="|".join(choices), help=help)

    def count(self, name: str, low: int, high: int, default: int | None, help: str) -> None:
        """Adds an option that takes a whole number from `low` to `high`; None as default is left to `help`."""
        takes = _checked(lambda text: _count(text, low, high), f"a whole number from {low} to {high}")
        help += f" ({low} to {high}{'' if default is None else f'; default: {default}'})"
        self.add_argument(name, type=takes, default=default, metavar="N", help=help)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Reads the command line; a mistake in it is an `InputError`."""
        given, rest = self.parse_known_args([with_underscores(word) for word in arguments])
        for word in rest:
            if not word.startswith("-"):
                raise InputError(f"{word}: belongs to no option; {self._see_help}")
            name = word.lstrip("-").partition("=")[0]
            options = {option.lstrip("-"): option for action in self._actions for option in action.option_strings}
            hint = did_you_mean(name, options, options) or f"; {self._see_help}"
            raise InputError(f"there is no option --{name}{hint}")
        return given

    @property
    def _see_help(self):
        return f"{self.prog} --help explains its options"

    def error(self, message):
        if message.startswith("argument "):
            raise InputError(message.removeprefix("argument ").replace(": must", " must", 1))
        raise InputError(f"{message.replace('the following arguments are required', 'missing')}; {self._see_help}")


def output(name: str) -> Path:
    """The type of an option that names what to write: refuses, before long work, a place where nothing can be."""
    path = Path(name)
    if not path.absolute().name:
        raise argparse.ArgumentTypeError(f"{name} cannot be written: choose a name below it")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise argparse.ArgumentTypeError(f"{name} cannot be written: {folder} is not a folder that you may write to")
    return path


def choose(command: str, what: str, choices: Iterable[str], arguments: Sequence[str], usage: str) -> str | None:
    """Reads the first argument of a command that has several kinds; None if it asked for help, which is printed.

    `what` names that argument in messages, `usage` shows those that follow it.
    """
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"usage: iaunet {command} {{{','.join(choices)}}} {usage}; each explains its options")
        return None
    if arguments and arguments[0] not in choices and not arguments[0].startswith("-"):
        hint = did_you_mean(arguments[0], choices) or f"; choose {either(choices)}"
        raise InputError(f"iaunet {command} has no {what} {arguments[0]}{hint}")
    if not arguments or arguments[0] not in choices:
        example = f"iaunet {command} {next(iter(choices))} {usage.split()[0]}"
        raise InputError(f"iaunet {command} needs a {what} first: {', '.join(choices)}, such as {example}")
    return arguments[0]


def with_underscores(word: str) -> str:
    """An option's name with underscores for hyphens; other words stay."""
    name, equals, value = word.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value if name.startswith("--") else word


def _checked(convert, takes):
    """The type of an option: what `convert` makes of its text, unless that is None."""

    def check(text):
        value = convert(text)
        if value is None:
            raise argparse.ArgumentTypeError(f"must be {takes}; received {text or 'nothing'}")
        return value

    return check


_boolean = _checked(lambda text: {"true": True, "false": False}.get(text.lower()), "true or false")


def _count(text, low, high):
    try:
        return int(text) if low <= int(text) <= high else None
    except ValueError:
        return None
