"""What stands on a feature map: pooling, neck, classifier."""

import keras
from keras import layers

from iaunet_tf.layers import BatchToFrames
from iaunet_tf.layers.parts import batch_norm


def pool(x, name: str = "pool", clips=None):
    """Mean over positions, in clips over frames too: `(B, h, w, C)` to float32 `(B, C)`.

    `clips` is the input `(B, T, ...)` of a video network, whose frames `x` `(B·T, h, w, C)` holds.
    """
    if clips is None:
        return layers.GlobalAveragePooling2D(dtype="float32", name=name)(x)
    return layers.GlobalAveragePooling3D(dtype="float32", name=name)(BatchToFrames(name="clips")([x, clips]))


def neck(x):
    """The batch norm that turns pooled features into the embedding: `(B, C)` to float32 `(B, C)`."""
    return batch_norm(dtype="float32", name="embedding")(x)


def classifier(embedding, num_classes: int, stddev: float | None = None):
    """Float32 logits `(B, num_classes)` of embeddings `(B, C)`.

    `stddev` is the standard deviation of the new kernel; None takes Keras' default.
    """
    options = {} if stddev is None else {"kernel_initializer": keras.initializers.RandomNormal(stddev=stddev)}
    return layers.Dense(num_classes, dtype="float32", name="classifier", **options)(embedding)
