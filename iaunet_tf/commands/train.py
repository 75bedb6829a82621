"""`iaunet train`: trains, resumes and evaluates as a configuration says."""

from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.commands.arguments import Parser, with_underscores
from iaunet_tf.commands.session import evaluate_again, new_run, resume, train_anew, work_on
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
    folder = given.resume or given.evaluate
    config = parse(rest, folder)
    if folder:
        work_on(config, Run(Path(folder)), resume if given.resume else evaluate_again)
        return
    run = Run(Path(config.run_dir or ""))
    if config.on_existing == "resume" and config.run_dir and run.path.is_dir():
        begun = run.last.is_file() or run.previous.is_file()
        work_on(config, run, resume if begun else train_anew)
    else:
        work_on(config, new_run(config), train_anew)
