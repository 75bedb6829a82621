"""Clips to images and back, so that the frames of a clip share a 2-D backbone."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="iaunet_tf")
class FramesToBatch(keras.layers.Layer):
    """`(B, T, ...)` to `(B·T, ...)`."""

    def call(self, clips):
        return ops.reshape(clips, (-1, *ops.shape(clips)[2:]))

    def compute_output_shape(self, input_shape):
        batch, frames, *rest = input_shape
        return (batch * frames if batch and frames else None, *rest)


@keras.saving.register_keras_serializable(package="iaunet_tf")
class BatchToFrames(keras.layers.Layer):
    """`[(B·T, ...), clips (B, T, ...)]` to `(B, T, ...)`: undoes `FramesToBatch` for the maps computed from
    `clips`, of which only the number of frames is used."""

    def call(self, inputs):
        images, clips = inputs
        return ops.reshape(images, (-1, ops.shape(clips)[1], *ops.shape(images)[1:]))

    def compute_output_shape(self, input_shape):
        images, clips = input_shape
        return (*clips[:2], *images[1:])
