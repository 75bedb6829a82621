import keras
import numpy as np
import pytest
import tensorflow as tf
from layers.oracle_weights import channels_last

from iaunet_tf.layers import IABlock
from iaunet_tf.layers.ia_block import location_prior


@pytest.fixture
def loaded(oracle):
    """Returns the block with the oracle's weights, its input, and pairs of the authors' name and our norm."""
    numbers = oracle("ia_image")
    x = channels_last(numbers["input"])
    block = IABlock(alpha_x=5, alpha_y=10)
    block.build(x.shape)
    norms = {"W1": block.spatial_norm, "W2": block.channel_norm}
    for name, norm in norms.items():
        parts = ("weight", "bias", "running_mean", "running_var")
        norm.set_weights([numbers[f"param/{name}.{part}"] for part in parts])
    return numbers, block, x, norms


def test_evaluation_equals_the_authors(loaded):
    numbers, block, x, _ = loaded
    np.testing.assert_allclose(block(x), channels_last(numbers["eval/output"]), atol=1e-5)


def test_training_equals_the_authors(loaded):
    numbers, block, x, norms = loaded
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = block(x, training=True)
        loss = tf.reduce_sum(y * channels_last(numbers["train/cotangent"]))
    np.testing.assert_allclose(y, channels_last(numbers["train/output"]), atol=1e-5)
    weights = {name: (norm.gamma.value, norm.beta.value) for name, norm in norms.items()}
    dx, gradients = tape.gradient(loss, (x, weights))
    np.testing.assert_allclose(dx, channels_last(numbers["train/grad/input"]), atol=1e-4)
    count = x.shape[0] * x.shape[1] * x.shape[2]
    for name, norm in norms.items():
        np.testing.assert_allclose(gradients[name][0], numbers[f"train/grad/{name}.weight"], atol=1e-4)
        np.testing.assert_allclose(gradients[name][1], numbers[f"train/grad/{name}.bias"], atol=1e-4)
        np.testing.assert_allclose(norm.moving_mean, numbers[f"train/after/{name}.running_mean"], atol=1e-5)
        old = 0.9 * numbers[f"param/{name}.running_var"]
        unbiased = old + (np.array(norm.moving_variance) - old) * count / (count - 1)
        np.testing.assert_allclose(unbiased, numbers[f"train/after/{name}.running_var"], atol=1e-5)


def test_location_prior_by_hand():
    prior = location_prior(2, 3, alpha_x=1, alpha_y=2)
    np.testing.assert_allclose(prior.sum(1), 1, rtol=1e-6)
    # From the top left corner to the bottom right: two columns, one row.
    assert prior[0, 5] / prior[0, 0] == pytest.approx(np.exp(-(4 / 2 + 1 / 8)), rel=1e-5)
    np.testing.assert_array_equal(prior.argmax(1), np.arange(6))


def test_new_block_is_the_identity_and_saves(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 8, 4, 6)).astype("float32")
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, IABlock(3, 4)(inputs))
    np.testing.assert_array_equal(model(x), x)
    model.save(tmp_path / "ia.keras")
    again = keras.models.load_model(tmp_path / "ia.keras")
    assert (again.layers[-1].alpha_x, again.layers[-1].alpha_y) == (3, 4)


def test_large_half_precision_maps_stay_finite():
    x = tf.cast(tf.random.stateless_normal((1, 8, 4, 16), [0, 1]) * 300, "float16")
    block = IABlock(dtype="mixed_float16")
    y = block(x, training=True)
    assert y.dtype == "float16" and np.isfinite(y).all()


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match=r"received \(2, None, 4, 16\)"):
        IABlock().build((2, None, 4, 16))
