"""From the command line, and the files that it names, to a configuration."""

import argparse
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import fields, is_dataclass
from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser

from iaunet_tf.config.classification import ClassificationConfig
from iaunet_tf.config.common import Config
from iaunet_tf.config.files import CONFIGS, OLD_KEYS, find_config, keys, new_value, read_file
from iaunet_tf.config.kinds import expected, is_blank, is_unquoted, shown
from iaunet_tf.config.reid import ReIdConfig
from iaunet_tf.config.rules import settle
from iaunet_tf.data.readers.table import READERS
from iaunet_tf.errors import InputError
from iaunet_tf.run import Run
from iaunet_tf.wording import did_you_mean, either

TASKS: dict[str, type[Config]] = {"reid": ReIdConfig, "classification": ClassificationConfig}
DEMO = CONFIGS / "demo.yaml"
TRAINING = (
    "Trains and evaluates a network. Keys may be given in YAML files, and on the command line, which wins; other keys "
    "have the defaults below. Without --config, configs/demo.yaml is read: a small network on drawn pedestrians. The "
    "other files of configs/ are for public data sets and your own; they are found from any folder."
)


def parse(arguments: Sequence[str], run: str | None = None, default: Path | None = DEMO) -> Config:
    """Reads keys from the command line and from the files that it names by `--config`, the later one winning.

    The configuration of a run comes first; `default` is read if neither a run, a file nor another
    task is named. Anything wrong with a key or a file is an `InputError`.
    """
    given, rest = _options(("config", "task"), arguments)
    files = [find_config(name) for name in given.get("config", [])]
    if run is not None:
        files.insert(0, Run(Path(run)).require().config)
    by_default = not files and default is not None and given.get("task", ["reid"])[-1] == "reid"
    if by_default:
        files = [default]
    sources = [read_file(file) for file in files]
    named = [*(source["task"] for source in sources if "task" in source), *given.get("task", [])]
    task = named[-1] if named else "reid"
    if task not in list(TASKS):
        raise InputError(f"task must be {either(TASKS)}; received {shown(task)}")
    parser, known = build_parser(task), keys(TASKS[task])
    if {"-h", "--help"} & set(rest):
        print(parser.format_help(), end="")
        raise SystemExit(0)
    if run is not None and task != sources[0].get("task", task):
        raise InputError(f"{run}: is a run of task {sources[0]['task']}; leave the task out")
    if run is not None:  # older versions stored the keys of all tasks with a run
        sources[0] = {key: value for key, value in sources[0].items() if key in known}
    sources.append(_command_line(rest, task))
    if by_default:
        _check_default(sources[-1])

    namespace = parser.get_defaults()
    for place, source in zip([*(f"{file}: " for file in files), ""], sources, strict=True):
        namespace = _add(namespace, parser, {**source, "task": task}, place)
    instance = parser.instantiate(namespace)
    config = _plain(TASKS[task](**{entry.name: instance[entry.name] for entry in fields(TASKS[task])}))
    if run is not None:  # it names every key, so that what it names says nothing
        sources[0] = {}
    settle(config, lambda key: max((place for place, source in enumerate(sources) if key in source), default=-1))
    if by_default:
        print(f"no --config: keys that are not given are those of the demo, {default}")
    return config


def build_parser(task: str = "reid", prog: str = "iaunet train", description: str = TRAINING) -> ArgumentParser:
    """The parser of a task's keys; its help explains every one."""
    data_sets = "; ".join(f"{name} ({reader.summary})" if reader.summary else name for name, reader in READERS.items())
    parser = ArgumentParser(
        prog=prog,
        usage="%(prog)s [--config FILE ...] [--KEY VALUE ...]",
        description=description,
        epilog=f"Data sets: {data_sets}." if task == "reid" else None,
        exit_on_error=False,
        allow_abbrev=False,
        parser_mode="without aliases",  # of config.files
        formatter_class=argparse.HelpFormatter,
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file of the keys below; may be repeated")
    if description == TRAINING:
        parser.add_argument("--resume", metavar="RUN", help="continue a stopped run")
        parser.add_argument("--evaluate", metavar="RUN", help="evaluate a finished run again, as iaunet evaluate does")
    parser.add_class_arguments(TASKS[task])
    known, defaults = keys(TASKS[task]), parser.get_defaults()
    for action in parser._actions:
        if action.dest in known:
            kind = known[action.dest]
            takes = "" if kind is str or action.dest == "data.name" else f"{expected(kind)}; "
            action.help = f"{(action.help or '').removesuffix('.')} ({takes}default: {shown(defaults[action.dest])})"
            action.option_strings, action.metavar = [f"--{action.dest}"], action.dest.rpartition(".")[2].upper()
        elif action.dest in _sections(task):
            action.help = argparse.SUPPRESS
    return parser


def _sections(task):
    """The names of a task's sections of keys."""
    return [entry.name for entry in fields(TASKS[task]) if is_dataclass(entry.type)]


def _options(names: Iterable[str], words: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The values of some options of the command line, and the words that belong to none."""
    parser = argparse.ArgumentParser(
        add_help=False, allow_abbrev=False, exit_on_error=False, argument_default=argparse.SUPPRESS
    )
    for name in names:
        parser.add_argument(f"--{name}", action="append")
    try:
        given, rest = parser.parse_known_args(list(words))
    except argparse.ArgumentError as error:
        raise InputError(str(error).removeprefix("argument ")) from None
    return vars(given), rest


def _command_line(words, task):
    """Texts by key."""
    given, rest = _options([*keys(TASKS[task]), *OLD_KEYS], words)
    for word in rest:
        if word.startswith("-"):
            raise _unknown(word.lstrip("-").partition("=")[0] or word, task)
        example = f"--config {word}" if word.endswith((".yaml", ".yml")) else "--train.epochs 3, lists '[3, 4]'"
        raise InputError(f"{word}: belongs to no key; write {example}")
    today = {OLD_KEYS.get(key, key): texts[-1] for key, texts in given.items()}
    return {key: new_value(key, text) for key, text in today.items()}


def _check_default(given):
    """Refuses another data set than the demo's under the demo's configuration, whose network is small."""
    name = given.get("data.name", "synthetic")
    if name in READERS and name != "synthetic" and "model.width" not in given:
        own = CONFIGS / f"{name}.yaml"
        recipes = (file for file in sorted(CONFIGS.glob("*.yaml")) if read_file(file).get("data.name") == name)
        recipe = own if own.is_file() else next(recipes, CONFIGS / "market1501.yaml")
        raise InputError(
            f"--data.name {name} without --config would train the demo's small network; add --config "
            f"configs/{recipe.name}, or --model.width 0.25 for the demo's small network"
        )


def _add(namespace, parser, source, place):
    """The namespace with the values of a source; one that its key does not take is an InputError."""
    task = source["task"]
    known, sections = keys(TASKS[task]), _sections(task)
    source = {key: value for key, value in source.items() if value is not None or key not in sections}
    for key in source:
        if key not in known:
            raise InputError(f"{place}{_unknown(key, task)}")

    def fits(part):
        """The namespace with some values; None if one of them is wrong."""
        if any(is_blank(value, known[key]) for key, value in part.items()):
            return None
        try:
            return parser.parse_object(deepcopy(part), namespace=namespace)  # it writes into lists
        except (ArgumentError, TypeError, ValueError, ArithmeticError):
            return None

    result = fits(source)
    if result is None:
        key, value = next(item for item in source.items() if fits(dict([item])) is None)
        quotes = ", put it in quotes" if is_unquoted(value, known[key]) else ""
        raise InputError(f"{place}{key} must be {expected(known[key])}; received {shown(value)}{quotes}")
    return result


def _plain(value):
    """A configuration, or a value in it, with numbers of the restricted types as Python's own."""
    if is_dataclass(value):
        return type(value)(**{entry.name: _plain(getattr(value, entry.name)) for entry in fields(value)})
    if isinstance(value, list):
        return [_plain(each) for each in value]
    kind = next((kind for kind in (bool, int, float) if isinstance(value, kind)), None)
    return kind(value) if kind else value


def _unknown(key: str, task: str) -> InputError:
    """Says that there is no such key, and which one may be meant."""
    known = list(keys(TASKS[task]))
    other = next((other for other, config in TASKS.items() if other != task and key in keys(config)), None)
    if key in known:
        return InputError(f"-{key}: keys have two hyphens; write --{key}")
    if other:
        hint = f"; it is a key of task {other}, not of {task}"
    elif key in _sections(task):
        hint = f"; its keys have a dot, such as {next(name for name in known if name.startswith(f'{key}.'))}"
    elif key in ("config", "resume", "evaluate"):
        hint = f"; --{key} is an option of iaunet train"
    else:
        last = {name.rpartition(".")[2]: name for name in known}
        hint = did_you_mean(key, [*known, *last, "config", "resume", "evaluate"], last)
    return InputError(f"there is no key {key}{hint}")
