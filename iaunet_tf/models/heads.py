"""What stands on a feature map: pooling, neck, classifier."""

import keras
from keras import layers

from iaunet_tf.layers import BatchToFrames, CosineClassifier, GeM
from iaunet_tf.layers.parts import batch_norm

POOLING = {
    "average": layers.GlobalAveragePooling2D,
    "max": layers.GlobalMaxPooling2D,
    "gem": GeM,
    "learned_gem": lambda **options: GeM(learn=True, **options),
}


def pool(x, name: str = "pool", clips=None, kind: str = "average"):
    """From a feature map `(B, h, w, C)` to float32 `(B, C)`, in clips the mean of the frames'.

    `clips` is the input `(B, T, ...)` of a video network, whose frames `x` `(B·T, h, w, C)` holds.
    """
    if clips is None:
        return POOLING[kind](dtype="float32", name=name)(x)
    if kind == "average":
        return layers.GlobalAveragePooling3D(dtype="float32", name=name)(BatchToFrames(name="clips")([x, clips]))
    return mean_of_frames(POOLING[kind](dtype="float32", name=name)(x), clips)


def mean_of_frames(vectors, clips=None):
    """The mean of the frames' vectors, `(B·T, C)` to `(B, C)`; without clips the vectors."""
    if clips is None:
        return vectors
    frames = BatchToFrames(dtype="float32", name="clips")([vectors, clips])
    return layers.GlobalAveragePooling1D(dtype="float32", name="frames")(frames)


def neck(x, name: str = "embedding"):
    """The batch norm that turns pooled features into the embedding: `(B, C)` to float32 `(B, C)`."""
    return batch_norm(dtype="float32", name=name)(x)


def projection(x, dimension: int = 512, name: str = "fc"):
    """A dense layer, batch norm and ReLU behind the pooling, as OSNet has it: `(B, C)` to `(B, dimension)`."""
    x = neck(layers.Dense(dimension, dtype="float32", name=f"{name}.0")(x), f"{name}.1")
    return layers.ReLU(dtype="float32", name=f"{name}.relu")(x)


def classifier(embedding, num_classes: int, stddev: float | None = None, cosine: bool = False):
    """Float32 logits `(B, num_classes)` of embeddings `(B, C)`, or cosines for margin softmax.

    `stddev` is the standard deviation of the new kernel; None takes Keras' default.
    """
    options = {} if stddev is None else {"kernel_initializer": keras.initializers.RandomNormal(stddev=stddev)}
    kind = CosineClassifier if cosine else layers.Dense
    return kind(num_classes, dtype="float32", name="classifier", **options)(embedding)
