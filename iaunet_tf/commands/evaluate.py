"""`iaunet evaluate`: a run again, or any network in a file on a data set."""

import time
from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.commands.session import evaluate_again, work_on
from iaunet_tf.config.parsing import build_parser, parse
from iaunet_tf.data.selection import read_selected
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.evaluator import Evaluator
from iaunet_tf.evaluation.exported import ExportedExtractor
from iaunet_tf.evaluation.tables import summary, write_results
from iaunet_tf.inference import Embedder
from iaunet_tf.run import Run


def main(arguments: Sequence[str]) -> None:
    """Evaluates the run or the file that the first argument names; the others are keys of the configuration."""
    if not arguments or arguments[0].startswith("-"):
        if "--help" in arguments or "-h" in arguments:
            print("usage: iaunet evaluate RUN|FILE [KEYS]: the folder of a run, or an .onnx, .tflite or .keras file or")
            print("the folder of a SavedModel with --data.name and --data.root; keys are those of iaunet train:\n")
            print(build_parser(prog="iaunet evaluate RUN|FILE").format_help())
            return
        raise InputError("iaunet evaluate needs a run's folder or an exported file first: iaunet evaluate RUN")
    source, keys = Path(arguments[0]), arguments[1:]
    if Run(source).config.is_file():
        evaluate_run(source, keys)
        return
    if source.is_dir() and not any(source.rglob("saved_model.pb")):
        raise InputError(f"{source}: is not a run folder (it holds no config.yaml), nor that of a SavedModel")
    _evaluate_file(source, keys)


def evaluate_run(folder: Path, keys: Sequence[str]) -> None:
    """Evaluates a finished run again."""
    _refuse(keys, ("train.", "loss.", "model."), but=("train.strategy", "train.patience"))
    work_on(parse(keys, str(folder)), Run(folder), evaluate_again)


def _refuse(keys, useless, but=()):
    """Refuses keys that have no effect on an evaluation."""
    for word in keys:
        name = word.removeprefix("--").partition("=")[0]
        if word.startswith("--") and name.startswith(useless) and name not in but:
            raise InputError(f"{name} has no effect on an evaluation; leave it out")


def _evaluate_file(source, keys):
    _refuse(keys, ("train.", "loss.", "model.", "data.more", "data.masks", "data.flip", "data.erase"))
    config = parse(keys, default=None)
    data = config.data
    if config.task != "reid" or data.fold == "all":
        raise InputError(f"{source}: files are evaluated on one re-identification data set; choose one by --data.name")
    for key in ("flip", "ensemble"):
        if getattr(config.eval, key):
            raise InputError(f"eval.{key} needs a run; evaluate that one: iaunet evaluate RUN --eval.{key} ...")
    if config.run_dir and Path(config.run_dir).exists():
        raise InputError(f"{config.run_dir}: exists; choose another --run_dir")
    embedder = Embedder(source, config.eval.batch_size)
    metadata = embedder.metadata
    if metadata.video != data.video:
        kinds = ("clips", "images") if metadata.video else ("images", "tracklets")
        raise InputError(f"{source}: embeds {kinds[0]}, and {data.name} consists of {kinds[1]}")
    if config.name == type(config).name:
        config.name = source.stem
    size = metadata.height, metadata.width
    if (data.height, data.width) not in (size, (type(data).height, type(data).width)):
        raise InputError(
            f"{source}: takes {size[0]}x{size[1]} pixels, not {data.height}x{data.width}; leave data.height and "
            "data.width out"
        )
    data.height, data.width = size
    start = time.perf_counter()
    evaluator = Evaluator(config, read_selected(data, training=False)[1])
    evaluations = evaluator.evaluate(ExportedExtractor(embedder, config))
    print(summary(evaluations, time.perf_counter() - start))
    if config.run_dir:
        run = Run(Path(config.run_dir))
        write_results(evaluations, run)
        print(run.metrics)
