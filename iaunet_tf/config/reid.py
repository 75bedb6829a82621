"""The configuration of person re-identification."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from iaunet_tf.blocks import IAUNET_BLOCKS, RESNET50_DEPTHS, WITH_PARTS, placed
from iaunet_tf.config import common
from iaunet_tf.config.kinds import Amount, Count, Depth, PositiveAmount, PositiveCount, Share, WidthFactor
from iaunet_tf.data.dataset import PARTS
from iaunet_tf.data.readers.table import READERS
from iaunet_tf.preprocessing import INTERPOLATIONS

if TYPE_CHECKING:
    Name = Interpolation = str
else:
    Name, Interpolation = Literal[tuple(READERS)], Literal[INTERPOLATIONS]


@dataclass
class ReIdData(common.DataConfig):
    """Which images, and how they are read.

    Args:
        name: which data set, of those below.
        more: further image data sets to train on, as NAME=ROOT, such as [msmt17=datasets/MSMT17].
        test: data sets to find people in, as NAME=ROOT; empty is that of name. The first chooses the
            best checkpoint.
        fold: which fold of a data set that has several, from 0; or all, a run for each.
        clip_length: tracklets: number of frames of a clip.
        clip_stride: tracklets: distance between the frames of a training clip.
        masks: files takes the data set's part masks, prior an upright person's, none trains without.
        interpolation: how images are resized; null takes the network's usual one, bicubic for iaunet.
        check: before decodes all training images once before the first step; training starts at once and tells of an
            unreadable image when it comes to it, or with on_corrupt skip takes another of the person.
        own_people: whether each of several hosts trains on people of its own, whose images alone it reads, rather than
            on its part of batches that are drawn from all; batches then depend on the number of hosts.
        cache: where decoded training images are kept: memory, disk, none, or auto (memory if they fit).
        cache_dir: folder for cache disk, and for the index of mars.
    """

    name: Name = "synthetic"
    more: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    fold: Count | Literal["all"] = 0
    clip_length: PositiveCount = 4
    clip_stride: PositiveCount = 8
    masks: Literal["files", "prior", "none"] = "files"
    interpolation: Interpolation | None = None
    check: Literal["before", "training"] = "before"
    own_people: bool = False
    cache: Literal["auto", "memory", "disk", "none"] = "auto"
    cache_dir: str = "~/.cache/iaunet_tf"

    @property
    def video(self) -> bool:
        """Whether the data set consists of tracklets."""
        return READERS[self.name].video


@dataclass
class ReIdModel(common.ModelConfig):
    """Which network.

    Args:
        backbone: iaunet, or a network of another toolbox, such as osnet_x1_0 (iaunet weights list prints those with
            weights), or of keras.applications, such as ConvNeXtTiny.
        block: iau and ia are the blocks of IAUnet and IANet; channel, spatial_temporal, spatial and temporal are parts
            of iau; null is the plain network.
        blocks: places behind which there are blocks, [layer1, ..., layer4] in iaunet and ResNets, [conv2, conv3] in
            OSNet, names of layers in keras.applications; [layer2=channel, layer3] where one is not as block says. Empty
            is [layer2, layer3] in iaunet, and none in others.
        parts: number of body parts of blocks; part masks go with 4.
        pooling: how the network pools, average, max, gem, or learned_gem; null as its authors.
        dimension: size of the embedding, by a dense layer; null is the network's own.
        neck: whether the embedding is taken behind a batch norm; null as the network's authors.
        weights: what to start from: a name of iaunet weights list, such as imagenet (downloaded once), or a file: .pth,
            .pth.tar (both need torch), .safetensors, .keras or .weights.h5; a classifier of another number of
            identities is left out.
        width: factor on all channel counts of iaunet.
        depths: number of residual blocks in each of iaunet's four stages; [3, 4, 23, 3] is a ResNet-101.
        recompute: compute iaunet's channel attention in pieces, twice, to save memory; long clips always do.
    """

    backbone: str = "iaunet"
    blocks: list[str] = field(default_factory=list)
    parts: PositiveCount = 4
    pooling: Literal["average", "max", "gem", "learned_gem"] | None = None
    dimension: PositiveCount | None = None
    neck: bool | None = None
    width: WidthFactor = 1.0
    depths: list[Depth] = field(default_factory=lambda: [*RESNET50_DEPTHS])
    recompute: bool = False

    @property
    def kinds(self) -> dict[str, str]:
        """Kinds of the blocks in the network, by their places."""
        blocks = self.blocks or (IAUNET_BLOCKS if self.backbone == "iaunet" else ())
        return placed(blocks, self.block) if self.block else {}

    @property
    def locates_parts(self) -> bool:
        """Whether there is part attention that part masks can supervise."""
        return self.parts == len(PARTS) and any(kind in WITH_PARTS for kind in self.kinds.values())


@dataclass
class ReIdLoss(common.LossConfig):
    """What is minimised: cross entropy, and losses with weights.

    Args:
        features: what triplets, circles and centres are of: embedding, or before_neck or after_neck, the other side of
            the batch norm.
        softmax: plain, or with a margin, of the cosines with a direction for each identity: cosface, arcface, circle.
        softmax_margin: that margin.
        softmax_scale: factor on the cosines.
        triplet_weight: weight of the triplet loss.
        triplet: hard takes each image's farthest positive and nearest negative, weighted all of them, the harder the
            more, without margin.
        margin: margin of the hard triplet loss; soft is none, but an ever weaker pull.
        distance: distance of the triplet loss.
        circle_weight: weight of the circle loss.
        circle_margin: margin of the circle loss.
        circle_scale: factor on the similarities in the circle loss.
        centre_weight: weight of the centre loss, such as 5e-4.
        teacher: network to learn from besides, a run or a file of any kind that iaunet embed takes.
        teacher_distances: weight of the loss between its distances in a batch and the network's.
        teacher_labels: weight of the cross entropy to its soft labels.
        teacher_temperature: its cosines with the mean embedding of each identity, divided by this, are the logits of
            its soft labels.
        mask_weight: weight of the part-mask loss, where there are masks.
        mask_mode: kind of the part-mask loss.
    """

    features: Literal["embedding", "before_neck", "after_neck"] = "embedding"
    softmax: Literal["plain", "cosface", "arcface", "circle"] = "plain"
    softmax_margin: Share = 0.35
    softmax_scale: PositiveAmount = 64.0
    triplet_weight: Amount = 1.0
    triplet: Literal["hard", "weighted"] = "hard"
    margin: Amount | Literal["soft"] = 0.3
    distance: Literal["cosine", "euclidean"] = "cosine"
    circle_weight: Amount = 0.0
    circle_margin: Share = 0.25
    circle_scale: PositiveAmount = 64.0
    centre_weight: Amount = 0.0
    teacher: str | None = None
    teacher_distances: Amount = 1.0
    teacher_labels: Amount = 1.0
    teacher_temperature: PositiveAmount = 0.05
    mask_weight: Amount = 0.5
    mask_mode: Literal["bce", "l1", "l2"] = "bce"


@dataclass
class ReIdTrain(common.TrainConfig):
    """How it is minimised.

    Args:
        group_size: images or clips of one person in a row; batch_size is a multiple of it.
        balanced: whether an epoch shows everybody equally often, rather than by their numbers of images.
        spread_cameras: whether those of a person in a row come from as many cameras as there are.
        mining: global finds the hardest triplets in the batch of all replicas, local in each replica's.
    """

    group_size: PositiveCount = 4
    balanced: bool = False
    spread_cameras: bool = False
    mining: Literal["global", "local"] = "global"


@dataclass
class ReIdEval(common.EvalConfig):
    """How the result is judged.

    Args:
        distance: distance between embeddings.
        flip: add the embedding of the flipped image.
        clips: tracklets: number of evenly spaced clips of each to embed; 0 takes all its frames.
        protocol: market1501 searches all other images, cuhk03 one of each person, drawn 100 times.
        ensemble: runs, or files of networks, to evaluate together with as well, by summed distances.
        rerank: evaluate with k-reciprocal re-ranking as well.
        expand: evaluate with the mean of each query and this many of its nearest images as well; 0 does not.
        per_camera: evaluate with embeddings that are standardised within each camera as well.
        histograms: evaluate nearest neighbours on colour histograms as well, as a lower bound.
    """

    distance: Literal["cosine", "euclidean"] = "cosine"
    flip: bool = False
    clips: Count = 0
    protocol: Literal["market1501", "cuhk03"] = "market1501"
    ensemble: list[str] = field(default_factory=list)
    rerank: bool = False
    expand: Count = 0
    per_camera: bool = False
    histograms: bool = False


@dataclass
class ReIdConfig(common.Config):
    """An experiment of person re-identification."""

    data: ReIdData = field(default_factory=ReIdData)
    model: ReIdModel = field(default_factory=ReIdModel)
    loss: ReIdLoss = field(default_factory=ReIdLoss)
    train: ReIdTrain = field(default_factory=ReIdTrain)
    eval: ReIdEval = field(default_factory=ReIdEval)
