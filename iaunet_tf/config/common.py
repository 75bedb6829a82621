"""What the configurations of all tasks have in common: one dataclass for each section."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from iaunet_tf.blocks import KINDS
from iaunet_tf.config.kinds import Amount, Count, Decay, Padding, PositiveAmount, PositiveCount, Seed, Share, Side
from iaunet_tf.optimizers import OPTIMIZERS, SCHEDULES

if TYPE_CHECKING:
    Block = Optimizer = Schedule = str
else:
    Block, Optimizer, Schedule = Literal[KINDS], Literal[tuple(OPTIMIZERS)], Literal[tuple(SCHEDULES)]


@dataclass
class DataConfig:
    """Which images, and how they are read.

    Args:
        root: folder of the data set.
        height: height of the network's input in pixels.
        width: width of the network's input in pixels.
        on_corrupt: error stops at an unreadable image, skip leaves it out and reports how many; of a tracklet, skip
            takes the nearest readable frame instead.
        flip: probability that a training image is flipped horizontally.
        erase: probability of random erasing.
        pad: width in pixels of a black border around training images, from which a random crop is taken.
        jitter: probability of colour jitter.
        grey: probability that a training image is turned into shades of grey.
        patch: probability of a random patch from another image.
        randaugment: probability of RandAugment, two operations of Keras' layers; such an image trains without part
            masks where they moved it.
    """

    root: str = "datasets/synthetic"
    height: Side = 256
    width: Side = 128
    on_corrupt: Literal["error", "skip"] = "error"
    flip: Share = 0.5
    erase: Share = 0.5
    pad: Padding = 0
    jitter: Share = 0.0
    grey: Share = 0.0
    patch: Share = 0.0
    randaugment: Share = 0.0


@dataclass
class ModelConfig:
    """Which network.

    Args:
        block: iau and ia insert such blocks, null is the plain network; channel, spatial_temporal, spatial and temporal
            are parts of iau.
        weights: what to start from: imagenet (downloaded once), or a file.
        sync_batch_norm: whether batch norms use the statistics of all replicas instead of each one's; auto where a
            replica has fewer than 32 images or clips.
    """

    block: Block | None = "iau"
    weights: str | None = None
    sync_batch_norm: bool | Literal["auto"] = "auto"


@dataclass
class LossConfig:
    """What is minimised: cross entropy.

    Args:
        label_smoothing: label smoothing of the cross entropy.
    """

    label_smoothing: Share = 0.1


@dataclass
class TrainConfig:
    """How it is minimised.

    Args:
        epochs: passes over the training images; 0 evaluates the untrained network.
        batch_size: images or clips of a step, over all replicas.
        optimizer: adam, adamw, sgd, or nesterov, which is sgd with Nesterov's momentum.
        epsilon: adam and adamw: added to the root of the second moment.
        learning_rate: the highest learning rate.
        schedule: step multiplies the learning rate by 0.1 at the milestones, cosine lets it fall to zero.
        milestones: epochs at which schedule step lowers the learning rate.
        warmup_epochs: epochs in which the learning rate first rises from zero.
        weight_decay: of every variable: L2, added to its gradient; decoupled from it with adamw.
        freeze_epochs: first epochs, in which the backbone, but for blocks, stays as it is, batch norms included.
        backbone_rate: factor on the backbone's learning rate.
        ema: decay of a moving average of the weights, such as 0.999, which is then evaluated and becomes the final
            network; 0 keeps none.
        precision: float32, or mixed_bfloat16 or mixed_float16 (for GPUs, with loss scaling) where layers allow it.
        clip_norm: largest norm of the gradient over all variables and replicas; 0 does not clip.
        accumulate: pieces that a batch is computed in, to save memory; batch norm and triplets see one.
        jit_compile: compile the step with XLA; the first step takes minutes.
        strategy: default is one device, mirrored all GPUs of this host (or logical CPUs), multi_worker several hosts
            by TF_CONFIG or srun, auto several hosts, or all GPUs, where there are any.
        logger: wandb and mlflow, if installed, get the history as well.
        profile: first and last step to profile for TensorBoard, such as [10, 20]; empty does not profile.
        patience: seconds to wait for the other hosts at the start.
    """

    epochs: Count = 60
    batch_size: PositiveCount = 64
    optimizer: Optimizer = "adam"
    epsilon: PositiveAmount = 1e-8
    learning_rate: PositiveAmount = 3.5e-4
    schedule: Schedule = "step"
    milestones: list[PositiveCount] = field(default_factory=lambda: [20, 40])
    warmup_epochs: Amount = 0.0
    weight_decay: Amount = 5e-4
    freeze_epochs: Count = 0
    backbone_rate: PositiveAmount = 1.0
    ema: Decay = 0.0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    clip_norm: Amount = 0.0
    accumulate: PositiveCount = 1
    jit_compile: bool = False
    strategy: Literal["auto", "default", "mirrored", "multi_worker"] = "auto"
    logger: Literal["wandb", "mlflow"] | None = None
    profile: list[PositiveCount] = field(default_factory=list)
    patience: PositiveAmount = 300.0


@dataclass
class EvalConfig:
    """How the result is judged.

    Args:
        batch_size: images or clips at a time.
        every: evaluate, and keep the best checkpoint, after every this many epochs; 0 only at the end.
    """

    batch_size: PositiveCount = 64
    every: Count = 0


@dataclass
class Config:
    """A whole experiment.

    Args:
        name: name of the experiment.
        task: reid finds people in a gallery, classification sorts images into classes; each has its own keys.
        run_dir: folder to write; null makes runs/NAME-DATE-TIME.
        on_existing: if run_dir exists, error stops, and resume continues it, for jobs that are started again.
        seed: seed of weights, sampling and augmentation.
    """

    name: str = "iaunet"
    task: Literal["reid", "classification"] = "reid"
    run_dir: str | None = None
    on_existing: Literal["error", "resume"] = "error"
    seed: Seed = 0
    # The sections of each task are of classes derived from those above.
    data: Any = None
    model: Any = None
    loss: Any = None
    train: Any = None
    eval: Any = None
