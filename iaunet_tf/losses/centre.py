"""Centre loss (Wen et al., A Discriminative Feature Learning Approach for Deep Face Recognition, ECCV 2016)."""

import keras
from keras import ops

from iaunet_tf.losses.checks import matrix, numbered


@keras.saving.register_keras_serializable("iaunet_tf")
def centre_loss(labels, distances):
    """Half of the mean squared distance from the centre of the right class, scalar float32 (equation 2, as a mean).

    Unlike in the paper, centres are moved by the optimizer, with the other weights.

    Args:
        labels: classes, whole numbers in 0..K-1, `(B,)` or `(B, 1)`.
        distances: squared distances `(B, K)`, the outputs of `iaunet_tf.layers.CentreDistances`.

    Raises:
        InputError: the arguments are others, such as labels out of range.
            Where values cannot be seen, in a compiled step, the loss is NaN instead.
    """
    return ops.mean(_losses(labels, distances))


@keras.saving.register_keras_serializable("iaunet_tf")
class CentreLoss(keras.losses.Loss):
    """`centre_loss`, which explains the arguments, for `keras.Model.compile`."""

    def __init__(self, reduction: str = "sum_over_batch_size", name: str = "centre_loss"):
        super().__init__(name, reduction, dtype="float32")

    def call(self, y_true, y_pred):
        return _losses(y_true, y_pred)


def _losses(labels, distances):
    """The loss of every example, `(B,)`."""
    distances = matrix(distances, "distances")
    numbers, doubt = numbered(labels, distances)
    return ops.sum(distances * ops.one_hot(numbers, distances.shape[1], dtype="float32"), axis=1) / 2 + doubt
