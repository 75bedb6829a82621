"""`iaunet train`: trains, resumes and evaluates as a configuration says."""

from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.commands.arguments import Parser, with_underscores
from iaunet_tf.commands.evaluate import evaluate_run
from iaunet_tf.commands.session import train_run, work_on
from iaunet_tf.config.parsing import parse
from iaunet_tf.config.stored import absolute, read_run
from iaunet_tf.errors import InputError
from iaunet_tf.run import Run
from iaunet_tf.training.resumption import check_same, dependencies


def main(arguments: Sequence[str]) -> None:
    """Trains and evaluates a new run, continues one (`--resume`), or evaluates one again (`--evaluate`)."""
    options = Parser("train", add_help=False)
    options.add_argument("--resume")
    options.add_argument("--evaluate")
    given, rest = options.parse_known_args([with_underscores(word) for word in arguments])
    if given.resume is not None and given.evaluate is not None:
        raise InputError("--resume and --evaluate exclude each other")
    for name, folder in vars(given).items():
        if folder == "":  # as of a variable that is not set
            raise InputError(f"--{name} needs the folder of a run; received nothing")
    if given.evaluate is not None:
        evaluate_run(Path(given.evaluate), rest)
        return
    if given.resume is not None:
        _resume(Run(Path(given.resume)), rest)
        return
    config = absolute(parse(rest))
    run = Run(Path(config.run_dir or ""))
    if config.on_existing == "resume" and config.run_dir and run.contents():
        if not run.fold(0).path.is_dir():
            run.require()
        work_on(config, run, train_run)
    else:
        work_on(config, None, train_run)


def _resume(run, keys):
    config, stored = read_run(run.path, keys)
    if config.run_dir != stored.run_dir:
        raise InputError("run_dir has no effect with --resume; leave it out")
    check_same(dependencies(config), dependencies(stored), run.path, say=lambda line: None)
    if not run.begun and getattr(config.data, "fold", 0) != "all":
        raise InputError(f"{run.path}: contains no checkpoint to resume from; train again, in another --run_dir")
    work_on(config, run, train_run)
