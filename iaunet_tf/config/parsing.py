"""From the command line, and the files that it names, to a configuration."""

import argparse
import difflib
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser

from iaunet_tf.config.classification import ClassificationConfig
from iaunet_tf.config.common import CONFIGS, Config
from iaunet_tf.config.files import OLD_KEYS, keys, new_value, read_file
from iaunet_tf.config.reid import ReIdConfig
from iaunet_tf.config.rules import settle
from iaunet_tf.data.readers.table import READERS
from iaunet_tf.errors import InputError
from iaunet_tf.run import Run

TASKS: dict[str, type[Config]] = {"reid": ReIdConfig, "classification": ClassificationConfig}


def parse(arguments: Sequence[str], run: str | None = None, default: Path | None = CONFIGS / "demo.yaml") -> Config:
    """Reads keys from the command line and from the files that it names by `--config`, the later one winning.

    The configuration of a run comes first; `default` is read if neither a run, a file nor another
    task is named. Anything wrong with a key or a file is an `InputError`.
    """
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    options.add_argument("--config", action="append", default=[])
    options.add_argument("--task")
    try:
        given, words = options.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise InputError(str(error)) from None
    files = [Path(name) for name in given.config]
    if run is not None:
        files.insert(0, Run(Path(run)).config)
        if not files[0].is_file():
            raise InputError(f"{run}: is not a run folder (it holds no {files[0].name})")
    elif not files and default and given.task in (None, "reid"):
        files = [default]
    sources = [read_file(file) for file in files]
    task = given.task or next((source["task"] for source in reversed(sources) if "task" in source), "reid")
    if task not in TASKS:
        raise InputError(f"task must be one of {', '.join(TASKS)}; received {task}")
    known = keys(TASKS[task])
    if run is not None:  # older versions stored the keys of all tasks with a run
        sources[0] = {key: value for key, value in sources[0].items() if key in known}

    parser = build_parser(task)
    namespace = parser.get_defaults()
    for file, source in zip(files, sources, strict=True):
        for key, value in source.items():
            if key not in known:
                raise InputError(f"{file}: there is no key {key}{_hint(key, task)}")
            if value is None and not known[key]:
                raise InputError(f"{file}: {key} cannot be null")
        try:
            namespace = parser.parse_object({**source, "task": task}, namespace=namespace)
        except (ArgumentError, TypeError, ValueError) as error:
            raise InputError(f"{file}: {' '.join(str(error).split())}") from None
    words = _with_new_names(words)
    try:
        namespace = parser.parse_args(words, namespace=namespace)
        sources.append(dict(parser.parse_args(words, defaults=False).items()))
    except ArgumentError as error:
        message = " ".join(str(error).split())
        unknown = re.search(r"arguments: -*([\w.]+)", message, re.IGNORECASE)
        raise InputError(message + (_hint(unknown[1], task) if unknown else "")) from None
    instance = parser.instantiate(namespace)
    config = _plain(TASKS[task](**{entry.name: instance[entry.name] for entry in fields(TASKS[task])}))
    if run is not None:  # it names every key, so that what it names says nothing
        sources[0] = {}
    settle(config, lambda key: max((place for place, source in enumerate(sources) if key in source), default=-1))
    return config


def build_parser(task: str = "reid", prog: str = "iaunet train") -> ArgumentParser:
    """The parser of a task's keys; its help explains every one."""
    data_sets = "; ".join(f"{name} ({reader.summary})" if reader.summary else name for name, reader in READERS.items())
    parser = ArgumentParser(
        prog=prog,
        description="Trains and evaluates a network. Keys of the configuration may be given in YAML files, and on the "
        "command line, which wins.",
        epilog=f"Data sets: {data_sets}." if task == "reid" else None,
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file of the keys below; may be repeated")
    parser.add_argument("--resume", metavar="RUN", help="continue a stopped run")
    parser.add_argument("--evaluate", metavar="RUN", help="evaluate a finished run again, as iaunet evaluate does")
    parser.add_class_arguments(TASKS[task])
    return parser


def _with_new_names(words):
    """The command line with today's names of keys and data sets."""
    renamed, key = [], ""
    for word in words:
        if word.startswith("--"):
            key, equals, value = word[2:].partition("=")
            key = OLD_KEYS.get(key, key)
            renamed.append(f"--{key}{equals}{new_value(key, value)}")
        else:
            renamed.append(new_value(key, word))
    return renamed


def _plain(value):
    """A configuration, or a value in it, with numbers of the restricted types as Python's own."""
    if is_dataclass(value):
        return type(value)(**{entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)})
    if isinstance(value, list):
        return [_plain(each) for each in value]
    kind = next((kind for kind in (bool, int, float) if isinstance(value, kind)), None)
    return kind(value) if kind else value


def _hint(word, task):
    """Which key may have been meant."""
    other = next((other for other, config in TASKS.items() if other != task and word in keys(config)), None)
    if other:
        return f"; it is a key of task {other}, not of {task}"
    known = [*keys(TASKS[task]), *(entry.name for entry in fields(TASKS[task])), "config", "resume", "evaluate"]
    last = {key.rsplit(".", 1)[-1]: key for key in known}
    near = difflib.get_close_matches(word, known, 1) or difflib.get_close_matches(word, last, 1)
    return f"; did you mean {last.get(near[0], near[0])}?" if near else ""
