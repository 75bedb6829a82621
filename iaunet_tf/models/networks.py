"""Networks of other re-identification toolboxes, equal to theirs, as a table; and those of `keras.applications`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike

import keras

from iaunet_tf.arguments import check_choice, check_image_shape, check_number
from iaunet_tf.errors import InputError
from iaunet_tf.layers import Preprocessing
from iaunet_tf.models.backbones import application, lmbn, osnet, resnet50, vit_base
from iaunet_tf.models.backbones.applications import APPLICATIONS
from iaunet_tf.models.heads import POOLING, classifier, mean_of_frames, neck, pool, projection
from iaunet_tf.models.insertion import BLOCKS, Insertion, insert_blocks
from iaunet_tf.models.network import Network, entrance
from iaunet_tf.weights import load_weights
from iaunet_tf.wording import did_you_mean


@dataclass(frozen=True)
class Peer:
    """A network of another toolbox.

    Attributes:
        features: backbone, from normalised images and `behind`.
        head: from feature map, clips (None for images) and kind of pooling to the outputs: `"embedding"`, and in
            networks with a neck the other side of it, `"before_neck"` or `"after_neck"`.
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


def _projected(x, clips, pooling):
    return {"embedding": projection(pool(x, clips=clips, kind=pooling))}


def _pooled(x, clips, pooling):
    return {"embedding": pool(x, clips=clips, kind=pooling)}


def _parts(x, clips, pooling):
    return {"embedding": mean_of_frames(x, clips)}


def _class_token(x, clips, pooling):
    """The neck behind the class token serves the classifier alone."""
    token = mean_of_frames(x, clips)
    return {"embedding": token, "after_neck": neck(token, "bottleneck")}


def _behind_neck(x, clips, pooling):
    pooled = pool(x, "heads.pool_layer", clips, pooling)
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
            `keras.applications` names of layers, whose blocks see single frames.
        block: `"iau"` or `"ia"`.
        pooling: `"average"`, `"max"`, `"gem"` or `"learned_gem"`; None takes the network's usual one.
        neck: whether the embedding is taken behind a batch norm, which is inserted where there is none, or before it;
            None takes the usual side, in networks of `keras.applications` behind it.
        weights: a file, or a name that `iaunet weights list` prints; for networks of `keras.applications` `"imagenet"`
            or a `.weights.h5` file without classifier.
        cosine: `"logits"` are cosines, in -1..1, for `iaunet_tf.losses.MarginSoftmaxLoss`.

    Raises:
        InputError: an argument is out of range, or the weights cannot be had.
    """
    network = network_of(name)
    if pooling is not None:
        check_choice("pooling", pooling, POOLING)
        if network.pooling is None:
            raise InputError(f"{name} pools in a way of its own; leave pooling out")
    if num_classes is not None:
        check_number("num_classes", num_classes, 1, whole=True)
    check_choice("block", block, BLOCKS)
    shape = (*network.size, 3) if input_shape is None else input_shape
    check_image_shape(shape, least=16)
    preprocessing = Preprocessing(network.scale, network.interpolation, name="preprocessing")
    inputs, clips, x = entrance(tuple(shape), video, preprocessing if include_preprocessing else None)
    insertion = Insertion({}, clips)
    if name in NETWORKS:
        unknown = [place for place in blocks if place not in network.places]
        if unknown:
            places = ", ".join(network.places) or "none"
            raise InputError(f"{name} has no place {unknown[0]!r} for a block; it has {places}")
        insertion.blocks = {place: partial(BLOCKS[block], name=f"{place}_{block}") for place in blocks}
        x = network.features(x, insertion)
    else:
        inserted = partial(insert_blocks, after=list(blocks), block=block)
        x = application(x, inserted if blocks else lambda features: features, name, weights, include_preprocessing)
    outputs = network.head(x, clips, pooling or network.pooling)
    outputs = _on_side(outputs, network.neck if neck is None else neck)
    outputs |= {f"part_attention_{number}": maps for number, maps in enumerate(insertion.attention, 1)}
    if num_classes:
        features = outputs.get("after_neck", outputs["embedding"])
        outputs["logits"] = classifier(features, num_classes, stddev=0.001, cosine=cosine)
    model = Network(inputs, outputs, name=name.replace("-", "_"))
    if weights is not None and name in NETWORKS:
        load_weights(model, weights)
    return model


def network_of(name: str) -> Peer:
    """The entry of a network: of the table, or for one of `keras.applications`."""
    if name in NETWORKS:
        return NETWORKS[name]
    if name in APPLICATIONS:
        return Peer(None, _pooled, scale="none", neck=True)
    known = [*NETWORKS, *APPLICATIONS]
    hint = did_you_mean(str(name), known) or f"; there are {', '.join(NETWORKS)}, and those of keras.applications"
    raise InputError(f"there is no network {name!r}{hint}")


def _on_side(outputs, behind):
    """Outputs whose embedding is taken `behind` the neck or before it; None leaves them as they are."""
    before, after = outputs.get("before_neck"), outputs.get("after_neck")
    if behind and before is None:
        before = outputs["embedding"]
        return {"embedding": neck(before) if after is None else after, "before_neck": before}
    if behind is False and before is not None:
        return {"embedding": before, "after_neck": outputs["embedding"]}
    return outputs
