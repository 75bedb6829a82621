import keras
import numpy as np
import pytest
import tensorflow as tf
from layers import oracle_weights
from layers.oracle_weights import channels_last

from iaunet_tf.layers import IAUBlock
from iaunet_tf.layers.channel_iau import attend_to_channels
from iaunet_tf.layers.spatial_temporal_iau import part_graph

CASES = ["iau_image", "iau_clip4", "iau_clip3_of_4"]
# Channel attention all at once, recomputed for the gradient, and in blocks that do and do not divide the rows evenly.
WAYS = [{}, {"recompute": True}, {"rows": 8}, {"rows": 7}]


def loaded(numbers, **options):
    x = channels_last(numbers["input"])
    block = IAUBlock(**options)
    block.build(x.shape)
    oracle_weights.load(block, numbers)
    return block, x


def oracle_attention(numbers, mode):
    """Returns the authors' attention `(B·T, K, H, W)` in our shape."""
    attention = channels_last(numbers[f"{mode}/attention"])
    x = channels_last(numbers["input"])
    return attention.reshape(*x.shape[:-1], attention.shape[-1])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_evaluation_equals_the_authors(oracle, case, way):
    numbers = oracle(case)
    block, x = loaded(numbers, **way)
    y, attention = block(x, training=False)
    np.testing.assert_allclose(y, channels_last(numbers["eval/output"]), atol=1e-5)
    np.testing.assert_allclose(attention, oracle_attention(numbers, "eval"), atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_training_equals_the_authors(oracle, case, way):
    numbers = oracle(case)
    block, x = loaded(numbers, **way)
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, attention = block(x, training=True)
        loss = tf.reduce_sum(y * channels_last(numbers["train/cotangent"]))
    np.testing.assert_allclose(y, channels_last(numbers["train/output"]), atol=1e-5)
    np.testing.assert_allclose(attention, oracle_attention(numbers, "train"), atol=1e-5)

    variables = {v.path: v.value for v in block.trainable_variables}
    dx, gradients = tape.gradient(loss, (x, variables))
    np.testing.assert_allclose(dx, channels_last(numbers["train/grad/input"]), atol=1e-4)
    for name, layer in oracle_weights.layers_of(block, numbers):
        weight = layer.gamma if oracle_weights.is_norm(layer) else layer.kernel
        bias = layer.beta if oracle_weights.is_norm(layer) else layer.bias
        expected = numbers[f"train/grad/{name}.weight"]
        if expected.ndim > 1:
            expected = expected.reshape(expected.shape[:2]).T
        np.testing.assert_allclose(gradients[weight.path], expected, atol=1e-4, err_msg=name)
        np.testing.assert_allclose(gradients[bias.path], numbers[f"train/grad/{name}.bias"], atol=1e-4, err_msg=name)
        if oracle_weights.is_norm(layer):
            after = f"train/after/{name}.running_"
            np.testing.assert_allclose(layer.moving_mean, numbers[after + "mean"], atol=1e-5)
            # PyTorch stores the unbiased variance: n / (n - 1) times the batch's share.
            old, new = numbers[f"param/{name}.running_var"], np.array(layer.moving_variance)
            count = values_per_channel(layer.name, y.shape)
            unbiased = 0.9 * old + (new - 0.9 * old) * count / (count - 1)
            np.testing.assert_allclose(unbiased, numbers[after + "var"], atol=1e-5, err_msg=name)


def values_per_channel(norm, shape, parts=4):
    """Returns the number of values that a batch norm of the block averages over."""
    batch, *frames, height, width, _ = shape
    frames = frames[0] if frames else 1
    return {
        "norm": batch * frames * height * width,
        "attention_norm": batch * frames * height * width,
        "relation_norm": batch * (frames * parts) ** 2,
        "aggregate_norm": batch * frames * parts,
        "update_norm": batch * frames,
    }[norm]


def test_channel_attention_equals_numpy_self_attention():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4, 2, 5)).astype("float32")
    tokens = x.transpose(0, 1, 4, 2, 3).reshape(2, 15, 8).astype("float64")
    logits = tokens @ tokens.transpose(0, 2, 1)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    expected = (weights @ tokens).reshape(2, 3, 5, 4, 2).transpose(0, 1, 3, 4, 2)
    np.testing.assert_allclose(attend_to_channels(tf.constant(x)), expected, atol=1e-5)


@pytest.mark.parametrize("frames", [None, 3])
def test_many_rows_are_computed_in_blocks_in_a_graph_of_any_length(frames, monkeypatch):
    from iaunet_tf.layers import channel_iau

    x = np.random.default_rng(0).normal(size=(2, 3, 4, 2, 5)).astype("float32")
    expected = attend_to_channels(x)
    monkeypatch.setattr(channel_iau, "LARGEST_AFFINITY", 100)  # of 15 · 15
    monkeypatch.setattr(channel_iau, "ROW_BLOCK", 2 * 15 * 4)  # four rows of two clips
    sizes = []
    whole = channel_iau._attend
    monkeypatch.setattr(
        channel_iau, "_attend", lambda queries, maps: sizes.append(queries.shape) or whole(queries, maps)
    )

    @tf.function(input_signature=[tf.TensorSpec((None, frames, 4, 2, 5))])
    def attend(x):
        return attend_to_channels(x)

    np.testing.assert_allclose(attend(x), expected, atol=1e-6)
    np.testing.assert_allclose(attend_to_channels(x), expected, atol=1e-6)
    assert sizes[-1] == (2, 8, 4)


def test_channel_attention_keeps_float32_inside_and_makes_no_denormals():
    x = tf.cast(tf.random.stateless_normal((1, 1, 16, 8, 8), [0, 1]) * 300, "float16")
    y = attend_to_channels(x)
    assert y.dtype == "float16"
    assert np.isfinite(y).all()  # G Gᵀ is about 1e7 here, above float16's maximum of 65504
    # One-hot attention: every channel attends to itself, whatever the size of the logits.
    np.testing.assert_allclose(y, x, rtol=1e-3)


def test_part_graph_by_hand():
    graph = np.array(part_graph(2, 3))
    assert graph.shape == (6, 6)
    for i in range(6):
        for j in range(6):
            same_frame, same_part = i // 3 == j // 3, i % 3 == j % 3
            allowed = (same_frame and not same_part) or (same_part and not same_frame)
            assert graph[i, j] == allowed


@pytest.mark.parametrize("shape", [(2, 8, 4, 16), (2, 3, 8, 4, 16)])
@pytest.mark.parametrize("training", [False, True])
def test_new_block_is_the_identity(shape, training):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    y, attention = IAUBlock()(x, training=training)
    np.testing.assert_array_equal(y, x)
    assert attention.shape == (*shape[:-1], 4)


def test_an_image_is_a_clip_of_one_frame(oracle):
    block, x = loaded(oracle("iau_image"))
    np.testing.assert_allclose(block(x)[0], block(x[:, None])[0][:, 0], atol=1e-6)


def test_any_number_of_frames_and_any_size_in_one_functional_model(oracle):
    numbers = oracle("iau_clip4")
    block, x = loaded(numbers)
    inputs = keras.Input((None, None, None, 16))
    model = keras.Model(inputs, block(inputs))
    for clip in (x, x[:, :3], x[:, :, :6]):
        np.testing.assert_allclose(model(clip)[0], block(clip)[0], atol=1e-6)


def test_saves_and_loads_as_keras(tmp_path, oracle):
    block, x = loaded(oracle("iau_image"), rows=8)
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, block(inputs))
    model.save(tmp_path / "block.keras")
    loaded_model = keras.models.load_model(tmp_path / "block.keras")
    assert loaded_model.layers[-1].rows == 8
    np.testing.assert_array_equal(loaded_model(x)[0], model(x)[0])


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match=r"received \(2, 8, 16\)"):
        IAUBlock().build((2, 8, 16))
    with pytest.raises(ValueError, match="even number of channels"):
        IAUBlock().build((2, 8, 4, 15))
