"""The configuration of image classification."""

from dataclasses import dataclass, field
from typing import Literal

from iaunet_tf.config import common
from iaunet_tf.config.kinds import PositiveShare, Share


@dataclass
class ClassificationData(common.DataConfig):
    """Which images, and how they are read.

    Args:
        name: folders is train/CLASS and val/CLASS, or CLASS alone.
        crop: least share of a training image's area that random cropping keeps; 1 does not crop.
        eval_crop: share of the sides that the central crop keeps for evaluation.
    """

    name: Literal["folders"] = "folders"
    crop: Share = 0.08
    eval_crop: PositiveShare = 0.875


@dataclass
class ClassificationModel(common.ModelConfig):
    """Which network.

    Args:
        backbone: a network of keras.applications, with its own weights.
        blocks: names of the backbone's layers that get a block behind them; NAME=KIND where it is not that of block.
    """

    backbone: str = "ResNet50"
    blocks: list[str] = field(default_factory=lambda: ["conv3_block4_out", "conv4_block6_out"])


@dataclass
class ClassificationConfig(common.Config):
    """An experiment of image classification."""

    task: Literal["reid", "classification"] = "classification"
    data: ClassificationData = field(default_factory=ClassificationData)
    model: ClassificationModel = field(default_factory=ClassificationModel)
    loss: common.LossConfig = field(default_factory=common.LossConfig)
    train: common.TrainConfig = field(default_factory=common.TrainConfig)
    eval: common.EvalConfig = field(default_factory=common.EvalConfig)
