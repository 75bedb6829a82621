"""Cross entropy with label smoothing, and the accuracy that goes with it."""

import keras
import tensorflow as tf


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor, label_smoothing: float) -> tf.Tensor:
    """Mean cross entropy of `(B,)` labels and `(B, classes)` logits."""
    targets = tf.one_hot(labels, logits.shape[-1])
    losses = keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=label_smoothing)
    return tf.reduce_mean(losses)


def accuracy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Share of the examples whose highest logit is their label's."""
    return tf.reduce_mean(tf.cast(tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels, "float32"))
