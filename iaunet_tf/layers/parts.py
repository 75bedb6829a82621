"""Building blocks of the layers: 1×1 convolutions (dense layers over channels) and normalisation."""

import keras
from keras import ops

BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-5}


class Pointwise(keras.layers.Dense):
    """A 1×1 convolution with bias, with weights initialised from a normal distribution of variance ``2 / units``.

    Flattens the other axes of its input without querying the batch size; Keras' own `Dense` leaves a dozen nodes of
    shape arithmetic in every exported graph.
    """

    def __init__(self, units: int, **kwargs):
        initializer = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
        super().__init__(units, kernel_initializer=initializer, **kwargs)

    def call(self, inputs, training=None):
        _, *between, channels = ops.shape(inputs)
        outputs = super().call(ops.reshape(inputs, (-1, channels)), training=training)
        return ops.reshape(outputs, (-1, *between, self.units))


@keras.saving.register_keras_serializable(package="iaunet_tf")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation over the last axis that trains with TensorFlow's fused kernel on the TensorFlow backend.

    Keras' own implementation uses elementwise operations, which take two to three times as long on CPUs, and if
    `synchronized` three messages between replicas rather than one.
    """

    def call(self, inputs, training=None):
        if not (keras.backend.backend() == "tensorflow" and training and self.trainable):
            return super().call(inputs, training=training)
        flat = ops.reshape(inputs, (-1, 1, 1, inputs.shape[-1]))
        outputs, mean, variance = (self._synchronized if self.synchronized else self._fused)(flat)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1 - self.momentum))
        return ops.cast(ops.reshape(outputs, ops.shape(inputs)), self.compute_dtype)

    def _fused(self, flat):
        from tensorflow.compat.v1 import nn

        outputs, mean, variance = nn.fused_batch_norm(flat, self.gamma, self.beta, epsilon=self.epsilon)
        # The kernel returns the unbiased variance, but Keras stores the biased one.
        count = ops.cast(ops.shape(flat)[0], variance.dtype)
        return outputs, mean, variance * ops.maximum(count - 1, 1) / count

    def _synchronized(self, flat):
        import tensorflow as tf

        flat = ops.cast(flat, "float32")
        mean = ops.mean(flat, axis=(0, 1, 2))
        # Around a value that all replicas know, so that large means take no digits of the variance.
        square = ops.mean(ops.square(flat - self.moving_mean), axis=(0, 1, 2))
        context = tf.distribute.get_replica_context()
        if context and context.num_replicas_in_sync > 1:
            mean, square = ops.unstack(context.all_reduce("MEAN", ops.stack([mean, square])))
        variance = ops.maximum(square - ops.square(mean - self.moving_mean), 0)
        return ops.batch_normalization(flat, mean, variance, -1, self.beta, self.gamma, self.epsilon), mean, variance


def batch_norm(zero: bool = False, **kwargs) -> BatchNorm:
    """Creates a batch norm with the paper's settings. With `zero`, its scale starts at 0, so that
    the residual block that ends in it starts as the identity."""
    gamma = "zeros" if zero else "ones"
    return BatchNorm(gamma_initializer=gamma, **BATCH_NORM, **kwargs)


@keras.saving.register_keras_serializable(package="iaunet_tf")
class InstanceNorm(keras.layers.Layer):
    """Normalises every channel of every map over its positions, then scales and shifts it: `(B, h, w, C)` to the same.

    Computed in float32 under every precision policy. Keras' own `GroupNormalization` does it in five dimensions, for
    which runtimes of exported files have no fast kernels: OSNet-AIN takes up to six times as long.
    """

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma", autocast=False)
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta", autocast=False)

    def call(self, x):
        centred = ops.cast(x, "float32")
        centred = centred - ops.mean(centred, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(centred), axis=(1, 2), keepdims=True)
        scale = ops.rsqrt(variance + BATCH_NORM["epsilon"]) * self.gamma
        return ops.cast(centred * scale + self.beta, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


def conv(x, filters: int, kernel: int, stride: int, name: str):
    """Applies a convolution without bias, padded on all sides alike, as PyTorch does."""
    if kernel > 1:
        # "same" would pad a stride of 2 on the right and bottom only.
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    initializer = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
    options = {"strides": stride, "use_bias": False, "kernel_initializer": initializer}
    return keras.layers.Conv2D(filters, kernel, name=name, **options)(x)
