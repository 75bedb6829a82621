"""Networks of other re-identification toolboxes, equal to theirs, as a table; and those of `keras.applications`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike

import keras

from iaunet_tf.arguments import check_choice, check_image_shape, check_number
from iaunet_tf.blocks import KINDS, placed
from iaunet_tf.errors import InputError
from iaunet_tf.layers import Preprocessing
from iaunet_tf.models.backbones import application, lmbn, osnet, resnet50, vit_base
from iaunet_tf.models.backbones.applications import APPLICATIONS
from iaunet_tf.models.heads import POOLING, for_training, mean_of_frames, neck, on_side, pool, projection
from iaunet_tf.models.insertion import Insertion, insert_blocks, make_block
from iaunet_tf.models.network import Network, entrance
from iaunet_tf.weights import load_weights
from iaunet_tf.wording import did_you_mean


@dataclass(frozen=True)
class Peer:
    """A network of another toolbox.

    Attributes:
        features: backbone, from normalised images and `behind`.
        head: from feature map, clips (None for images), kind of pooling and `dimension` (None for that of the feature
            map) to the outputs: `"embedding"`, and in networks with a neck the other side of it, `"before_neck"` or
            `"after_neck"`.
        pooling: kind of pooling, a key of `POOLING`; None where the network has no single one.
        places: where blocks can stand.
        size: usual height and width in pixels.
        scale: how pixels are normalised, see `Preprocessing`.
        interpolation: how images are resized to it.
        neck: whether a neck is to be inserted, in front of the embedding.
    """

    features: Callable
    head: Callable
    pooling: str | None = "average"
    places: tuple[str, ...] = ()
    size: tuple[int, int] = (256, 128)
    scale: str = "imagenet"
    interpolation: str = "bilinear"
    neck: bool | None = None


def _osnet(width, variant="bn"):
    features = partial(osnet, width=width, variant=variant)
    return Peer(features, _projected, places=("conv2", "conv3", "conv4"))


def _projected(x, clips, pooling, dimension):
    return {"embedding": projection(pool(x, clips=clips, kind=pooling), dimension or 512)}


def _pooled(x, clips, pooling, dimension):
    return {"embedding": pool(x, clips=clips, kind=pooling, dimension=dimension)}


def _parts(x, clips, pooling, dimension):
    return {"embedding": mean_of_frames(x, clips)}


def _class_token(x, clips, pooling, dimension):
    """The neck behind the class token serves the classifier alone."""
    token = mean_of_frames(x, clips)
    return {"embedding": token, "after_neck": neck(token, "bottleneck")}


def _behind_neck(x, clips, pooling, dimension):
    pooled = pool(x, "heads.pool_layer", clips, pooling, dimension)
    return {"embedding": neck(pooled, "heads.bottleneck.0"), "before_neck": pooled}


def _fastreid(pooling, size=(256, 128), **options):
    features = partial(resnet50, prefix="backbone.", ceil_pool=True, **options)
    return Peer(features, _behind_neck, pooling, RESNET_PLACES, size, interpolation="bicubic")


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
    "resnet50": Peer(partial(resnet50, last_stride=2), _pooled, places=RESNET_PLACES),
    "bagtricks_R50": _fastreid("average"),
    "bagtricks_R50-ibn": _fastreid("average", ibn=True),
    "AGW_R50": _fastreid("gem", non_local=True),
    "AGW_R50-ibn": _fastreid("gem", non_local=True, ibn=True),
    "sbs_R50": _fastreid("learned_gem", (384, 128), non_local=True),
    "sbs_R50-ibn": _fastreid("learned_gem", (384, 128), non_local=True, ibn=True),
    "lmbn_n": Peer(lambda x, behind: lmbn(x), _parts, None, size=(384, 128)),
    "transreid_vit_base": Peer(lambda x, behind: vit_base(x), _class_token, None, scale="half"),
}


def build_network(
    name: str,
    num_classes: int | None = None,
    input_shape: tuple[int, int, int] | None = None,
    video: bool = False,
    include_preprocessing: bool = True,
    blocks: Sequence[str] = (),
    block: str = "iau",
    pooling: str | None = None,
    neck: bool | None = None,
    weights: str | PathLike | None = None,
    cosine: bool = False,
    parts: int = 4,
    dimension: int | None = None,
    centres: str | None = None,
) -> keras.Model:
    """Builds a network of another toolbox, or one of `keras.applications` for re-identification.

    Input: RGB in 0..255, `(B, H, W, 3)`, with `video` `(B, T, H, W, 3)`; normalised inside. Output, a dictionary:
    `"embedding"` `(B, D)` float32, not of unit length; `"before_neck"` or `"after_neck"` in networks with a neck;
    `"logits"` with `num_classes`; `"part_attention_1"` and so on of the IAU blocks of a toolbox's network.

    Args:
        name: a key of `NETWORKS`, or a network of `keras.applications`.
        num_classes: number of training identities; None builds no classifier.
        input_shape: `(height, width, 3)`; None takes the network's usual one.
        video: take clips instead of images; a clip is the mean of its frames before the neck.
        include_preprocessing: False leaves normalisation to the caller.
        blocks: places of the network behind which blocks are inserted, such as `("conv2", "conv3")`; in one of
            `keras.applications` names of layers, whose blocks see single frames; `"conv2=channel"` where the block is
            not of the kind `block`.
        block: one of `iaunet_tf.blocks.KINDS`, such as `"iau"` or `"ia"`.
        pooling: `"average"`, `"max"`, `"gem"` or `"learned_gem"`; None takes the network's usual one.
        neck: whether the embedding is taken behind a batch norm, which is inserted where there is none, or before it;
            None takes the usual side, in networks of `keras.applications` behind it.
        weights: a file, or a name that `iaunet weights list` prints; for networks of `keras.applications` `"imagenet"`
            or a `.weights.h5` file without classifier.
        cosine: `"logits"` are cosines, in -1..1, for `iaunet_tf.losses.MarginSoftmaxLoss`.
        parts: number of body parts of IAU blocks.
        dimension: size of the embedding, by a dense layer behind the pooling; None takes the network's own.
        centres: which output there are `"centre_distances"` `(B, num_classes)` of, for `iaunet_tf.losses.CentreLoss`:
            `"embedding"`, `"before_neck"` or `"after_neck"`.

    Raises:
        InputError: an argument is out of range, or the weights cannot be had.
    """
    network = network_of(name)
    if pooling is not None:
        check_choice("pooling", pooling, POOLING)
        if network.pooling is None:
            raise InputError(f"{name} pools in a way of its own; leave pooling out")
    if dimension is not None:
        check_number("dimension", dimension, 1, whole=True)
        if network.pooling is None:
            raise InputError(f"{name} has an embedding of its own size; leave dimension out")
    if num_classes is not None:
        check_number("num_classes", num_classes, 1, whole=True)
    check_choice("block", block, KINDS)
    kinds = placed(blocks, block)
    shape = (*network.size, 3) if input_shape is None else input_shape
    check_image_shape(shape, least=16)
    preprocessing = Preprocessing(network.scale, network.interpolation, name="preprocessing")
    inputs, clips, x = entrance(tuple(shape), video, preprocessing if include_preprocessing else None)
    insertion = Insertion({}, clips)
    if name in NETWORKS:
        unknown = [place for place in kinds if place not in network.places]
        if unknown:
            places = ", ".join(network.places) or "none"
            raise InputError(f"{name} has no place {unknown[0]!r} for a block; it has {places}")
        insertion.blocks = {
            place: partial(make_block, kind, parts, name=f"{place}_{kind}") for place, kind in kinds.items()
        }
        x = network.features(x, insertion)
    else:
        inserted = partial(insert_blocks, after=list(blocks), block=block, parts=parts)
        behind = inserted if blocks else lambda features: features
        file = None if weights is None else str(weights)
        x = application(x, behind, name, file, include_preprocessing)
    outputs = network.head(x, clips, pooling or network.pooling, dimension)
    outputs = on_side(outputs, network.neck if neck is None else neck)
    outputs |= {f"part_attention_{number}": maps for number, maps in enumerate(insertion.attention, 1)}
    if num_classes:
        outputs |= for_training(outputs, num_classes, cosine, centres)
    model = Network(inputs, outputs, name=name.replace("-", "_"))
    model.note_backbone(x)
    if weights is not None and name in NETWORKS:
        load_weights(model, weights)
    return model


def network_of(name: str) -> Peer:
    """The entry of a network: of the table, or for one of `keras.applications`."""
    if name in NETWORKS:
        return NETWORKS[name]
    if name in APPLICATIONS:
        return Peer(lambda x, behind: x, _pooled, scale="none", neck=True)
    known = [*NETWORKS, *APPLICATIONS]
    hint = did_you_mean(str(name), known) or f"; there are {', '.join(NETWORKS)}, and those of keras.applications"
    raise InputError(f"there is no network {name!r}{hint}")
