import keras
import numpy as np
import pytest
import tensorflow as tf

from iaunet_tf.losses import batch_hard_triplet_loss, part_mask_loss
from iaunet_tf.losses.part_masks import resize_aligned_corners
from iaunet_tf.losses.triplet import pairwise_distance


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("margin", [0.3, 0.4])
def test_triplet_equals_the_authors(oracle, distance, margin):
    numbers = oracle("losses")
    loss = batch_hard_triplet_loss(numbers["labels"], numbers["features"], margin, distance)
    np.testing.assert_allclose(loss, numbers[f"triplet_{distance}_margin_{margin}"], atol=1e-5)


def test_triplet_by_hand():
    # On a line: two people at 0, 1 and 3, 7. Hardest positive minus hardest negative of each anchor:
    # 0: 1 - 3; 1: 1 - 2; 3: 4 - 2; 7: 4 - 6.
    embeddings = np.array([[0.0], [1], [3], [7]], "float32")
    loss = batch_hard_triplet_loss(np.array([5, 5, 9, 9]), embeddings, 0.3, "euclidean")
    np.testing.assert_allclose(loss, np.mean([0, 0, 2.3, 0]), rtol=1e-5)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_triplet_corner_cases_have_finite_gradients(distance):
    same = tf.ones((4, 3))
    for labels in ([1, 1, 2, 2], [1, 1, 1, 1], [1, 2, 3, 4]):
        with tf.GradientTape() as tape:
            tape.watch(same)
            loss = batch_hard_triplet_loss(tf.constant(labels), same, 0.3, distance)
        assert np.isfinite(tape.gradient(loss, same)).all()
        expected = 0 if labels == [1, 1, 1, 1] else 0.3
        assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_distances_of_large_half_precision_embeddings_do_not_overflow():
    embeddings = tf.constant(np.full((2, 2048), 300), "float16")
    assert np.isfinite(pairwise_distance(embeddings, "euclidean")).all()


@pytest.mark.parametrize(("mode", "name"), [("bce", "ce"), ("l1", "l1"), ("l2", "l2")])
def test_part_masks_equal_the_authors(oracle, mode, name):
    numbers = oracle("losses")
    attention, masks = (np.moveaxis(numbers[key], 1, -1) for key in ("attention", "mask"))
    np.testing.assert_allclose(part_mask_loss(masks, attention, mode), numbers[f"mask_{name}"], atol=1e-5)


def test_part_masks_of_clips_and_images_without_masks():
    rng = np.random.default_rng(0)
    attention, masks = rng.random((3, 2, 4, 2, 4)), rng.random((3, 2, 8, 4, 4))
    single = [float(part_mask_loss(masks[i : i + 1], attention[i : i + 1], "l2")) for i in range(3)]
    assert float(part_mask_loss(masks, attention, "l2")) == pytest.approx(np.mean(single), rel=1e-5)
    weighted = part_mask_loss(masks, attention, "l2", sample_weight=[1, 0, 1])
    assert float(weighted) == pytest.approx((single[0] + single[2]) / 3, rel=1e-5)


def test_aligned_corners_keep_corners_and_planes():
    y, x = np.mgrid[:9, :5]
    plane = (2.0 * y + 3 * x)[None, ..., None].astype("float32")
    resized = np.array(resize_aligned_corners(plane, 5, 3))[0, ..., 0]
    np.testing.assert_allclose(resized, plane[0, ::2, ::2, 0], atol=1e-5)
    enlarged = np.array(resize_aligned_corners(plane, 17, 9))[0, ..., 0]
    expected = 2 * np.linspace(0, 8, 17)[:, None] + 3 * np.linspace(0, 4, 9)[None]
    np.testing.assert_allclose(enlarged, expected, atol=1e-5)


def test_saturated_attention_costs_a_finite_amount():
    attention, masks = np.zeros((1, 4, 2, 4)), np.ones((1, 4, 2, 4))
    assert np.isfinite(part_mask_loss(masks, attention))


def test_cross_entropy_of_keras_is_the_authors(oracle):
    numbers = oracle("losses")
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    one_hot = np.eye(numbers["logits"].shape[1])[numbers["labels"]]
    np.testing.assert_allclose(
        loss(one_hot, numbers["logits"]), numbers["cross_entropy_label_smoothing_0_1"], atol=1e-5
    )


def test_unknown_kinds_are_named():
    with pytest.raises(ValueError, match="distance must be one of cosine, euclidean; received 'l3'"):
        batch_hard_triplet_loss([1, 1], np.ones((2, 2)), distance="l3")
    with pytest.raises(ValueError, match="bce, l1, l2; received 'dice'"):
        part_mask_loss(np.ones((1, 2, 2, 4)), np.ones((1, 2, 2, 4)), "dice")


@pytest.mark.parametrize(("margin", "expected"), [(0.3, 2.6809769), (0.4, 2.780977), (1.0, 3.380977)])
def test_euclidean_triplet_equals_tensorflow_addons(oracle, margin, expected):
    """The values and the gradient are those that `tensorflow_addons_triplet.py` printed."""
    numbers = oracle("losses")
    features = tf.Variable(numbers["features"])
    with tf.GradientTape() as tape:
        loss = batch_hard_triplet_loss(numbers["labels"], features, margin, "euclidean")
    np.testing.assert_allclose(loss, expected, atol=1e-5)
    np.testing.assert_allclose(np.abs(tape.gradient(loss, features)).sum(), 8.56871, rtol=1e-5)
