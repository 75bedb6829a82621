"""Image classification: any CNN of `keras.applications`, with or without inserted blocks."""

from collections.abc import Sequence

import keras
from keras import layers

from iaunet_tf.arguments import check_choice, check_image_shape, check_number
from iaunet_tf.blocks import KINDS
from iaunet_tf.models.backbones import application
from iaunet_tf.models.heads import classifier, pool
from iaunet_tf.models.insertion import insert_blocks
from iaunet_tf.models.network import Network


def ImageClassifier(
    num_classes: int,
    backbone: str = "ResNet50",
    input_shape: tuple[int, int, int] = (224, 224, 3),
    block: str | None = "iau",
    blocks: Sequence[str] = (),
    weights: str | None = None,
    name: str = "classifier",
) -> keras.Model:
    """Builds a classifier on a CNN of `keras.applications`.

    Input: RGB in 0..255, uint8 or float, `(B, H, W, 3)`; preprocessing happens inside.
    Output: float32 `"embedding"` `(B, C)`, the pooled features, and `"logits"` `(B, num_classes)`.

    Args:
        backbone: name in `keras.applications`.
        input_shape: `(height, width, 3)`.
        block: one of `iaunet_tf.blocks.KINDS`, what to insert; None inserts nothing.
        blocks: names of the backbone's layers to insert behind, see `insert_blocks`.
        weights: of the backbone: `"imagenet"`, a `.weights.h5` file without classifier, or None.

    Raises:
        InputError: an argument is out of range, the backbone or a layer is unknown, or the weights cannot be had.
    """
    check_choice("block", block, (*KINDS, None))
    check_image_shape(input_shape, least=1)
    check_number("num_classes", num_classes, 1, whole=True)

    def with_blocks(features):
        return features if block is None or not blocks else insert_blocks(features, blocks, block)

    inputs = keras.Input(input_shape, name="images")
    pixels = layers.Rescaling(1.0, dtype="float32", name="to_float")(inputs)
    features = application(pixels, with_blocks, backbone, weights)
    embedding = pool(features, name="embedding")
    outputs = {"embedding": embedding, "logits": classifier(embedding, num_classes)}
    model = Network(inputs, outputs, name=name)
    model.note_backbone(features)
    return model
