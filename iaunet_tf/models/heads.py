"""What stands on a feature map: pooling, neck, classifier."""

import keras
from keras import layers

from iaunet_tf.arguments import check_choice
from iaunet_tf.layers import BatchToFrames, CentreDistances, CosineClassifier, GeM
from iaunet_tf.layers.parts import batch_norm

POOLING = {
    "average": layers.GlobalAveragePooling2D,
    "max": layers.GlobalMaxPooling2D,
    "gem": GeM,
    "learned_gem": lambda **options: GeM(learn=True, **options),
}

SIDES = ("embedding", "before_neck", "after_neck")  # of a neck


def pool(x, name: str = "pool", clips=None, kind: str = "average", dimension: int | None = None):
    """From a feature map `(B, h, w, C)` to float32 `(B, C)`, in clips the mean of the frames'; a dense layer without
    bias turns it into `(B, dimension)`.

    `clips` is the input `(B, T, ...)` of a video network, whose frames `x` `(B·T, h, w, C)` holds.
    """
    pooled = _pooled(x, name, clips, kind)
    if dimension is None:
        return pooled
    return layers.Dense(dimension, use_bias=False, dtype="float32", name="projection")(pooled)


def _pooled(x, name, clips, kind):
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


def on_side(outputs: dict, behind: bool | None) -> dict:
    """Outputs whose embedding is taken `behind` the neck, which is made if there is none, or before it; None leaves
    them as they are. The other side is called `"before_neck"` or `"after_neck"`."""
    before, after = outputs.get("before_neck"), outputs.get("after_neck")
    if behind and before is None:
        before = outputs["embedding"]
        return {"embedding": neck(before) if after is None else after, "before_neck": before}
    if behind is False and before is not None:
        return {"embedding": before, "after_neck": outputs["embedding"]}
    return outputs


def for_training(outputs: dict, num_classes: int, cosine: bool, centres: str | None, stddev: float = 0.001) -> dict:
    """What training needs besides: `"logits"` from behind the neck, and `"centre_distances"` of the output `centres`,
    if it is named."""
    added = {"logits": classifier(outputs.get("after_neck", outputs["embedding"]), num_classes, stddev, cosine)}
    if centres is not None:
        check_choice("centres", centres, [name for name in SIDES if name in outputs])
        added["centre_distances"] = CentreDistances(num_classes, name="centres")(outputs[centres])
    return added


def classifier(embedding, num_classes: int, stddev: float | None = None, cosine: bool = False):
    """Float32 logits `(B, num_classes)` of embeddings `(B, C)`, or cosines for margin softmax.

    `stddev` is the standard deviation of the new kernel; None takes Keras' default.
    """
    options = {} if stddev is None else {"kernel_initializer": keras.initializers.RandomNormal(stddev=stddev)}
    kind = CosineClassifier if cosine else layers.Dense
    return kind(num_classes, dtype="float32", name="classifier", **options)(embedding)
