from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from iaunet_tf.config.common import TrainConfig
from iaunet_tf.layers import IAUBlock
from iaunet_tf.losses import batch_hard_triplet_loss, part_mask_loss
from iaunet_tf.training.loss_scale import LossScale
from iaunet_tf.training.step import make_train_step

X = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")
BATCH = {"images": tf.constant(X)}


def mean_of_squares(outputs, batch, factor=1.0):
    """Of a linear layer; `factor` makes gradients that are not finite."""
    return factor * tf.reduce_mean(tf.square(outputs)), {"mean": tf.reduce_mean(outputs)}


def network(optimizer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    model.compile(optimizer)
    model.optimizer.build(model.trainable_variables)
    return model


def gradients(**options):
    """Of one step, by SGD of rate 1, and the values."""
    model = network(keras.optimizers.SGD(1.0))
    before = model.get_weights()
    values = make_train_step(model, mean_of_squares, TrainConfig(batch_size=8, weight_decay=0.0, **options))(BATCH)
    return [old - new for old, new in zip(before, model.get_weights(), strict=True)], values


def by_hand():
    kernel, bias = network(keras.optimizers.SGD(1.0)).get_weights()
    y = X @ kernel + bias
    return [2 * X.T @ y / y.size, 2 * y.sum(axis=0) / y.size], {"loss": (y**2).mean(), "mean": y.mean(), "stop": 0}


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"accumulate": 4}, {"jit_compile": True}])
def test_gradients_and_values(options):
    for ours, expected in zip(gradients(**options), by_hand(), strict=True):
        if isinstance(expected, dict):
            assert ours == pytest.approx(expected, rel=1e-5)
        else:
            for mine, theirs in zip(ours, expected, strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


def test_clipping():
    plain = by_hand()[0]
    norm = np.sqrt(sum((g**2).sum() for g in plain))
    for longest, scale in ((norm / 2, 0.5), (2 * norm, 1)):
        for mine, theirs in zip(gradients(clip_norm=float(longest))[0], plain, strict=True):
            np.testing.assert_allclose(mine, scale * theirs, rtol=1e-4)


def test_loss_scale_leaves_out_steps_that_are_not_finite():
    model, scale = network(keras.optimizers.Adam(0.1)), LossScale(initial=8.0, growth_steps=2)
    factor = tf.Variable(1.0)
    step = make_train_step(model, partial(mean_of_squares, factor=factor), TrainConfig(batch_size=8), scale)
    reference = network(keras.optimizers.Adam(0.1))
    plain = make_train_step(reference, mean_of_squares, TrainConfig(batch_size=8))
    step(BATCH), plain(BATCH)
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    factor.assign(np.inf)
    before = [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]
    assert scale.state() == {"value": 8.0, "finite_steps": 1}
    step(BATCH)
    for variable, value in zip((*model.variables, *model.optimizer.variables), before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert scale.state() == {"value": 4.0, "finite_steps": 0}
    factor.assign(1.0)
    step(BATCH), step(BATCH)
    assert scale.state() == {"value": 8.0, "finite_steps": 0}  # doubled after two
    other = LossScale()
    other.restore(scale.state())
    assert other.state() == scale.state()


@pytest.mark.parametrize("shape", [(2, 6, 4, 16), (2, 3, 6, 4, 16)])
def test_float16_with_large_activations(shape):
    """Logits of the channel attention far beyond float16, and losses of large embeddings, are finite with gradients."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    block = IAUBlock(dtype="mixed_float16")
    x = tf.constant(rng.uniform(-2000, 2000, shape), "float16")
    block(x)
    for weight in block.weights:
        if weight.path.endswith("gamma"):
            weight.assign(tf.ones_like(weight))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, attention = block(x, training=True)
        embedding = tf.cast(tf.reduce_mean(y, axis=tuple(range(1, len(shape) - 1))), "float16")
        loss = batch_hard_triplet_loss(tf.constant([0, 1]), embedding, distance="euclidean")
        loss += batch_hard_triplet_loss(tf.constant([0, 1]), embedding, distance="cosine")
        loss += part_mask_loss(tf.ones_like(attention), attention)
    assert y.dtype == "float16" and attention.dtype == "float32"
    found = tape.gradient(loss, [x, *(weight.value for weight in block.trainable_weights)])
    for value in (y, attention, loss, *(gradient for gradient in found if gradient is not None)):
        assert np.isfinite(np.asarray(value)).all()
