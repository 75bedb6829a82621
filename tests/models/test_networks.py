"""Networks of other toolboxes against those toolboxes' own results on seeded weights and images."""

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmarks.seeded import PEERS, peers_state, set_state
from iaunet_tf.models.networks import NETWORKS, build_network
from iaunet_tf.weights import load_weights
from iaunet_tf.weights.names import state_dict

SMALL = ("osnet_x0_25", "osnet_ain_x0_25")
LARGE = [name for name in NETWORKS if name not in SMALL and (PEERS / f"{name}.json").is_file()]


def seeded(name):
    """The description of a network, its reference results, and its seeded state."""
    if not (PEERS / f"{name}.json").is_file():
        pytest.skip("the peers' results are not here")
    return peers_state(name)


def with_state(name, state, size, **options):
    model = build_network(name, input_shape=(*size, 3), include_preprocessing=False, **options)
    set_state(model, state)
    return model


def difference(values, reference):
    """The largest difference, as a share of the largest value."""
    return np.abs(np.array(values) - reference).max() / np.abs(reference).max()


def compare(name):
    description, results, state = seeded(name)
    for key, size in (("embedding", description["size"]), ("embedding_second", description["second_size"])):
        if size is None:
            continue
        model = with_state(name, state, size)
        images = np.random.default_rng(5).normal(size=(4, 3, *size)).astype("float32").transpose(0, 2, 3, 1)
        outputs = model(images[: len(results[key])], training=False)
        assert difference(outputs["embedding"], results[key]) < 1e-5
        if key == "embedding_second":
            continue
        for other in ("before_neck", "after_neck"):
            assert other not in results or difference(outputs[other], results[other]) < 1e-5
        rng, (height, width) = np.random.default_rng(6), size
        blocks = rng.normal(size=(4, 3, 1, 1)) + rng.normal(size=(4, 3, height // 32, width // 32))
        blocks = blocks.repeat(32, 2).repeat(32, 3).astype("float32").transpose(0, 2, 3, 1)
        blocks = blocks[: len(results["embedding_blocks"])]
        assert difference(model(blocks, training=False)["embedding"], results["embedding_blocks"]) < 1e-5
    back = state_dict(model)
    assert list(back) and all(np.array_equal(back[key], state[key]) for key in state)


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_equal_their_toolboxes(name):
    compare(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_networks_equal_their_toolboxes(name):
    compare(name)


@pytest.mark.parametrize("name", ["osnet_ibn_x1_0", "osnet_ain_x0_25", "sbs_R50-ibn"])
def test_every_norm_of_a_variant_is_where_it_belongs(name):
    names = list(state_dict(build_network(name, input_shape=(64, 32, 3))))
    instances = [key for key in names if key.endswith("IN.weight")]
    expected = {
        "osnet_ibn_x1_0": ["conv2.0.IN.weight", "conv2.1.IN.weight"],
        "osnet_ain_x0_25": [f"conv{place}.IN.weight" for place in ("2.0", "2.1", "3.1", "4.0")],
        "sbs_R50-ibn": [
            f"backbone.layer{stage}.{block}.bn1.IN.weight"
            for stage, blocks in ((1, 3), (2, 4), (3, 6))
            for block in range(blocks)
        ],
    }
    assert instances == expected[name]


def test_clips_are_the_mean_of_their_frames_before_the_neck():
    model = build_network("osnet_x0_25", input_shape=(64, 32, 3))
    clips = build_network("osnet_x0_25", input_shape=(64, 32, 3), video=True)
    clips.set_weights(model.get_weights())
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 1, 64, 32, 3)).astype("float32")
    single = model(pixels[:, 0], training=False)["embedding"]
    np.testing.assert_allclose(clips(pixels, training=False)["embedding"], single, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(clips(pixels.repeat(3, 1), training=False)["embedding"], single, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("video", [False, True])
def test_new_blocks_leave_the_embedding_as_it_is(video, tmp_path):
    options = {"input_shape": (64, 32, 3), "num_classes": 5, "video": video}
    plain = build_network("osnet_x0_25", **options)
    model = build_network("osnet_x0_25", blocks=("conv2", "conv3"), **options)
    for layer in plain.layers:
        model.get_layer(layer.name).set_weights(layer.get_weights())
    shape = (2, 2, 64, 32, 3) if video else (2, 64, 32, 3)
    pixels = np.random.default_rng(0).uniform(0, 255, shape).astype("float32")
    before, after = plain(pixels, training=False), model(pixels, training=False)
    np.testing.assert_allclose(after["embedding"], before["embedding"], rtol=1e-4, atol=1e-5)
    assert after["part_attention_1"].shape[-1] == 4 and after["logits"].shape == (2, 5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(pixels, training=False)["embedding"], after["embedding"])


def test_what_a_network_lacks_is_named():
    with pytest.raises(ValueError, match=r"no network 'osnet'; did you mean osnet_x1_0"):
        build_network("osnet")
    with pytest.raises(ValueError, match=r"no place 'layer2'.*conv2, conv3, conv4"):
        build_network("osnet_x0_25", blocks=["layer2"])


@pytest.mark.parametrize("prefix", ["", "module.", "model."])
@pytest.mark.parametrize("name", ["osnet_x0_25", "osnet_ain_x0_25"])
def test_weights_are_loaded_by_their_toolbox_names(name, prefix, tmp_path):
    model = build_network(name, input_shape=(64, 32, 3))
    state = {f"{prefix}{key}": array for key, array in state_dict(model).items()}
    state |= {f"{prefix}classifier.weight": np.zeros((4101, 512), "float32")}
    state |= {f"{prefix}conv1.bn.num_batches_tracked": np.array(7)}
    save_file(state, tmp_path / "theirs.safetensors")
    other = build_network(name, input_shape=(64, 32, 3), num_classes=3)
    report = load_weights(other, tmp_path / "theirs.safetensors", say=lambda text: None)
    assert report.stripped == prefix and not report.missing[2:] and len(report.skipped) == 1
    given, loaded = state_dict(model), state_dict(other)
    for key, array in given.items():
        np.testing.assert_array_equal(loaded[key], array)
