"""IAUnet (Hou et al., TNNLS 2020) and IANet (Hou et al., CVPR 2019): a ResNet-50 with interaction and aggregation."""

from functools import partial
from os import PathLike
from types import NoneType

import keras

from iaunet_tf.arguments import check_choice, check_image_shape, check_number
from iaunet_tf.errors import InputError
from iaunet_tf.layers import IABlock, IAUBlock, Preprocessing
from iaunet_tf.models.backbones import resnet50
from iaunet_tf.models.heads import classifier, neck, pool
from iaunet_tf.models.insertion import BLOCKS, Insertion
from iaunet_tf.models.network import Network, entrance
from iaunet_tf.weights import load_weights

BLOCK_AFTER_STAGES = (2, 3)
# Reach of IANet's blocks along width and height, in positions of a 256×128 image's map.
IA_ALPHAS = {2: (10.0, 20.0), 3: (5.0, 10.0)}


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
    name: str = "iaunet",
) -> keras.Model:
    """Builds the network that maps an image or a clip of a person to an embedding.

    Input: RGB in 0..255, uint8 or float, neither clipped nor rounded, `(B, H, W, 3)`; with `video`
    `(B, T, H, W, 3)` with any number of frames `T`. Normalised inside with ImageNet's statistics.

    Output, a dictionary:
        `"embedding"`: `(B, 2048·width)` float32, batch-normalised and not yet of unit length.
        `"logits"`: `(B, num_classes)`, if `num_classes` is given.
        `"part_attention_1"`, `"part_attention_2"`: `(B, [T,] H/8, W/8, 4)` and `(B, [T,] H/16, W/16, 4)`
        in 0..1, for `block="iau"`.

    Args:
        num_classes: number of training identities; None builds no classifier.
        input_shape: `(height, width, 3)` of a frame.
        video: take clips instead of images. The weights are the same.
        block: `"iau"`; `"ia"` for IANet, whose blocks see single frames; None for the plain ResNet-50 baseline.
        width: factor on all channel counts, for small variants; `64·width` is an even whole number, at most 1024.
        include_preprocessing: False leaves normalisation to the caller.
        weights: `"imagenet"`, a file that `iaunet_tf.weights.load_weights` reads, or None.
        recompute: compute the channel attention of `"iau"` in pieces, and again for the gradient:
            less memory, more time. Always so for long clips.
        cosine: `"logits"` are cosines, in -1..1, for `iaunet_tf.losses.MarginSoftmaxLoss`.

    `fit` and `evaluate` need the truth only of outputs that have a loss or a metric:

    >>> losses = {"logits": SparseCategoricalCrossentropy(from_logits=True), "embedding": BatchHardTripletLoss()}
    >>> model.compile("adam", losses, metrics={"logits": "accuracy"})
    >>> model.fit(images, {"logits": labels, "embedding": labels})

    Example:

    >>> model = IAUNet(num_classes=751)
    >>> model(images)["embedding"].shape
    (64, 2048)
    """
    check_choice("block", block, (*BLOCKS, None))
    check_image_shape(input_shape, least=16)
    check_number("width", width, 1 / 32, 16)
    if (64 * width) % 2:
        raise InputError(f"width must be a multiple of 1/32, such as 0.25; received {width}")
    if num_classes is not None:
        check_number("num_classes", num_classes, 1, whole=True)
    if not isinstance(weights, (str, PathLike, NoneType)):
        raise InputError(f"weights must be 'imagenet', a file or None; received {weights!r}")

    preprocessing = Preprocessing(name="preprocessing") if include_preprocessing else None
    inputs, clips, x = entrance(input_shape, video, preprocessing)
    blocks = Insertion(_blocks(block, recompute), clips)
    embedding = neck(pool(resnet50(x, blocks, width), clips=clips))
    outputs = {f"part_attention_{number}": maps for number, maps in enumerate(blocks.attention, 1)}
    outputs["embedding"] = embedding
    if num_classes:
        outputs["logits"] = classifier(embedding, num_classes, stddev=0.001, cosine=cosine)
    model = Network(inputs, outputs, name=name)
    if weights is not None:
        load_weights(model, weights)
    return model


def _blocks(block, recompute):
    """Makers of the paper's blocks, by their places."""
    makers = {
        "iau": lambda stage: IAUBlock(recompute=recompute, name=f"iau{stage}"),
        "ia": lambda stage: IABlock(*IA_ALPHAS[stage], name=f"ia{stage}"),
    }
    return {f"layer{stage}": partial(makers[block], stage) for stage in BLOCK_AFTER_STAGES if block}
