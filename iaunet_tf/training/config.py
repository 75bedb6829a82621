"""The configuration of a run: typed, filled from YAML and the command line by jsonargparse."""

import difflib
import re
import sys
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from iaunet_tf.data.readers import IMAGES, TRACKLETS, WITH_SPLITS
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing

CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass
class DataConfig:
    """Which pictures, and how they are read.

    Args:
        name: which data set. Images: embedded (drawn pedestrians, written to root if they are not there), market1501
            (and others in its layout), dukemtmc_reid, occluded_duke, cuhk03_detected and cuhk03_labeled (new protocol,
            as cuhk03-np has them), cuhk03_classic_detected and cuhk03_classic_labeled (cuhk-03.mat), msmt17, own (a
            table, or a folder per person). Tracklets: embedded_video (drawn as well), mars (and others in its layout),
            dukemtmc_videoreid, ilids_vid, prid2011, ls_vid. For classification folders: train/CLASS and val/CLASS, or
            CLASS alone.
        root: folder of the data set; of own also a .csv or .parquet file.
        more: image data sets to train on, too, as NAME=ROOT, such as [msmt17=datasets/MSMT17].
        test: data sets to look for people in, as NAME=ROOT; empty takes that of name. The first chooses the best
            checkpoint.
        split: which of the ten splits of ilids_vid and prid2011, or the twenty of cuhk03_classic, from 0; or all, a run
            each.
        clip_length: tracklets: frames of a clip.
        clip_stride: tracklets: distance of a training clip's frames.
        masks: files uses part masks where the data set has them, prior guesses where the parts of somebody upright
            are, none does without.
        height: height of the network's input in pixels.
        width: width of the network's input in pixels.
        cache: where decoded training images are kept: memory, disk, none, or auto (memory if they fit).
        cache_dir: folder for cache disk, and for the index of mars.
        on_corrupt: error stops at an unreadable image, skip leaves it out and counts; of a tracklet, skip takes the
            nearest readable frame instead.
        flip: probability that a training image is flipped horizontally.
        erase: probability of random erasing.
        crop: classification: least share of a training image's area that random cropping keeps; 1 does not crop.
        eval_crop: classification: share of the sides that the central crop keeps for evaluation.
    """

    name: Literal[
        "embedded",
        "market1501",
        "dukemtmc_reid",
        "occluded_duke",
        "cuhk03_detected",
        "cuhk03_labeled",
        "cuhk03_classic_detected",
        "cuhk03_classic_labeled",
        "msmt17",
        "own",
        "embedded_video",
        "mars",
        "dukemtmc_videoreid",
        "ilids_vid",
        "prid2011",
        "ls_vid",
        "folders",
    ] = "embedded"
    root: str = "datasets/embedded"
    more: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    split: int | Literal["all"] = 0
    clip_length: int = 4
    clip_stride: int = 8
    masks: Literal["files", "prior", "none"] = "files"
    height: int = 256
    width: int = 128
    cache: Literal["auto", "memory", "disk", "none"] = "auto"
    cache_dir: str = "~/.cache/iaunet_tf"
    on_corrupt: Literal["error", "skip"] = "error"
    flip: float = 0.5
    erase: float = 0.5
    crop: float = 0.08
    eval_crop: float = 0.875


@dataclass
class ModelConfig:
    """Which network.

    Args:
        block: iau and ia put such blocks behind stages 2 and 3, null is the plain ResNet-50.
        width: factor on all channel counts.
        weights: what to start from: imagenet (downloaded once), or a file: .pth, .pth.tar (both need torch),
            .safetensors, .keras or .weights.h5; a classifier of another number of people is left out.
        recompute: compute the blocks' channel attention piece by piece and again for the gradient, which takes less
            memory and more time; long clips always do.
        sync_batch_norm: whether batch norms take the statistics of all replicas, not of each; auto where a replica's
            are of less than 32 images or clips.
        backbone: classification: a network of keras.applications, with its own weights.
        blocks_after: classification: names of the backbone's layers that get a block behind them.
    """

    block: Literal["iau", "ia"] | None = "iau"
    width: float = 1.0
    weights: str | None = None
    recompute: bool = False
    sync_batch_norm: bool | Literal["auto"] = "auto"
    backbone: str = "ResNet50"
    blocks_after: list[str] = field(default_factory=lambda: ["conv3_block4_out", "conv4_block6_out"])


@dataclass
class LossConfig:
    """What is minimised: cross entropy + triplet_weight · triplet + mask_weight · part masks; for classification the
    first alone.

    Args:
        label_smoothing: of the cross entropy.
        triplet_weight: weight of the batch-hard triplet loss.
        margin: margin of the triplet loss.
        distance: distance of the triplet loss.
        mask_weight: weight of the part-mask loss, where there are masks.
        mask_mode: kind of the part-mask loss.
    """

    label_smoothing: float = 0.1
    triplet_weight: float = 1.0
    margin: float = 0.3
    distance: Literal["cosine", "euclidean"] = "cosine"
    mask_weight: float = 0.5
    mask_mode: Literal["bce", "l1", "l2"] = "bce"


@dataclass
class TrainConfig:
    """How it is minimised, by Adam.

    Args:
        epochs: passes over the training images; 0 evaluates the untrained network.
        batch_size: images or clips of a step, over all replicas.
        group_size: images or clips of one person in a row; batch_size is a multiple of it.
        learning_rate: the highest one.
        schedule: step multiplies it by 0.1 at the milestones, cosine lets it fall to zero.
        milestones: epochs at which schedule step lowers the learning rate.
        warmup_epochs: epochs in which schedule cosine first raises the learning rate from zero.
        weight_decay: L2, added to the gradient of every variable (not decoupled as in AdamW).
        precision: float32, or mixed_bfloat16 or mixed_float16 (for GPUs, with loss scaling) for layers that bear it.
        clip_norm: longest gradient, over all variables and replicas; longer ones are shortened. 0 leaves them.
        accumulate: compute a batch in so many pieces, one after another, for less memory; batch norm and the triplet
            loss see a piece.
        jit_compile: compile the step by XLA; the first takes minutes.
        strategy: default is one device, mirrored all of this host's GPUs (or logical CPUs), multi_worker several hosts
            by TF_CONFIG or srun, auto whatever is there.
        mining: global looks for the hardest triplets in the batch of all replicas, local in each replica's.
        profile: first and last step to profile for TensorBoard, such as [10, 20]; empty does not.
        patience: seconds to wait for the other hosts at the beginning.
    """

    epochs: int = 60
    batch_size: int = 64
    group_size: int = 4
    learning_rate: float = 3.5e-4
    schedule: Literal["step", "cosine"] = "step"
    milestones: list[int] = field(default_factory=lambda: [20, 40])
    warmup_epochs: float = 0
    weight_decay: float = 5e-4
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    clip_norm: float = 0.0
    accumulate: int = 1
    jit_compile: bool = False
    strategy: Literal["auto", "default", "mirrored", "multi_worker"] = "auto"
    mining: Literal["global", "local"] = "global"
    profile: list[int] = field(default_factory=list)
    patience: float = 300


@dataclass
class EvalConfig:
    """How the result is judged.

    Args:
        batch_size: images or clips embedded at a time.
        every: evaluate, and keep the best checkpoint, every so many epochs; 0 only at the end.
        distance: distance between embeddings.
        flip: add the embedding of the flipped image.
        clips: tracklets: embed so many evenly spaced clips of each; 0 takes all its frames.
        protocol: market1501 looks for a query among all other pictures; cuhk03 among one of each person, drawn a
            hundred times.
        ensemble: runs, or files of networks, to evaluate together with, too, by summed distances.
        rerank: evaluate with k-reciprocal re-ranking, too.
        expand: evaluate with each query's mean with so many of its nearest, too; 0 does not.
        histograms: evaluate nearest neighbours on colour histograms, too, as a floor.
    """

    batch_size: int = 64
    every: int = 0
    distance: Literal["cosine", "euclidean"] = "cosine"
    flip: bool = False
    clips: int = 0
    protocol: Literal["market1501", "cuhk03"] = "market1501"
    ensemble: list[str] = field(default_factory=list)
    rerank: bool = False
    expand: int = 0
    histograms: bool = False


@dataclass
class Config:
    """A whole experiment.

    Args:
        name: name of the experiment.
        task: reid looks for people in a gallery, classification sorts images into classes.
        run_dir: folder to write; null makes runs/NAME-DATE-TIME.
        on_existing: if run_dir exists, error stops, and resume goes on with it, for jobs that are started again.
        seed: seed of weights, sampling and augmentation.
        data: which pictures, and how they are read.
        model: which network.
        loss: what is minimised.
        train: how it is minimised.
        eval: how the result is judged.
    """

    name: str = "iaunet"
    task: Literal["reid", "classification"] = "reid"
    run_dir: str | None = None
    on_existing: Literal["error", "resume"] = "error"
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)


def build_parser(prog: str = "train_keras.py") -> ArgumentParser:
    """The parser of the training command; `--help` explains every key."""
    parser = ArgumentParser(
        prog=prog,
        description="Trains and evaluates a network: person re-identification, or image classification.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--config", action="config", help="YAML file of the keys below; may be repeated")
    parser.add_argument("--resume", metavar="RUN", type=str | None, help="go on with a stopped run")
    parser.add_argument("--evaluate", metavar="RUN", type=str | None, help="evaluate a finished run again")
    parser.add_class_arguments(Config)
    return parser


def parse(arguments: list[str] | None = None) -> tuple[Config, Namespace]:
    """Reads the command line.

    Without `--config`, `--resume` or `--evaluate` the demo's configuration is taken; with one of the latter two,
    that of the run. Keys on the command line win.

    Returns:
        The configuration, and a namespace of `resume` and `evaluate`.

    Raises:
        InputError: an unknown key or a value of another type, or a run without configuration.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = build_parser()
    try:
        run = _option(arguments, "--resume") or _option(arguments, "--evaluate")
        if run is not None:
            stored = Path(run) / "config.yaml"
            if not stored.is_file():
                raise InputError(f"{run}: is no run folder (it holds no config.yaml)")
            arguments = [f"--config={stored}", *arguments]
        elif _option(arguments, "--config") is None:
            arguments = [f"--config={CONFIGS / 'demo.yaml'}", *arguments]
        parsed = parser.parse_args(arguments)
    except ArgumentError as error:
        raise InputError(_explain(str(error))) from None
    instance = parser.instantiate_classes(parsed)
    config = Config(**{entry.name: instance[entry.name] for entry in fields(Config)})
    _check(config)
    return config, Namespace(resume=parsed.resume, evaluate=parsed.evaluate)


def save_config(config: Config, path: Path) -> None:
    """Writes every key, so that `--config path` repeats the run."""
    import yaml

    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(as_dict(config), sort_keys=False))


def as_dict(config) -> dict:
    """Nested dictionary of the configuration's keys."""
    return {
        entry.name: as_dict(value) if is_dataclass(value) else value
        for entry in fields(config)
        for value in [getattr(config, entry.name)]
    }


def keys(config_class=Config, prefix: str = "") -> list[str]:
    """Dotted names of all keys."""
    names = []
    for entry in fields(config_class):
        name = prefix + entry.name
        names.extend(keys(entry.type, name + ".") if is_dataclass(entry.type) else [name])
    return names


def _option(arguments, name):
    for place, argument in enumerate(arguments):
        if argument == name and place + 1 < len(arguments):
            return arguments[place + 1]
        if argument.startswith(name + "="):
            return argument.split("=", 1)[1]
    return None


def _explain(message):
    """One line, with the nearest key if an unknown one was given."""
    message = " ".join(message.split())
    unknown = re.search(r"(?:arguments: -*|option ')([\w.]+)", message, re.IGNORECASE)
    if unknown:
        word = unknown[1]
        known = [*keys(), "config", "resume", "evaluate"]
        last_parts = {key.rsplit(".", 1)[-1]: key for key in known}
        near = difflib.get_close_matches(word, known, 1) or difflib.get_close_matches(word, last_parts, 1)
        if near:
            message += f"; did you mean {last_parts.get(near[0], near[0])}?"
    return message


def _check(config: Config) -> None:
    for name, value, low in (
        ("data.height", config.data.height, 16),
        ("data.width", config.data.width, 16),
        ("data.clip_length", config.data.clip_length, 1),
        ("data.clip_stride", config.data.clip_stride, 1),
        ("eval.clips", config.eval.clips, 0),
        ("train.epochs", config.train.epochs, 0),
        ("train.batch_size", config.train.batch_size, 1),
        ("train.group_size", config.train.group_size, 1),
        ("eval.batch_size", config.eval.batch_size, 1),
        ("eval.every", config.eval.every, 0),
        ("eval.expand", config.eval.expand, 0),
        ("train.learning_rate", config.train.learning_rate, 0),
        ("train.weight_decay", config.train.weight_decay, 0),
        ("train.warmup_epochs", config.train.warmup_epochs, 0),
        ("train.clip_norm", config.train.clip_norm, 0),
        ("train.accumulate", config.train.accumulate, 1),
        ("train.patience", config.train.patience, 1),
    ):
        if not value >= low:
            raise InputError(f"{name} must be at least {low}; received {value}")
    for name in ("flip", "erase", "crop", "eval_crop"):
        value = getattr(config.data, name)
        if not 0 <= value <= 1:
            raise InputError(f"data.{name} is in 0..1; received {value}")
    if config.train.profile and not (
        len(config.train.profile) == 2 and 1 <= config.train.profile[0] <= config.train.profile[1]
    ):
        raise InputError(f"train.profile is a first and a last step, such as [10, 20]; received {config.train.profile}")
    if config.eval.protocol == "cuhk03" and (config.eval.rerank or config.eval.expand):
        raise InputError("eval.rerank and eval.expand need eval.protocol market1501")
    kind = TRACKLETS if config.data.name in TRACKLETS else IMAGES
    for key, entries in (("more", config.data.more), ("test", config.data.test)):
        for entry in entries:
            name, _, root = entry.partition("=")
            if sum(other.startswith(f"{name}=") for other in entries) > 1:
                raise InputError(f"data.{key} names {name} twice")
            if name not in kind or not root:
                raise InputError(
                    f"data.{key}: {entry!r} is not like NAME=ROOT with a data set of the kind of {config.data.name}: "
                    f"{', '.join(kind)}"
                )
    if config.data.more and kind is TRACKLETS:
        raise InputError("data.more is for images; tracklets are trained on one data set at a time")
    if config.data.split != 0 and config.data.name not in WITH_SPLITS:
        raise InputError(f"data.split is of {', '.join(WITH_SPLITS)}; {config.data.name} has no splits")
    if (config.task == "classification") != (config.data.name == "folders"):
        raise InputError(
            f"task {config.task} does not go with data.name {config.data.name}: classification takes folders, "
            "reid the other data sets"
        )
