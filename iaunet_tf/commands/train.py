"""`iaunet train`: trains, resumes and evaluates as a configuration says."""

from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.commands.arguments import Parser, with_underscores
from iaunet_tf.commands.evaluate import evaluate_run
from iaunet_tf.commands.session import new_run, resume, train_anew, work_on
from iaunet_tf.config.parsing import parse
from iaunet_tf.errors import InputError
from iaunet_tf.run import Run


def main(arguments: Sequence[str]) -> None:
    """Trains and evaluates a new run, continues one (`--resume`), or evaluates one again (`--evaluate`)."""
    options = Parser("train", add_help=False)
    options.add_argument("--resume")
    options.add_argument("--evaluate")
    given, rest = options.parse_known_args([with_underscores(word) for word in arguments])
    if given.resume and given.evaluate:
        raise InputError("--resume and --evaluate exclude each other")
    if given.evaluate:
        evaluate_run(Path(given.evaluate), rest)
        return
    config = parse(rest, given.resume)
    if given.resume:
        work_on(config, Run(Path(given.resume)), resume)
        return
    run = Run(Path(config.run_dir or ""))
    if config.on_existing == "resume" and config.run_dir and run.path.is_dir():
        begun = run.last.is_file() or run.previous.is_file()
        work_on(config, run, resume if begun else train_anew)
    else:
        work_on(config, new_run(config), train_anew)
