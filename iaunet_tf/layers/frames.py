"""Layers that reshape clips to images and back, so that all frames go through one 2-D backbone."""

import keras
from keras import ops

from iaunet_tf.errors import InputError


@keras.saving.register_keras_serializable(package="iaunet_tf")
class FramesToBatch(keras.layers.Layer):
    """Reshapes `(B, T, ...)` to `(B·T, ...)`."""

    def call(self, clips):
        if clips.shape[1] == 0:
            raise InputError(f"a clip needs at least one frame; received {tuple(clips.shape)}")
        return ops.reshape(clips, (-1, *ops.shape(clips)[2:]))

    def compute_output_shape(self, input_shape):
        batch, frames, *rest = input_shape
        return (batch * frames if batch and frames else None, *rest)


@keras.saving.register_keras_serializable(package="iaunet_tf")
class BatchToFrames(keras.layers.Layer):
    """Reshapes `(B·T, ...)` to `(B, T, ...)`, the inverse of `FramesToBatch`.

    Inputs: a list of the tensor `(B·T, ...)` and the clips `(B, T, ...)`, used only for their number of frames.
    """

    def call(self, inputs):
        images, clips = inputs
        return ops.reshape(images, (-1, ops.shape(clips)[1], *ops.shape(images)[1:]))

    def compute_output_shape(self, input_shape):
        images, clips = input_shape
        return (*clips[:2], *images[1:])
