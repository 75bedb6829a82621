"""Softmax with a margin between classes, of the cosines of `CosineClassifier`."""

import math

import keras
from keras import ops

from iaunet_tf.arguments import check_choice, check_number
from iaunet_tf.errors import InputError
from iaunet_tf.losses.checks import numbered, real, require

KINDS = ("cosface", "arcface", "circle")


@keras.saving.register_keras_serializable("iaunet_tf")
def margin_softmax_loss(
    labels, cosines, kind: str = "cosface", margin: float = 0.35, scale: float = 64.0, label_smoothing: float = 0.0
):
    """Mean cross entropy of `scale · cosines` that a margin has made harder for the right class, scalar float32.

    Args:
        labels: classes, whole numbers in 0..K-1, `(B,)` or `(B, 1)`.
        cosines: `(B, K)` in -1..1, such as the outputs of `CosineClassifier`.
        kind: what becomes of the right class' cosine c. `"cosface"`: c − margin (Wang et al., CVPR 2018); `"arcface"`:
            the cosine of its angle + margin, and from angles of π − margin on c − margin · sin(margin) (Deng et al.,
            CVPR 2019, and their code); `"circle"`: (1 + margin − c) · (c − 1 + margin), and of the other classes'
            max(0, c + margin) · (c − margin), whose first factors are constants to the gradient (Sun et al., CVPR
            2020, class-level labels).
        margin: 0 to 1.
        scale: above 0.
        label_smoothing: how much of the target goes evenly to all classes, 0 to 1.

    Raises:
        InputError: the arguments are others, such as labels out of range, or logits for cosines.
            Where values cannot be seen, in a compiled step, the loss is NaN instead.
    """
    _check_arguments(kind, margin, scale, label_smoothing)
    return ops.mean(_losses(labels, cosines, kind, margin, scale, label_smoothing))


@keras.saving.register_keras_serializable("iaunet_tf")
class MarginSoftmaxLoss(keras.losses.Loss):
    """`margin_softmax_loss`, which explains the arguments, for `keras.Model.compile`."""

    def __init__(
        self,
        kind: str = "cosface",
        margin: float = 0.35,
        scale: float = 64.0,
        label_smoothing: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str = "margin_softmax_loss",
    ):
        super().__init__(name, reduction, dtype="float32")
        _check_arguments(kind, margin, scale, label_smoothing)
        self.kind, self.margin, self.scale, self.label_smoothing = kind, margin, scale, label_smoothing

    def call(self, y_true, y_pred):
        return _losses(y_true, y_pred, self.kind, self.margin, self.scale, self.label_smoothing)

    def get_config(self):
        own = {"kind": self.kind, "margin": self.margin, "scale": self.scale, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own}


def _check_arguments(kind, margin, scale, label_smoothing):
    check_choice("kind", kind, KINDS)
    check_number("margin", margin, 0, 1)
    check_number("scale", scale, 1e-6)
    check_number("label_smoothing", label_smoothing, 0, 1)


def _losses(labels, cosines, kind, margin, scale, label_smoothing):
    """The loss of every example, `(B,)`."""
    cosines = ops.cast(real(cosines, "cosines"), "float32")
    if len(cosines.shape) != 2 or 0 in tuple(cosines.shape):
        raise InputError(f"cosines must be (B, K), and come after the labels; received {tuple(cosines.shape)}")
    classes = cosines.shape[1]
    numbers, doubt = numbered(labels, cosines)
    doubt += require(ops.all(ops.abs(cosines) <= 1 + 1e-3), "cosines must be in -1..1, as CosineClassifier gives them")
    target = ops.one_hot(numbers, classes, dtype="float32")
    logits = scale * ops.where(target > 0, _of_target(cosines, kind, margin), _of_others(cosines, kind, margin))
    target = target * (1 - label_smoothing) + label_smoothing / classes
    return keras.losses.categorical_crossentropy(target, logits, from_logits=True) + doubt


def _of_target(cosines, kind, margin):
    if kind == "cosface":
        return cosines - margin
    if kind == "circle":
        return ops.stop_gradient(ops.relu(1 + margin - cosines)) * (cosines - 1 + margin)
    # The floor keeps the gradient of the root finite.
    sines = ops.sqrt(ops.maximum(1 - ops.square(cosines), 1e-7))
    turned = cosines * math.cos(margin) - sines * math.sin(margin)
    return ops.where(cosines > -math.cos(margin), turned, cosines - margin * math.sin(margin))


def _of_others(cosines, kind, margin):
    if kind == "circle":
        return ops.stop_gradient(ops.relu(cosines + margin)) * (cosines - margin)
    return cosines
