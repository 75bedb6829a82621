"""Losses in plain Keras, and what they refuse."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from iaunet_tf.errors import InputError
from iaunet_tf.losses import (
    BatchHardTripletLoss,
    CircleLoss,
    PartMaskLoss,
    WeightedTripletLoss,
    batch_hard_triplet_loss,
    circle_loss,
    part_mask_loss,
    weighted_triplet_loss,
)

RNG = np.random.default_rng(0)
LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 3])
EMBEDDINGS = RNG.normal(size=(8, 5)).astype("float32")
MASKS = (RNG.random((3, 8, 4, 2)) > 0.5).astype("float32")
ATTENTION = RNG.uniform(0.1, 0.9, (3, 4, 2, 2)).astype("float32")


def triplet_by_hand(labels, embeddings, margin=0.3, distance="cosine"):
    """Of every anchor."""
    losses = []
    for i, anchor in enumerate(embeddings.astype("float64")):
        far, near = -np.inf, np.inf
        for j, other in enumerate(embeddings.astype("float64")):
            gap = np.linalg.norm(anchor - other)
            if distance == "cosine":
                gap = -anchor @ other / np.linalg.norm(anchor) / np.linalg.norm(other)
            far, near = (max(far, gap), near) if labels[i] == labels[j] else (far, min(near, gap))
        losses.append(max(0, far - near + margin))
    return np.array(losses)


def similarities(embeddings):
    unit = embeddings.astype("float64") / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return unit @ unit.T


def soft_margin_by_hand(labels, embeddings):
    """Of every anchor, by euclidean distance."""
    hard = triplet_by_hand(labels, embeddings, 1e6, "euclidean") - 1e6
    return np.log1p(np.exp(hard))


def weighted_by_hand(labels, embeddings, distance="cosine"):
    """Of every anchor, as in the paper's equation, and an anchor among its positives as in its code."""
    x, losses = embeddings.astype("float64"), []
    gaps = -similarities(x) if distance == "cosine" else np.linalg.norm(x[:, None] - x[None], axis=-1)
    for i in range(len(x)):
        same, other = gaps[i][labels == labels[i]], gaps[i][labels != labels[i]]
        far = (np.exp(same) * same).sum() / np.exp(same).sum()
        near = (np.exp(-other) * other).sum() / np.exp(-other).sum()
        losses.append(np.log(1 + np.exp(far - near)))
    return np.array(losses)


def circle_by_hand(labels, embeddings, margin=0.25, scale=64.0):
    """Of every anchor: the paper's equation 6 as a double sum, with the weights of equation 5."""
    s, losses = similarities(embeddings), []
    for i in range(len(s)):
        positives = [j for j in range(len(s)) if labels[j] == labels[i] and j != i]
        total = 0.0
        for p in positives:
            for n in np.flatnonzero(labels != labels[i]):
                ap, an = max(0, 1 + margin - s[i, p]), max(0, s[i, n] + margin)
                total += np.exp(scale * (an * (s[i, n] - margin) - ap * (s[i, p] - (1 - margin))))
        losses.append(np.log1p(total))
    return np.array(losses)


PAIR_LOSSES = [
    (BatchHardTripletLoss("soft", "euclidean"), soft_margin_by_hand),
    (WeightedTripletLoss(), weighted_by_hand),
    (WeightedTripletLoss("euclidean"), lambda y, x: weighted_by_hand(y, x, "euclidean")),
    (CircleLoss(), circle_by_hand),
    (CircleLoss(0.4, 8), lambda y, x: circle_by_hand(y, x, 0.4, 8)),
]


@pytest.mark.parametrize(("loss", "by_hand"), PAIR_LOSSES)
def test_losses_of_pairs(loss, by_hand):
    expected = by_hand(LABELS, EMBEDDINGS)
    assert (expected[:-1] > 0).all()
    weights = np.arange(8.0)
    each = type(loss).from_config({**loss.get_config(), "reduction": "none"})
    for labels in (LABELS, LABELS[:, None], 2**40 + LABELS):
        for call in (lambda f: f, tf.function):
            np.testing.assert_allclose(call(each)(labels, EMBEDDINGS), expected, rtol=2e-4, atol=2e-4)
            assert float(call(loss)(labels, EMBEDDINGS)) == pytest.approx(expected.mean(), rel=2e-4)
            weighted = call(loss)(labels, EMBEDDINGS, weights)
            assert float(weighted) == pytest.approx((weights * expected).mean(), rel=2e-4)


@pytest.mark.parametrize("loss", [BatchHardTripletLoss("soft"), WeightedTripletLoss(), CircleLoss()])
def test_gradients_of_losses_of_pairs_are_finite(loss):
    """Also of the same embedding twice, of zeros, and of anchors without positives or negatives."""
    twice = np.repeat(EMBEDDINGS[:4], 2, axis=0)
    for labels, embeddings in (
        (LABELS, EMBEDDINGS),
        (LABELS, twice),
        (LABELS, 0 * EMBEDDINGS),
        (np.zeros(8, int), EMBEDDINGS),
        (np.arange(8), EMBEDDINGS),
    ):
        x = tf.constant(embeddings)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(labels, x)
        assert np.isfinite(value) and np.isfinite(tape.gradient(value, x)).all()
        if len(set(labels)) == 1:
            assert float(value) == pytest.approx(0, abs=1e-6)


def test_weights_in_the_circle_loss_are_constants():
    """The gradient with respect to a similarity is that of equation 6 with fixed alphas, not of a quadratic."""
    x = tf.constant([[1.0, 0], [0.6, 0.8], [0, 1.0]])
    labels, m, scale = np.array([0, 0, 1]), 0.25, 2.0
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = CircleLoss(m, scale, reduction="none")(labels, x)[0]
    gradient = tape.gradient(value, x)
    s, n = 0.6, 0.0
    ap, an = 1 + m - s, n + m
    z = scale * (an * (n - m) - ap * (s - 1 + m))
    sigmoid = 1 / (1 + np.exp(-z))
    # Along the tangent of the second embedding, its similarity to the first falls by its sine.
    tangent = np.array([-0.8, 0.6])
    assert tangent @ gradient[1].numpy() == pytest.approx(sigmoid * scale * ap * 0.8, rel=1e-4)


LABEL_KINDS = {
    "column": LABELS[:, None],
    "list": LABELS.tolist(),
    "column of lists": LABELS[:, None].tolist(),
    "bytes": LABELS.astype("uint8"),
    "whole floats": LABELS.astype("float32"),
    "column of floats": LABELS[:, None].astype("float64"),
    "large": 2**40 + LABELS,
    "large 32 bits": (2**24 + LABELS).astype("int32")[:, None],
    "negative": LABELS - 2,
    "tensor": tf.constant(LABELS[:, None]),
}


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_triplet_of_all_kinds_of_labels(kind, distance):
    expected = triplet_by_hand(LABELS, EMBEDDINGS, 0.5, distance)
    loss, labels = BatchHardTripletLoss(0.5, distance), LABEL_KINDS[kind]
    weights = np.arange(8.0)
    for call in (lambda f: f, tf.function):
        assert float(call(loss)(labels, EMBEDDINGS)) == pytest.approx(expected.mean(), rel=1e-4)
        weighted = call(loss)(labels, EMBEDDINGS, weights)
        assert float(weighted) == pytest.approx((weights * expected).mean(), rel=1e-4)
    value = batch_hard_triplet_loss(labels, EMBEDDINGS, 0.5, distance)
    assert float(value) == pytest.approx(expected.mean(), rel=1e-4)
    np.testing.assert_allclose(
        BatchHardTripletLoss(0.5, distance, reduction="none")(labels, EMBEDDINGS), expected, rtol=1e-3, atol=1e-5
    )


def changed(array, value):
    array = array.astype("float64")
    array[1] = value
    return array


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    ("labels", "embeddings", "message"),
    [
        (np.eye(4)[LABELS], EMBEDDINGS, r"labels must be \(B,\) or \(B, 1\).*argmax.*received \(8, 4\)"),
        (LABELS[None], EMBEDDINGS, r"received \(1, 8\)"),
        (LABELS[:, None, None], EMBEDDINGS, r"received \(8, 1, 1\)"),
        (3, EMBEDDINGS, r"labels.*received \(\)"),
        (LABELS[:1], EMBEDDINGS, r"one for each of \(8, 5\).*received \(1,\)"),
        (LABELS[:7], EMBEDDINGS, r"received \(7,\)"),
        (LABELS + 0.5, EMBEDDINGS, "labels must be whole numbers"),
        (changed(LABELS, np.nan), EMBEDDINGS, "labels must be whole numbers"),
        (changed(LABELS, 2**24 + 1), EMBEDDINGS, "integers from 16777216 on"),
        ((LABELS + 2048).astype("float16"), EMBEDDINGS, "integers from 2048 on; received float16"),
        (LABELS.astype(str), EMBEDDINGS, "labels must be real numbers|labels must be an array of numbers"),
        ([[0], [1, 2]] * 4, EMBEDDINGS, "labels must be an array of numbers"),
        ([None] * 8, EMBEDDINGS, "labels must be an array of numbers"),
        (EMBEDDINGS, LABELS, "embeddings must be .*come after the labels"),
        (LABELS, EMBEDDINGS[:, None], r"embeddings must be \(B, D\).*received \(8, 1, 5\)"),
        (LABELS, EMBEDDINGS[:, :0], r"received \(8, 0\)"),
        (LABELS[:0], EMBEDDINGS[:0], r"received \(0, 5\)"),
        (LABELS, EMBEDDINGS + 1j, "embeddings must be real"),
        *(
            (LABELS, changed(EMBEDDINGS, bad), "embeddings must be 0 or have")
            for bad in (np.nan, np.inf, 1e20, 1e300, 1e-20)
        ),
    ],
)
def test_triplet_refuses(labels, embeddings, message):
    others = (weighted_triplet_loss, WeightedTripletLoss(), circle_loss, CircleLoss())
    for loss in (batch_hard_triplet_loss, BatchHardTripletLoss(), *others):
        with pytest.raises(InputError, match=message) as error:
            loss(labels, embeddings)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("labels", [[1], [1, 1], [1, 2]])
def test_batches_without_positives_or_negatives(labels):
    x = np.array([[1, 0], [0, 1]], "float16")[: len(labels)]
    expected = {1: 0, 2: 0} if len(set(labels)) == 1 else {2: 0}  # of (1, 2): -1 - 0 + 0.3 < 0
    assert float(BatchHardTripletLoss()(np.array(labels), x)) == expected[len(labels)]


def masks_by_hand(masks, attention, mode):
    """Of every image, of the same size."""
    y, p = masks.astype("float64"), attention.astype("float64")
    losses = {"l1": abs(y - p), "l2": (y - p) ** 2, "bce": -y * np.log(p) - (1 - y) * np.log(1 - p)}[mode]
    return losses.reshape(len(y), -1).mean(axis=1)


@pytest.mark.parametrize("mode", ["bce", "l1", "l2"])
@pytest.mark.parametrize("frames", [(), (2,)])
def test_part_masks(mode, frames):
    shape = (3, *frames, 4, 2, 2)
    attention, masks = RNG.uniform(0.1, 0.9, shape), (RNG.random(shape) > 0.5)
    expected = masks_by_hand(masks, attention, mode)
    weights = np.array([1.0, 0, 2])
    for given in (masks, masks.astype("uint8"), masks.astype("float16")):
        loss = PartMaskLoss(mode)
        for call in (lambda f: f, tf.function):
            assert float(call(loss)(given, attention)) == pytest.approx(expected.mean(), rel=1e-4)
            assert float(call(loss)(given, attention, weights)) == pytest.approx((weights * expected).mean(), rel=1e-4)
        for factors in (weights, weights[:, None], weights.tolist()):
            value = part_mask_loss(given, attention, mode, factors)
            assert float(value) == pytest.approx((weights * expected).mean(), rel=1e-4)
    everybodys = part_mask_loss(masks[0, 0] if frames else masks[0], attention, mode)
    repeated = np.broadcast_to(masks[:1, :1] if frames else masks[:1], shape)
    assert float(everybodys) == pytest.approx(masks_by_hand(repeated, attention, mode).mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("masks", "attention", "message"),
    [
        (255 * MASKS, ATTENTION, "part masks must be in 0..1: divide bytes by 255"),
        ((255 * MASKS).astype("uint8"), ATTENTION, "divide bytes by 255"),
        (MASKS - 1, ATTENTION, "part masks must be in 0..1"),
        (changed(MASKS, np.nan), ATTENTION, "part masks must be in 0..1"),
        (MASKS, 10 * ATTENTION, "attention must be in 0..1: apply a sigmoid"),
        (MASKS, changed(ATTENTION, np.nan), "attention must be in 0..1"),
        (ATTENTION, MASKS, "part masks .* come before the attention"),
        (ATTENTION, MASKS[:, ::2, ::2], "seem to be swapped"),
        (MASKS[..., 0], ATTENTION, r"received masks \(3, 8, 4\)"),
        (MASKS[..., :1], ATTENTION, r"received masks \(3, 8, 4, 1\)"),
        (np.concatenate([MASKS, MASKS], -1), ATTENTION, r"received masks \(3, 8, 4, 4\)"),
        (MASKS.transpose(0, 3, 1, 2), ATTENTION, r"received masks \(3, 2, 8, 4\)"),
        (MASKS[:1], ATTENTION, r"received masks \(1, 8, 4, 2\)"),
        (MASKS[:, None], ATTENTION, r"received masks \(3, 1, 8, 4, 2\)"),
        (MASKS, ATTENTION[:, None], r"attention \(3, 1, 4, 2, 2\)"),
        (MASKS[:, :0], ATTENTION, r"received masks \(3, 0, 4, 2\)"),
        (MASKS[0], ATTENTION[0], r"attention \(4, 2, 2\)"),
        (MASKS[:, None], np.stack([ATTENTION] * 3, axis=1), r"masks \(3, 1, 8, 4, 2\)"),
        (MASKS.astype(str), ATTENTION, "part masks must be"),
    ],
)
def test_part_masks_refuse(masks, attention, message):
    with pytest.raises(InputError, match=message) as error:
        part_mask_loss(masks, attention)
    assert "\n" not in str(error.value)
    if masks.dtype.kind != "U":  # Keras itself refuses text
        with pytest.raises(InputError, match=message if masks.ndim == attention.ndim else "part masks must be"):
            PartMaskLoss()(masks, attention)


@pytest.mark.parametrize(
    "weights", [np.ones((3, 3)), np.ones(2), 1.0, np.ones(1), ["a", "b", "c"], [1, np.nan, 1], [1, -1, 1]]
)
def test_part_masks_refuse_weights(weights):
    with pytest.raises(InputError, match="sample_weight must be"):
        part_mask_loss(MASKS, ATTENTION, sample_weight=weights)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_steps_show_bad_values_as_nan(jit_compile):
    for loss, y_true, y_pred in (
        (BatchHardTripletLoss(), LABELS + 0.5, EMBEDDINGS),
        (BatchHardTripletLoss(), LABELS, changed(EMBEDDINGS, np.nan)),
        (batch_hard_triplet_loss, LABELS, changed(EMBEDDINGS, 1e20)),
        (PartMaskLoss(), 255 * MASKS, ATTENTION),
        (part_mask_loss, MASKS, changed(ATTENTION, np.nan)),
    ):
        step = tf.function(loss, jit_compile=jit_compile)
        assert np.isnan(step(tf.constant(y_true), tf.constant(y_pred)))


def test_numbers_of_examples_that_only_a_compiled_step_knows():
    def step(loss, *shapes):
        return tf.function(loss, input_signature=[tf.TensorSpec(shape) for shape in shapes])

    triplet = step(batch_hard_triplet_loss, (None,), (None, 5))
    columns = step(BatchHardTripletLoss(), (None, None), (None, 5))
    masks = step(part_mask_loss, (None, None, 8, 4, 2), (None, None, 4, 2, 2))
    labels, clips = tf.constant(LABELS, "float32"), [tf.constant(np.stack([x] * 2, 1)) for x in (MASKS, ATTENTION)]
    expected = triplet_by_hand(LABELS, EMBEDDINGS).mean()
    assert float(triplet(labels, EMBEDDINGS)) == pytest.approx(expected, rel=1e-4)
    assert float(columns(labels[:, None], EMBEDDINGS)) == pytest.approx(expected, rel=1e-4)
    assert float(masks(*clips)) == pytest.approx(float(part_mask_loss(MASKS, ATTENTION)), rel=1e-4)
    for loss, *wrong in (
        (triplet, labels[:1], EMBEDDINGS),
        (columns, tf.one_hot(LABELS, 4), EMBEDDINGS),
        (masks, clips[0][:, :1], clips[1]),
        (masks, clips[0][:1], clips[1]),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError):
            loss(*wrong)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        *((lambda v=v: BatchHardTripletLoss(v), "margin must be") for v in (-0.1, np.nan, np.inf, "0.3", None, True)),
        *((lambda v=v: BatchHardTripletLoss(distance=v), "distance must be") for v in ("l3", None, 2, [], "Cosine")),
        *((lambda v=v: WeightedTripletLoss(v), "distance must be") for v in ("l3", None, 2)),
        *((lambda v=v: CircleLoss(v), "margin must be a number, 0 to 1") for v in (-0.1, 1.1, np.nan, "soft", None)),
        *((lambda v=v: CircleLoss(scale=v), "scale must be") for v in (0, -1, np.inf, "64", True)),
        *((lambda v=v: PartMaskLoss(v), "mode must be one of bce, l1, l2") for v in ("dice", None, 1, "BCE")),
        (lambda: batch_hard_triplet_loss(LABELS, EMBEDDINGS, -1), "margin must be a number, 0 or more; received -1"),
        (lambda: part_mask_loss(MASKS, ATTENTION, "dice"), "mode must be"),
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        (BatchHardTripletLoss(0.7, "euclidean"), lambda y, p: batch_hard_triplet_loss(y, p, 0.7, "euclidean")),
        (batch_hard_triplet_loss, batch_hard_triplet_loss),
        (BatchHardTripletLoss("soft"), lambda y, p: batch_hard_triplet_loss(y, p, "soft")),
        (WeightedTripletLoss("euclidean"), lambda y, p: weighted_triplet_loss(y, p, "euclidean")),
        (CircleLoss(0.3, 8), lambda y, p: circle_loss(y, p, 0.3, 8)),
        (PartMaskLoss("l2"), lambda y, p: part_mask_loss(y, p, "l2")),
        (part_mask_loss, part_mask_loss),
    ],
)
def test_fit_save_and_load(loss, function, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 4, 3))
    x = keras.layers.Conv2D(2, 3, 2, "same", activation="sigmoid")(inputs)
    triplet = "part_mask" not in str(getattr(loss, "name", loss))
    model = keras.Model(inputs, keras.layers.Flatten()(x) if triplet else x)
    images = RNG.random((8, 8, 4, 3)).astype("float32")
    truth = LABELS[:, None] if triplet else np.concatenate([MASKS, MASKS, MASKS])[:8]
    model.compile(keras.optimizers.SGD(0.1), loss)
    before = float(function(truth, model.predict(images, verbose=0)))
    history = model.fit(images, truth, batch_size=8, epochs=3, verbose=0).history["loss"]
    assert history[0] == pytest.approx(before, rel=1e-4) and history[2] < history[0]
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    after = float(function(truth, model.predict(images, verbose=0)))
    assert again.evaluate(images, truth, batch_size=8, verbose=0) == pytest.approx(after, rel=1e-4)
    if isinstance(loss, keras.losses.Loss):
        assert again.loss.get_config() == loss.get_config()
