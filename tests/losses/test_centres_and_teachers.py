"""Centre loss with its layer, and what a teacher's network teaches, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import iaunet_tf
from iaunet_tf.errors import InputError
from iaunet_tf.layers import CentreDistances
from iaunet_tf.losses import (
    BatchHardTripletLoss,
    CentreLoss,
    RelationalLoss,
    SoftLabelLoss,
    centre_loss,
    relational_loss,
    soft_label_loss,
)

RNG = np.random.default_rng(0)
LABELS = np.array([0, 2, 1, 2])
FEATURES = RNG.normal(size=(4, 5)).astype("float32")
CENTRES = RNG.normal(size=(3, 5)).astype("float32")


def distances():
    layer = CentreDistances(3)
    layer.build((None, 5))
    layer.centres.assign(CENTRES)
    return layer


def test_centre_loss_is_half_the_squared_distance_and_pulls_both_ends():
    layer = distances()
    x = tf.Variable(FEATURES)
    with tf.GradientTape() as tape:
        loss = centre_loss(LABELS, layer(x))
    gaps = FEATURES.astype("float64") - CENTRES[LABELS]
    assert float(loss) == pytest.approx((gaps**2).sum(1).mean() / 2, rel=1e-5)
    of_features, of_centres = tape.gradient(loss, [x, layer.centres.value])
    np.testing.assert_allclose(of_features, gaps / 4, rtol=1e-4, atol=1e-6)
    expected = np.zeros((3, 5))
    np.add.at(expected, LABELS, -gaps / 4)
    np.testing.assert_allclose(of_centres, expected, rtol=1e-4, atol=1e-6)


def test_distances_are_those_of_numpy_and_never_negative():
    found = np.array(distances()(FEATURES))
    np.testing.assert_allclose(found, ((FEATURES[:, None] - CENTRES[None]) ** 2).sum(-1), rtol=1e-4)
    assert (np.array(distances()(CENTRES * np.float32(1))) >= 0).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0, 3, 1, 2], "whole numbers in 0..2"), ([0, 1], "one for each"), ([0.5] * 4, "whole numbers")],
)
def test_wrong_labels(labels, message):
    with pytest.raises(InputError, match=message):
        centre_loss(np.array(labels), np.ones((4, 3), "float32"))
    with pytest.raises(InputError, match=r"must be \(B, K\)"):
        centre_loss(LABELS, FEATURES[0])


def test_a_network_with_centres_in_plain_fit_saved_and_loaded(tmp_path):
    keras.utils.set_random_seed(0)
    model = iaunet_tf.IAUNet(3, (32, 16, 3), block=None, width=0.125, depths=(1, 1, 1, 1), centres="before_neck")
    images = RNG.integers(0, 256, (4, 32, 16, 3)).astype("float32")
    losses = {"centre_distances": CentreLoss(), "embedding": BatchHardTripletLoss()}
    model.compile(keras.optimizers.SGD(0.05), losses)
    truth = {"centre_distances": LABELS, "embedding": LABELS}
    history = model.fit(images, truth, epochs=3, verbose=0).history["centre_distances_loss"]
    assert history[-1] < history[0]
    assert np.abs(model.get_layer("centres").centres).max() > 0  # they begin at 0
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.loss["centre_distances"].get_config() == CentreLoss().get_config()


def relational_by_hand(teacher, student):
    relative = []
    for x in (teacher, student):
        x = x.astype("float64") / np.linalg.norm(x, axis=1, keepdims=True)
        gaps = np.linalg.norm(x[:, None] - x[None], axis=-1)
        relative.append(gaps / gaps[~np.eye(len(x), dtype=bool)].mean())
    gap = np.abs(relative[0] - relative[1])
    huber = np.where(gap < 1, gap**2 / 2, gap - 0.5)
    return huber[~np.eye(len(gap), dtype=bool)].mean()


def test_relational_loss():
    teacher, student = RNG.normal(size=(6, 9)).astype("float32"), RNG.normal(size=(6, 4)).astype("float32")
    student[1] = 30 * student[0]  # the same direction
    x = tf.Variable(student)
    with tf.GradientTape() as tape:
        loss = RelationalLoss()(teacher, x)
    assert float(loss) == pytest.approx(relational_by_hand(teacher, student), rel=1e-3)
    assert float(relational_loss(teacher, student)) == pytest.approx(float(loss), rel=1e-6)
    assert np.isfinite(tape.gradient(loss, x)).all()
    assert float(relational_loss(teacher, 3 * teacher)) == pytest.approx(0, abs=1e-6)
    assert np.isnan(tf.function(relational_loss)(tf.constant(teacher), tf.constant(student * np.nan)))
    with pytest.raises(InputError, match="of the same examples; received 6 and 3"):
        relational_loss(teacher, student[:3])


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_soft_labels(temperature):
    teacher, student = RNG.normal(size=(2, 5, 7)).astype("float32")

    def softmax(x):
        return np.exp(x / temperature) / np.exp(x / temperature).sum(1, keepdims=True)

    expected = -(temperature**2) * (softmax(teacher) * np.log(softmax(student))).sum(1).mean()
    assert float(soft_label_loss(teacher, student, temperature)) == pytest.approx(expected, rel=1e-4)
    loss = SoftLabelLoss(temperature)
    assert float(SoftLabelLoss.from_config(loss.get_config())(teacher, student)) == pytest.approx(expected, rel=1e-4)
    with pytest.raises(InputError, match="temperature must be"):
        soft_label_loss(teacher, student, 0)
