import keras
import numpy as np
import pytest
import tensorflow as tf

from iaunet_tf.layers.parts import batch_norm


def step(layer, x, cotangent):
    """Returns the output, gradients and moving statistics of one training step."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, "float32") * cotangent)
    return [y, *tape.gradient(loss, [x, *layer.trainable_weights]), *layer.non_trainable_weights]


@pytest.mark.parametrize("shape", [(6, 5, 4, 8), (2, 3, 5, 4, 8), (7, 8), (1, 8), (3, 4, 4, 1)])
def test_trains_as_keras_does(shape):
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(3, 2, shape), "float32")
    cotangent = tf.constant(rng.normal(size=shape), "float32")
    ours, theirs = batch_norm(), keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    for layer in (ours, theirs):
        layer.build(shape)
        layer.set_weights([np.linspace(0.5, 2, shape[-1])] * 4)
    for mine, other in zip(step(ours, x, cotangent), step(theirs, x, cotangent), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours(x, training=False), theirs(x, training=False), rtol=1e-5, atol=1e-6)


def test_frozen_it_keeps_its_statistics():
    x = tf.random.normal((4, 3, 3, 8))
    layer = batch_norm()
    layer.trainable = False
    np.testing.assert_allclose(layer(x, training=True), x, rtol=1e-4)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(8))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_float32_statistics(policy):
    x = tf.random.normal((16, 4, 4, 8), 300, 20)
    layer = batch_norm(dtype=policy)
    y = layer(x, training=True)
    assert y.dtype == layer.compute_dtype and layer.moving_variance.dtype == "float32"
    assert np.isfinite(y).all()
    np.testing.assert_allclose(layer.moving_mean, 0.1 * tf.reduce_mean(x, axis=(0, 1, 2)), rtol=1e-2)
