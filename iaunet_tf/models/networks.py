"""Networks of other re-identification toolboxes, equal to theirs: a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import keras

from iaunet_tf.models.backbones import lmbn, osnet, resnet50, vit_base
from iaunet_tf.models.heads import classifier, mean_of_frames, neck, pool, projection
from iaunet_tf.models.insertion import BLOCKS, Insertion
from iaunet_tf.models.network import Network, entrance
from iaunet_tf.preprocessing import IMAGENET_MEAN, IMAGENET_STD


@dataclass(frozen=True)
class Peer:
    """A network of another toolbox.

    Attributes:
        features: backbone, from normalised images and `behind`.
        head: from feature map and clips (None for images) to the outputs: `"embedding"`, and in networks with a neck
            the other side of it, `"before_neck"` or `"after_neck"`.
        places: where blocks can stand.
        size: usual height and width in pixels.
        mean: mean of the colours, RGB in 0..1.
        std: their standard deviation.
        interpolation: how images are resized to it.
    """

    features: Callable
    head: Callable
    places: tuple[str, ...] = ()
    size: tuple[int, int] = (256, 128)
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD
    interpolation: str = "bilinear"


def _osnet(width, variant="bn"):
    features = partial(osnet, width=width, variant=variant)
    return Peer(features, _projected, ("conv2", "conv3", "conv4"))


def _projected(x, clips):
    return {"embedding": projection(pool(x, clips=clips))}


def _pooled(x, clips):
    return {"embedding": pool(x, clips=clips)}


def _parts(x, clips):
    return {"embedding": mean_of_frames(x, clips)}


def _class_token(x, clips):
    """The neck behind the class token serves the classifier alone."""
    token = mean_of_frames(x, clips)
    return {"embedding": token, "after_neck": neck(token, "bottleneck")}


def _fastreid(pooling, size=(256, 128), **options):
    def head(x, clips):
        pooled = pool(x, "heads.pool_layer", clips, pooling)
        return {"embedding": neck(pooled, "heads.bottleneck.0"), "before_neck": pooled}

    features = partial(resnet50, prefix="backbone.", ceil_pool=True, **options)
    return Peer(features, head, RESNET_PLACES, size, interpolation="bicubic")


RESNET_PLACES = ("layer1", "layer2", "layer3", "layer4")
NETWORKS = {
    "osnet_x1_0": _osnet(1.0),
    "osnet_x0_75": _osnet(0.75),
    "osnet_x0_5": _osnet(0.5),
    "osnet_x0_25": _osnet(0.25),
    "osnet_ibn_x1_0": _osnet(1.0, "ibn"),
    "osnet_ain_x1_0": _osnet(1.0, "ain"),
    "osnet_ain_x0_75": _osnet(0.75, "ain"),
    "osnet_ain_x0_5": _osnet(0.5, "ain"),
    "osnet_ain_x0_25": _osnet(0.25, "ain"),
    "resnet50": Peer(partial(resnet50, last_stride=2), _pooled, RESNET_PLACES),
    "bagtricks_R50": _fastreid("average"),
    "bagtricks_R50-ibn": _fastreid("average", ibn=True),
    "AGW_R50": _fastreid("gem", non_local=True),
    "AGW_R50-ibn": _fastreid("gem", non_local=True, ibn=True),
    "sbs_R50": _fastreid("learned_gem", (384, 128), non_local=True),
    "sbs_R50-ibn": _fastreid("learned_gem", (384, 128), non_local=True, ibn=True),
    "lmbn_n": Peer(lambda x, behind: lmbn(x), _parts, size=(384, 128)),
    "transreid_vit_base": Peer(lambda x, behind: vit_base(x), _class_token, mean=(0.5,) * 3, std=(0.5,) * 3),
}


def build_network(
    name: str,
    num_classes: int | None = None,
    input_shape: tuple[int, int, int] | None = None,
    video: bool = False,
    include_preprocessing: bool = True,
    blocks: Sequence[str] = (),
    block: str = "iau",
) -> keras.Model:
    """Builds a network of another toolbox with new weights.

    Input: RGB in 0..255, `(B, H, W, 3)`, with `video` `(B, T, H, W, 3)`; normalised inside. Output, a dictionary:
    `"embedding"` `(B, D)` float32, not of unit length; `"before_neck"` or `"after_neck"` in networks with a neck;
    `"logits"` with `num_classes`; `"part_attention_1"` and so on of the IAU blocks.

    Args:
        name: a key of `NETWORKS`.
        num_classes: number of training identities; None builds no classifier.
        input_shape: `(height, width, 3)`; None takes the network's usual one.
        video: take clips instead of images; a clip is the mean of its frames before the neck.
        include_preprocessing: False leaves normalisation to the caller.
        blocks: places of the network behind which blocks are inserted, such as `("conv2", "conv3")`.
        block: `"iau"` or `"ia"`.
    """
    if name not in NETWORKS:
        raise ValueError(f"there is no network {name!r}; there are {', '.join(NETWORKS)}")
    network = NETWORKS[name]
    unknown = [place for place in blocks if place not in network.places]
    if unknown:
        raise ValueError(
            f"{name} has no place {unknown[0]!r} for a block; it has {', '.join(network.places) or 'none'}"
        )
    shape = tuple(input_shape or (*network.size, 3))
    inputs, clips, x = entrance(shape, video, include_preprocessing, network.mean, network.std)
    insertion = Insertion({place: partial(BLOCKS[block], name=f"{place}_{block}") for place in blocks}, clips)
    outputs = network.head(network.features(x, insertion), clips)
    outputs |= {f"part_attention_{number}": maps for number, maps in enumerate(insertion.attention, 1)}
    if num_classes:
        outputs["logits"] = classifier(outputs.get("after_neck", outputs["embedding"]), num_classes, stddev=0.001)
    return Network(inputs, outputs, name=name.replace("-", "_"))
