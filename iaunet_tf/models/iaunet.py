"""IAUnet (Hou et al., TNNLS 2020) and IANet (Hou et al., CVPR 2019): a ResNet-50 with interaction and aggregation."""

from functools import partial

import keras
from keras import layers

from iaunet_tf.layers import FramesToBatch, IABlock, IAUBlock
from iaunet_tf.models.backbones import resnet50
from iaunet_tf.models.heads import classifier, neck, pool
from iaunet_tf.models.insertion import Insertion
from iaunet_tf.preprocessing import IMAGENET_MEAN, IMAGENET_STD
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
        width: factor on all channel counts, for small variants; `64·width` must be an even whole number.
        include_preprocessing: False leaves normalisation to the caller.
        weights: `"imagenet"`, a file that `iaunet_tf.weights.load_weights` reads, or None.
        recompute: compute the channel attention of `"iau"` in pieces, and again for the gradient:
            less memory, more time. Always so for long clips.

    Example:

    >>> model = IAUNet(num_classes=751)
    >>> model(images)["embedding"].shape
    (64, 2048)
    """
    if block not in ("iau", "ia", None):
        raise ValueError(f"block must be 'iau', 'ia' or None; received {block!r}")
    if len(input_shape) != 3 or input_shape[-1] != 3 or min(input_shape[:2]) < 16:
        raise ValueError(f"input_shape must be (height, width, 3), at least 16 pixels each; received {input_shape}")
    if width <= 0 or (64 * width) % 2:
        raise ValueError(f"64 * width must be an even whole number; received width={width}")
    if num_classes is not None and num_classes < 1:
        raise ValueError(f"num_classes must be positive or None; received {num_classes}")

    inputs = keras.Input((None, *input_shape) if video else input_shape, name="images")
    clips = inputs if video else None
    x = inputs
    if include_preprocessing:
        scale = [1 / (255 * s) for s in IMAGENET_STD]
        offset = [-m / s for m, s in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]
        x = layers.Rescaling(scale, offset, dtype="float32", name="preprocessing")(x)
    if video:
        x = FramesToBatch(name="frames_to_batch")(x)
    blocks = Insertion(_blocks(block, recompute), clips)
    embedding = neck(pool(resnet50(x, blocks, width), clips=clips))
    outputs = {f"part_attention_{number}": maps for number, maps in enumerate(blocks.attention, 1)}
    outputs["embedding"] = embedding
    if num_classes:
        outputs["logits"] = classifier(embedding, num_classes, stddev=0.001)
    model = keras.Model(inputs, outputs, name=name)
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
