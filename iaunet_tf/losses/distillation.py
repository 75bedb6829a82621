"""What a trained network teaches a smaller one: how far images are from each other, and how alike people are."""

import keras
from keras import ops

from iaunet_tf.arguments import check_number
from iaunet_tf.errors import InputError
from iaunet_tf.losses.checks import matrix, require
from iaunet_tf.losses.pairs import pairwise_distance


@keras.saving.register_keras_serializable("iaunet_tf")
def relational_loss(teacher, embeddings):
    """Huber loss between the teacher's pairwise Euclidean distances in a batch and the student's, each divided by
    their mean, scalar float32 (Park et al., Relational Knowledge Distillation, CVPR 2019, equations 5 to 7).

    Args:
        teacher: embeddings of the teacher `(B, D)`.
        embeddings: of the student, of the same examples, `(B, E)`; E need not be D. Both are brought to length 1 first.

    Raises:
        InputError: the arguments are others.
    """
    return ops.mean(_relational(teacher, embeddings))


@keras.saving.register_keras_serializable("iaunet_tf")
class RelationalLoss(keras.losses.Loss):
    """`relational_loss`, which explains the arguments, for `keras.Model.compile`; the truth is the teacher."""

    def __init__(self, reduction: str = "sum_over_batch_size", name: str = "relational_loss"):
        super().__init__(name, reduction, dtype="float32")

    def call(self, y_true, y_pred):
        return _relational(y_true, y_pred)


@keras.saving.register_keras_serializable("iaunet_tf")
def soft_label_loss(teacher, logits, temperature: float = 1.0):
    """Cross entropy of the student's softmax to the teacher's, both of logits divided by the temperature, times its
    square, scalar float32 (Hinton et al., Distilling the Knowledge in a Neural Network, 2015).

    Args:
        teacher: logits of the teacher `(B, K)`.
        logits: of the student `(B, K)`.
        temperature: above 0.

    Raises:
        InputError: the arguments are others.
    """
    check_number("temperature", temperature, 1e-6)
    return ops.mean(_soft_labels(teacher, logits, temperature))


@keras.saving.register_keras_serializable("iaunet_tf")
class SoftLabelLoss(keras.losses.Loss):
    """`soft_label_loss`, which explains the arguments, for `keras.Model.compile`; the truth is the teacher."""

    def __init__(self, temperature: float = 1.0, reduction: str = "sum_over_batch_size", name: str = "soft_label_loss"):
        super().__init__(name, reduction, dtype="float32")
        check_number("temperature", temperature, 1e-6)
        self.temperature = float(temperature)

    def call(self, y_true, y_pred):
        return _soft_labels(y_true, y_pred, self.temperature)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


def _soft_labels(teacher, logits, temperature):
    """The loss of every example, `(B,)`."""
    teacher, logits = matrix(teacher, "teacher"), matrix(logits, "logits")
    target = ops.softmax(ops.stop_gradient(teacher) / temperature, axis=-1)
    return temperature**2 * keras.losses.categorical_crossentropy(target, logits / temperature, from_logits=True)


def _relational(teacher, embeddings):
    """The loss of every example, `(B,)`: the mean over its pairs with all others."""
    both = matrix(teacher, "teacher"), matrix(embeddings, "embeddings")
    if None not in (both[0].shape[0], both[1].shape[0]) and both[0].shape[0] != both[1].shape[0]:
        raise InputError(
            f"teacher and embeddings must be of the same examples; received {both[0].shape[0]} and {both[1].shape[0]}"
        )
    theirs, ours = (_relative_distances(each) for each in both)
    difference = ops.abs(ours - ops.stop_gradient(theirs))
    huber = ops.where(difference < 1, ops.square(difference) / 2, difference - 0.5)
    count = ops.cast(ops.shape(huber)[0], "float32")
    return ops.sum(huber, axis=1) / ops.maximum(count - 1, 1)


def _relative_distances(vectors):
    """Euclidean distances of unit vectors `(B, B)`, divided by the mean over pairs; 0 on the diagonal."""
    doubt = require(ops.all(ops.isfinite(vectors)), "embeddings must be finite")
    vectors = ops.normalize(vectors, axis=-1, epsilon=1e-12)
    cosine = -pairwise_distance(vectors, "cosine")
    other = 1 - ops.eye(ops.shape(cosine)[0], dtype="float32")
    # The floor keeps the gradient of the root finite.
    distance = ops.sqrt(ops.maximum(2 - 2 * cosine, 1e-6)) * other
    mean = ops.sum(distance) / ops.maximum(ops.sum(other), 1)
    return distance / ops.maximum(mean, 1e-6) + doubt
