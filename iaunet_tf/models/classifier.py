"""Object categorisation: any CNN of keras.applications, with or without inserted blocks."""

import inspect
from collections.abc import Sequence

import keras
from keras import layers

from iaunet_tf.errors import InputError
from iaunet_tf.models.insertion import insert_blocks

# Everything in keras.applications that builds a network.
BACKBONES = sorted(name for name, value in vars(keras.applications).items() if inspect.isfunction(value))


def ImageClassifier(
    num_classes: int,
    backbone: str = "ResNet50",
    input_shape: tuple[int, int, int] = (224, 224, 3),
    block: str | None = "iau",
    blocks_after: Sequence[str] = (),
    weights: str | None = None,
    name: str = "classifier",
) -> keras.Model:
    """Builds a classifier on a CNN of `keras.applications`.

    Input: RGB in 0..255, uint8 or float, `(B, H, W, 3)`; the backbone's own preprocessing happens inside, once.

    Output, a dictionary: `"embedding"` `(B, C)`, the pooled features, and `"logits"` `(B, num_classes)`, float32 both.

    Args:
        num_classes: number of classes.
        backbone: name in `keras.applications`.
        input_shape: `(height, width, 3)`.
        block: `"iau"` or `"ia"`, what to insert; None inserts nothing.
        blocks_after: names of the backbone's layers to insert behind, see `insert_blocks`.
        weights: of the backbone: `"imagenet"`, a `.weights.h5` file without classifier, or None.
        name: name of the model.

    Raises:
        InputError: unknown backbone or layer, or weights that cannot be had.
    """
    if backbone not in BACKBONES:
        raise InputError(f"keras.applications has no {backbone}; it has {', '.join(BACKBONES)}")
    build = getattr(keras.applications, backbone)
    try:
        features = build(include_top=False, weights=weights, input_shape=tuple(input_shape))
    except Exception as error:  # of the download, of h5py, of shapes too small for the network
        reason = " ".join(str(error).split())
        if "URL fetch failure" in reason:
            reason += "; fetch that file on another machine and put it into ~/.keras/models"
        raise InputError(
            f"{backbone} of {tuple(input_shape)} with weights {weights} cannot be built: {reason}"
        ) from None
    if block is not None and blocks_after:
        try:
            features = insert_blocks(features, blocks_after, block)
        except ValueError as error:
            raise InputError(str(error)) from None

    inputs = keras.Input(input_shape, name="images")
    # Each application has its own, among them none.
    preprocess = inspect.getmodule(build).preprocess_input
    x = features(preprocess(layers.Rescaling(1.0, dtype="float32", name="to_float")(inputs)))
    embedding = layers.GlobalAveragePooling2D(dtype="float32", name="embedding")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="classifier")(embedding)
    return keras.Model(inputs, {"embedding": embedding, "logits": logits}, name=name)
