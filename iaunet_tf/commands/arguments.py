"""One style of options for all commands: `--long_name VALUE`, and `true` or `false` for switches."""

import argparse
from collections.abc import Iterable, Sequence

from iaunet_tf.errors import InputError


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` with mistakes of one line, which takes `--long-name` for `--long_name`."""

    def __init__(self, command: str, description: str = "", add_help: bool = True):
        super().__init__(prog=f"iaunet {command}", description=description, allow_abbrev=False, add_help=add_help)

    def switch(self, name: str, default: bool, help: str) -> None:
        """Adds an option that is true or false; alone it means true."""
        self.add_argument(name, nargs="?", const=True, default=default, type=_boolean, metavar="true|false", help=help)

    def choice(self, name: str, choices: Sequence[str], help: str | None = None) -> None:
        """Adds an option with one of several values; the first one is its default."""
        self.add_argument(name, choices=choices, default=choices[0], help=help)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Reads the command line; a mistake in it is an `InputError`."""
        return self.parse_args([with_underscores(word) for word in arguments])

    def error(self, message):
        raise InputError(f"{message}; {self.prog} --help explains its options")


def choose(command: str, what: str, choices: Iterable[str], arguments: Sequence[str], usage: str) -> str | None:
    """Reads the first argument of a command that has several kinds; None if it asked for help, which is printed.

    `what` names that argument in messages, `usage` shows those that follow it.
    """
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"usage: iaunet {command} {{{','.join(choices)}}} {usage}; each explains its options")
        return None
    if not arguments or arguments[0] not in choices:
        example = f"iaunet {command} {next(iter(choices))} {usage.split()[0]}"
        raise InputError(f"iaunet {command} needs a {what} first: {', '.join(choices)}, such as {example}")
    return arguments[0]


def with_underscores(word: str) -> str:
    """An option's name with underscores for hyphens; other words stay."""
    name, equals, value = word.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value if name.startswith("--") else word


def _boolean(text):
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise argparse.ArgumentTypeError(f"{text!r} is not true or false")
