"""`iaunet evaluate`: a run again, or any network in a file on a data set."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.commands.arguments import with_underscores
from iaunet_tf.commands.session import evaluate_again, work_on
from iaunet_tf.commands.stated import add_input_options, take_input
from iaunet_tf.config.files import save_config
from iaunet_tf.config.parsing import build_parser, parse
from iaunet_tf.config.stored import absolute, read_run
from iaunet_tf.data.selection import check_input, read_selected
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.doubts import doubts
from iaunet_tf.evaluation.evaluator import Evaluator
from iaunet_tf.evaluation.exported import ExportedExtractor
from iaunet_tf.evaluation.tables import keep_thresholds, summary, write_metrics, write_results
from iaunet_tf.inference import Embedder
from iaunet_tf.inference.record import Record
from iaunet_tf.inference.stated import refuse_input
from iaunet_tf.run import Run, claim

# Keys, or sections, of training.
USELESS = ("train.", "loss.", "model.", "data.more", "data.masks", "data.flip", "data.erase")

ABOUT = """
    Evaluates a run again, or a network in an .onnx, .tflite, .xml (OpenVINO) or .keras file, or in the folder of a
    SavedModel, for which --data.name and --data.root say on what. The input of a network that iaunet-tf has not written
    is stated by --input, or by a file NAME.yaml beside it. Keys that have no effect on an evaluation, those of train,
    loss and model, are refused.
"""


def main(arguments: Sequence[str]) -> None:
    """Evaluates the run or the file that the first argument names; the others are keys of the configuration."""
    if "--help" in arguments or "-h" in arguments:
        parser = build_parser(prog="iaunet evaluate RUN|FILE", description=" ".join(ABOUT.split()))
        add_input_options(parser)
        print(parser.format_help())
        return
    if not arguments or arguments[0].startswith("-"):
        raise InputError("iaunet evaluate needs a run's folder or an exported file first: iaunet evaluate RUN")
    stated, runtime, keys = take_input([with_underscores(word) for word in arguments[1:]])
    source = Path(arguments[0])
    if Run(source).config.is_file():
        refuse_input(Run(source).require().path, stated)
        if runtime != "auto":
            raise InputError(f"{source}: runtime {runtime} is for .onnx files; leave it out")
        evaluate_run(source, keys)
        return
    if source.is_dir() and not (any(source.glob("saved_model.pb")) or any(source.glob("*/saved_model.pb"))):
        source = _served(source)
    _evaluate_file(source, keys, stated, runtime)


def _served(folder):
    """The one SavedModel in a folder of served models, as the exporter writes it: NAME/VERSION/saved_model.pb."""
    models = sorted({file.parents[1] for file in folder.glob("*/*/saved_model.pb")})
    if len(models) > 1:
        raise InputError(f"{folder}: holds several models; take one of {', '.join(map(str, models))}")
    return models[0] if models else Run(folder).require().path


def evaluate_run(folder: Path, keys: Sequence[str]) -> None:
    """Evaluates a finished run again, in its folder or, with other keys than its own, in another one."""
    _refuse(keys, ("seed", *USELESS), but=("train.strategy", "train.patience"))
    run, (config, stored) = Run(folder), read_run(folder, keys)
    if config == stored:
        work_on(config, run, evaluate_again)
        return
    if config.run_dir == stored.run_dir:
        config.run_dir = None
    # Whatever a configuration file says of them.
    config.seed, config.model, config.loss = stored.seed, stored.model, stored.loss
    work_on(config, None, evaluate_again, run)


def _refuse(keys, useless, but=()):
    """Refuses keys that have no effect on an evaluation."""
    for word in keys:
        name = word.removeprefix("--").partition("=")[0]
        if word.startswith("--") and name.startswith(useless) and name not in but:
            raise InputError(f"{name} has no effect on an evaluation; leave it out")


def _evaluate_file(source, keys, stated, runtime):
    _refuse(keys, USELESS)
    config = parse(keys, default=None)
    data = config.data
    if config.task != "reid" or data.fold == "all":
        raise InputError(f"{source}: files are evaluated on one re-identification data set; choose one by --data.name")
    for key in ("flip", "ensemble"):
        if getattr(config.eval, key):
            raise InputError(f"eval.{key} needs a run; evaluate that one: iaunet evaluate RUN --eval.{key} ...")
    run = Run(Path(config.run_dir)) if config.run_dir else None
    if run:
        run.require_new()
    embedder = Embedder(source, config.eval.batch_size, input=stated, runtime=runtime)
    print(embedder.fed)
    metadata = embedder.metadata
    if config.name == type(config).name:
        config.name = _name(source) or config.name
    if (data.height, data.width) == (type(data).height, type(data).width):
        data.height, data.width = metadata.height, metadata.width
    data.interpolation = data.interpolation or metadata.interpolation
    check_input(metadata, source, data)
    with claim(run, new=True) if run else contextlib.nullcontext():
        start = time.perf_counter()
        evaluator = Evaluator(config, read_selected(data, training=False)[1])
        warnings = doubts(embedder, evaluator.tests[0]) if embedder.stated else []
        print("".join(f"warning: {line}\n" for line in warnings), end="", flush=True)
        extract = ExportedExtractor(embedder, config, run and run.embeddings)
        for step, evaluations in enumerate(evaluator.evaluate(extract)):
            if run and not step:
                _keep(run, config, Record.of(embedder, source, runtime, warnings), evaluations[0], extract)
            if run:
                write_metrics(evaluations, run.metrics)
        print(summary(evaluations, time.perf_counter() - start))
        if run:
            write_results(evaluations, run)
            print(run.metrics)
        keep_thresholds(evaluations[0], config.eval, embedder.path, embedder.files, embedder.stated)


def _name(source):
    """A name for an evaluation, of the kind that configurations take."""
    return "".join(letter if letter.isprintable() else "_" for letter in source.stem)[:60].lstrip(".")


def _keep(run, config, record, evaluation, extract):
    """Writes what a report on an evaluation needs."""
    config.run_dir = str(run.path)
    record.write(run.network)
    save_config(absolute(config), run.config)
    for name in ("query", "gallery"):
        source, vectors = getattr(evaluation.test, name), getattr(evaluation, name).vectors
        extract.keep(source, f"{evaluation.test.name}-{name}", vectors)
