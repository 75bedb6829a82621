"""What can be said of a command without running it: whether its programs would take it."""

import importlib
import re
from collections.abc import Callable
from functools import cache
from unittest import mock

from docs.pages import PROGRAMS, ROOT

from iaunet_tf.commands import COMMANDS
from iaunet_tf.commands.arguments import Parser, with_underscores
from iaunet_tf.commands.stated import take_input
from iaunet_tf.config.files import keys
from iaunet_tf.config.parsing import TASKS, parse

SCRIPTS = {  # each is a command
    "train_keras.py": ["train"],
    "export/to_onnx.py": ["export", "onnx"],
    "export/to_savedmodel.py": ["export", "savedmodel"],
    "export/to_litert.py": ["export", "litert"],
}


class Reached(BaseException):
    """Stops a command where it reads its arguments; `found` is what was asked for."""

    def __init__(self, found):
        super().__init__()
        self.found = found


def _reach(name: str, words: list[str], what: object, method: str, instead: Callable) -> object:
    """Runs a command up to a function, `method` of `what`, and returns what `instead` says of it; None if it gets
    nowhere near."""
    command = importlib.import_module(f"iaunet_tf.commands.{name}")

    def stop(*arguments, **_):
        raise Reached(instead(*arguments))

    try:
        with mock.patch.object(what or command, method, stop):
            command.main(words)
    except Reached as reached:
        return reached.found
    return None


def check_iaunet(words: list[str]) -> None:
    """Reads arguments of `iaunet` with the command's own parser, which refuses what it does not take."""
    if words in ([], ["--help"]):
        return
    assert words[0] in COMMANDS, f"there is no command iaunet {words[0]}"
    name, rest = words[0], words[1:]
    if {"-h", "--help"} & set(rest):
        return
    if name == "evaluate":
        parse(take_input([with_underscores(word) for word in rest[1:]])[2], default=None)
        return
    if name == "weights" and rest[0] in ("list", "show"):
        assert len(rest) == (1 if rest[0] == "list" else 2)
        return
    reading = Parser.parse_known_args
    read = _reach(name, rest, Parser, "parse_known_args", reading)
    assert read, f"iaunet {name} reads no arguments"
    given, others = read
    if name in ("train", "adapt"):
        first = name == "train" and not (given.resume or given.evaluate)
        parse(others, **({} if first else {"default": None}))
    else:
        assert not others, f"iaunet {name} takes no {' '.join(others)}"


@cache
def options() -> dict[str, frozenset[str]]:
    """The options of each command, such as `train` or `export onnx`, by its name."""
    found = {}
    for name in COMMANDS:
        command, kinds = importlib.import_module(f"iaunet_tf.commands.{name}"), [None]
        if hasattr(command, "choose"):
            kinds = _reach(name, [], None, "choose", lambda command, what, choices, *_: list(choices))
        for kind in kinds:
            parser = _reach(name, [kind or "it"], Parser, "parse_known_args", lambda parser, *_: parser)
            names = [option for action in parser._actions for option in action.option_strings]
            if name in ("train", "evaluate", "adapt"):
                names += [f"--{key}" for task in TASKS.values() for key in keys(task)] + ["--config", "--help"]
            found[f"{name} {kind}" if kind else name] = frozenset(names)
    return found


def _python(words):
    if words[:1] == ["-m"]:
        module = words[1]
        if module == "iaunet_tf":
            check_iaunet(words[2:])
        elif module.partition(".")[0] == "benchmarks":
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").is_file() or path.is_dir(), f"there is no module {module}"
        else:
            assert module in ("venv", "pip", "pytest", "build"), (
                f"python -m {module}: tests/docs/checking.py knows no such module"
            )
    elif words[:1] and words[0] in SCRIPTS:
        check_iaunet([*SCRIPTS[words[0]], *words[1:]])
    elif words[:1] and words[0] != "-c":
        assert any(ROOT.rglob(words[0])), f"{words[0]}: there is no such script"


@cache
def _extras():
    """The names of the extras."""
    with mock.patch("setuptools.setup") as setup:
        source = (ROOT / "setup.py").read_text()
        exec(compile(source, "setup.py", "exec"), {"__name__": "setup"})
    return set(setup.call_args.kwargs["extras_require"])


# What `pip install` may name besides this package: what no extra brings by itself, and other toolkits.
PACKAGES = {
    *("torch", "pyarrow", "openvino", "onnxruntime-gpu", "tensorboard-plugin-profile", "tensorflow-serving-api"),
    *("torchreid", "uv"),
}


def _pip(words):
    assert words[0] == "install", f"pip {words[0]}: tests/docs/checking.py knows no such command"
    last = ""
    for word in words[1:]:
        ours = re.fullmatch(r"(?:\.|iaunet-tf|\S+\.whl)(?:\[([\w,-]+)\])?", word)
        if last == "-r":
            assert (ROOT / word).is_file(), f"there is no {word}"
        elif ours:
            unknown = set(filter(None, (ours[1] or "").split(","))) - _extras()
            assert not unknown, f"setup.py has no extra {', '.join(unknown)}"
        elif word.startswith("-"):
            assert word in ("-e", "-r", "--no-compile", "--no-deps", "--upgrade"), f"pip install {word}"
        else:
            assert word in PACKAGES, f"pip install {word}: is neither this package nor known to tests/docs/checking.py"
        last = word


def _make(words):
    folder = ROOT / (words[words.index("-C") + 1] if "-C" in words else "")
    targets = re.findall(r"^([\w-]+):", (folder / "Makefile").read_text(), re.M)
    for word in words if "-C" not in words else ():
        assert "=" in word or word in targets, f"the Makefile has no target {word}"


def _cd(words):
    inside = words[0].partition("/")[0]
    assert (ROOT / words[0]).is_dir() or not (ROOT / inside).exists(), f"there is no folder {words[0]}"


def _nothing(words):
    """Another program, whose arguments are its own."""


CHECKS = {
    "iaunet": check_iaunet,
    **dict.fromkeys(("python", "python3", ".venv/bin/python"), _python),
    "pip": _pip,
    "make": _make,
    "cd": _cd,
}
CHECKS |= dict.fromkeys(["echo", *PROGRAMS - set(CHECKS)], _nothing)


def check(parts: list[list[str]]) -> None:
    """Refuses, by an `InputError` or an `AssertionError`, programs and arguments of a line that they would not take."""
    for words in parts:
        words = words[1:] if words[0] == "srun" else words
        assert words[0] in CHECKS, f"{words[0]}: tests/docs/checking.py knows no such program"
        CHECKS[words[0]](words[1:])
