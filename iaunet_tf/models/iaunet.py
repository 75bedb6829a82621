"""IAUnet (Hou et al., TNNLS 2020) and IANet (Hou et al., CVPR 2019): a ResNet-50 with interaction and aggregation."""

from collections.abc import Sequence
from functools import partial
from os import PathLike

import keras

from iaunet_tf.arguments import check_choice, check_image_shape, check_number
from iaunet_tf.blocks import IAUNET_BLOCKS, KINDS, RESNET50_DEPTHS, check_depths, check_places, placed
from iaunet_tf.errors import InputError
from iaunet_tf.layers import IABlock, IAUBlock, Preprocessing
from iaunet_tf.models.backbones import resnet50
from iaunet_tf.models.heads import POOLING, for_training, on_side, pool
from iaunet_tf.models.insertion import Insertion
from iaunet_tf.models.network import Network, entrance
from iaunet_tf.weights import load_weights

# Reach of IANet's blocks along width and height, in positions of a 256×128 image's map.
IA_ALPHAS = {"layer1": (20.0, 40.0), "layer2": (10.0, 20.0), "layer3": (5.0, 10.0), "layer4": (5.0, 10.0)}


def IAUNet(
    num_classes: int | None = None,
    input_shape: tuple[int, int, int] = (256, 128, 3),
    video: bool = False,
    block: str | None = "iau",
    width: float = 1.0,
    include_preprocessing: bool = True,
    weights: str | None = None,
    recompute: bool = False,
    cosine: bool = False,
    blocks: Sequence[str] = IAUNET_BLOCKS,
    parts: int = 4,
    pooling: str = "average",
    dimension: int | None = None,
    neck: bool = True,
    centres: str | None = None,
    depths: Sequence[int] = RESNET50_DEPTHS,
    name: str = "iaunet",
) -> keras.Model:
    """Builds the network that maps an image or a clip of a person to an embedding.

    Input: RGB in 0..255, uint8 or float, neither clipped nor rounded, `(B, H, W, 3)`; with `video`
    `(B, T, H, W, 3)` with any number of frames `T`. Normalised inside with ImageNet's statistics.

    Output, a dictionary:
        `"embedding"`: `(B, 2048·width)` float32, batch-normalised and not yet of unit length.
        `"before_neck"`: the same before batch normalisation.
        `"logits"`: `(B, num_classes)`, if `num_classes` is given.
        `"part_attention_1"`, `"part_attention_2"`: `(B, [T,] H/8, W/8, 4)` and `(B, [T,] H/16, W/16, 4)`
        in 0..1, for `block="iau"`; one for each block with parts.
        `"centre_distances"`: `(B, num_classes)`, if `centres` is given.

    Args:
        num_classes: number of training identities; None builds no classifier.
        input_shape: `(height, width, 3)` of a frame.
        video: take clips instead of images. The weights are the same.
        block: `"iau"`; `"ia"` for IANet, whose blocks see single frames; None for the plain ResNet-50 baseline; or a
            part of an IAU block: `"channel"`, `"spatial_temporal"`, `"spatial"` or `"temporal"`.
        width: factor on all channel counts, for small variants; `64·width` is an even whole number, at most 1024.
        include_preprocessing: False leaves normalisation to the caller.
        weights: `"imagenet"`, a file that `iaunet_tf.weights.load_weights` reads, or None.
        recompute: compute the channel attention of `"iau"` in pieces, and again for the gradient:
            less memory, more time. Always so for long clips.
        cosine: `"logits"` are cosines, in -1..1, for `iaunet_tf.losses.MarginSoftmaxLoss`.
        blocks: stages behind which blocks stand, of `"layer1"` to `"layer4"`; `"layer2=channel"` where the block is not
            of the kind `block`.
        parts: number of body parts of IAU blocks.
        pooling: `"average"`, `"max"`, `"gem"` or `"learned_gem"`.
        dimension: size of the embedding, by a dense layer in front of the neck; None adds none.
        neck: whether the embedding is taken behind the batch norm; if not, that side is `"after_neck"`.
        centres: `"embedding"`, `"before_neck"` or `"after_neck"`: which output `"centre_distances"` are of, for
            `iaunet_tf.losses.CentreLoss`.
        depths: number of residual blocks in each of the four stages, 1 to 100; `(3, 4, 23, 3)` is a ResNet-101.

    Examples:
        >>> model = IAUNet(num_classes=751)
        >>> model(images)["embedding"].shape
        (64, 2048)

        `fit` and `evaluate` need the truth only of outputs that have a loss or a metric:

        >>> losses = {"logits": SparseCategoricalCrossentropy(from_logits=True), "embedding": BatchHardTripletLoss()}
        >>> model.compile("adam", losses, metrics={"logits": "accuracy"})
        >>> model.fit(images, {"logits": labels, "embedding": labels})
    """
    check_choice("block", block, (*KINDS, None))
    check_choice("pooling", pooling, POOLING)
    check_number("parts", parts, 1, whole=True)
    if dimension is not None:
        check_number("dimension", dimension, 1, whole=True)
    kinds = {} if block is None else placed(blocks, block)
    check_places(kinds)
    check_image_shape(input_shape, least=16)
    check_number("width", width, 1 / 32, 16)
    if (64 * width) % 2:
        raise InputError(f"width must be a multiple of 1/32, such as 0.25; received {width}")
    check_depths("depths", depths)
    if num_classes is not None:
        check_number("num_classes", num_classes, 1, whole=True)
    if not isinstance(weights, str | PathLike | None):
        raise InputError(f"weights must be 'imagenet', a file or None; received {weights!r}")

    preprocessing = Preprocessing(name="preprocessing") if include_preprocessing else None
    inputs, clips, x = entrance(input_shape, video, preprocessing)
    insertion = Insertion(_makers(kinds, parts, recompute), clips)
    features = resnet50(x, insertion, width, depths)
    outputs = on_side({"embedding": pool(features, clips=clips, kind=pooling, dimension=dimension)}, behind=True)
    outputs = on_side(outputs, behind=neck)
    if num_classes:
        outputs |= for_training(outputs, num_classes, cosine, centres)
    attention = {f"part_attention_{number}": maps for number, maps in enumerate(insertion.attention, 1)}
    model = Network(inputs, {**attention, **outputs}, name=name)
    model.note_backbone(features)
    if weights is not None:
        load_weights(model, weights)
    return model


def _makers(kinds, parts, recompute):
    """Makers of the paper's blocks, by their places."""
    makers = {}
    for place, kind in kinds.items():
        stage = place.removeprefix("layer")
        if kind == "ia":
            makers[place] = partial(IABlock, *IA_ALPHAS[place], name=f"ia{stage}")
        else:
            makers[place] = partial(IAUBlock, parts, recompute, kind=kind, name=f"iau{stage}")
    return makers
