"""Margin softmax and the classifier that it is of, against their formulas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import iaunet_tf
from iaunet_tf.errors import InputError
from iaunet_tf.layers import CosineClassifier
from iaunet_tf.losses import MarginSoftmaxLoss, margin_softmax_loss

RNG = np.random.default_rng(0)
LABELS = np.array([0, 3, 1, 3, 2, 0])
# Right classes at all angles: near, far, and beyond that from which arcface goes on straight.
COSINES = RNG.uniform(-0.9, 0.9, (6, 4)).astype("float32")
COSINES[np.arange(6), LABELS] = [1, 0.999, 0.5, -0.5, -0.95, -1]


def by_hand(labels, cosines, kind, margin, scale, smoothing=0.0):
    """Of every example, from angles rather than from formulas of sums."""
    losses = []
    for label, row in zip(labels, cosines.astype("float64"), strict=True):
        logits = row.copy()
        c = row[label]
        if kind == "circle":
            logits = np.maximum(0, row + margin) * (row - margin)
            logits[label] = max(0, 1 + margin - c) * (c - (1 - margin))
        elif kind == "cosface":
            logits[label] = c - margin
        elif np.arccos(c) + margin < np.pi:
            logits[label] = np.cos(np.arccos(c) + margin)
        else:
            logits[label] = c - margin * np.sin(margin)
        logits *= scale
        logs = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
        target = np.full(len(row), smoothing / len(row))
        target[label] += 1 - smoothing
        losses.append(-(target * logs).sum())
    return np.array(losses)


@pytest.mark.parametrize("kind", ["cosface", "arcface", "circle"])
@pytest.mark.parametrize(("margin", "scale", "smoothing"), [(0.35, 64, 0), (0.5, 10, 0.1), (0, 1, 0)])
def test_margin_softmax(kind, margin, scale, smoothing):
    expected = by_hand(LABELS, COSINES, kind, margin, scale, smoothing)
    loss = MarginSoftmaxLoss(kind, margin, scale, smoothing)
    each = MarginSoftmaxLoss.from_config({**loss.get_config(), "reduction": "none"})
    for labels in (LABELS, LABELS[:, None], LABELS.astype("float32"), LABELS.astype("uint8")):
        for call in (lambda f: f, tf.function):
            np.testing.assert_allclose(call(each)(labels, COSINES), expected, rtol=1e-3, atol=1e-3)
            value = call(margin_softmax_loss)(labels, COSINES, kind, margin, scale, smoothing)
            assert float(value) == pytest.approx(expected.mean(), rel=1e-3)
    x = tf.constant(COSINES)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(LABELS, x)
    assert np.isfinite(tape.gradient(value, x)).all()


def test_without_margin_it_is_cross_entropy():
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(LABELS, 8 * COSINES)
    for kind in ("cosface", "arcface"):
        assert float(margin_softmax_loss(LABELS, COSINES, kind, 0, 8)) == pytest.approx(float(plain), rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "cosines", "message"),
    [
        (LABELS + 1, COSINES, "labels must be whole numbers in 0..3"),
        (LABELS - 1, COSINES, "labels must be whole numbers in 0..3"),
        (LABELS + 0.5, COSINES, "labels must be whole numbers in 0..3"),
        (LABELS + np.nan, COSINES, "labels must be whole numbers in 0..3"),
        (np.eye(4)[LABELS], COSINES, r"labels must be \(B,\) or \(B, 1\).*argmax.*received \(6, 4\)"),
        (LABELS[:5], COSINES, r"received \(5,\)"),
        (LABELS, 20 * COSINES, "cosines must be in -1..1"),
        (LABELS, COSINES * np.nan, "cosines must be in -1..1"),
        (LABELS, COSINES[..., None], r"cosines must be \(B, K\).*received \(6, 4, 1\)"),
        (COSINES, LABELS, r"cosines must be \(B, K\), and come after the labels"),
    ],
)
def test_margin_softmax_refuses(labels, cosines, message):
    for loss in (margin_softmax_loss, MarginSoftmaxLoss()):
        with pytest.raises(InputError, match=message) as error:
            loss(labels, cosines)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({"kind": kind}, "kind must be one of cosface, arcface, circle") for kind in ("plain", None, 1)),
        *(({"margin": margin}, "margin must be a number, 0 to 1") for margin in (-0.1, 1.5, "0.3", np.nan)),
        *(({"scale": scale}, "scale must be") for scale in (0, -1, np.inf)),
        ({"label_smoothing": 2}, "label_smoothing must be"),
    ],
)
def test_arguments(options, message):
    with pytest.raises(InputError, match=message):
        MarginSoftmaxLoss(**options)
    with pytest.raises(InputError, match=message):
        margin_softmax_loss(LABELS, COSINES, **options)


def test_the_classifier(tmp_path):
    x = RNG.normal(size=(5, 6)).astype("float32")
    layer = CosineClassifier(3)
    found = layer(x)
    kernel = np.array(layer.kernel)
    expected = (x @ kernel) / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(layer.weights) == 1
    low = CosineClassifier(3, dtype="mixed_bfloat16")
    low.build((None, 6))
    low.kernel.assign(kernel)
    np.testing.assert_array_equal(low(x), found)
    model = keras.Sequential([keras.Input((6,)), layer])
    model.save(tmp_path / "a.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "a.keras").predict(x, verbose=0), found)


@pytest.mark.slow
def test_networks_train_with_a_margin_in_plain_keras():
    keras.utils.set_random_seed(0)
    model = iaunet_tf.IAUNet(3, (32, 16, 3), block=None, width=0.25, depths=(1, 1, 1, 1), cosine=True)
    images, labels = RNG.integers(0, 256, (12, 32, 16, 3)).astype("float32"), np.arange(12) % 3
    assert np.abs(model.predict(images, verbose=0)["logits"]).max() <= 1 + 1e-6
    model.compile(keras.optimizers.Adam(1e-3), {"logits": MarginSoftmaxLoss("arcface", 0.3, 16)})
    history = model.fit(images, {"logits": labels}, batch_size=12, epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]
    other = iaunet_tf.build_network("osnet_x0_25", 3, (64, 32, 3), cosine=True)
    assert isinstance(other.get_layer("classifier"), CosineClassifier)
