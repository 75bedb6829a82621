import json

import keras
import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.dataset import Subset
from iaunet_tf.data.sampling import all_clips
from iaunet_tf.data.sources import Source, open_source
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.extraction import embed_source, embedding_function, stored_embeddings
from iaunet_tf.evaluation.histograms import histograms


def noise(tmp_path, count=5):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.png" for i in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype="uint8")).save(path)
    return Subset.of_images("query", paths, np.arange(count), np.zeros(count, int))


def test_embeds_in_order_with_a_short_last_batch_and_sums_flips(tmp_path):
    source = open_source(noise(tmp_path), (16, 8))
    inputs = keras.Input((16, 8, 3))
    left = keras.layers.Lambda(lambda x: x[:, 0, 0])(inputs)
    model = keras.Model(inputs, {"embedding": left})
    pixels = source.read(np.arange(5))[0].astype("float32")
    np.testing.assert_array_equal(embed_source(embedding_function(model), source, batch_size=2), pixels[:, 0, 0])
    both = embed_source(embedding_function(model, flip=True), source, batch_size=2)
    np.testing.assert_array_equal(both, pixels[:, 0, 0] + pixels[:, 0, -1])


def test_histograms_are_distributions_and_find_the_same_image(tmp_path):
    source = open_source(noise(tmp_path), (16, 8))
    features = histograms(source)
    assert features.shape == (5, 6 * 64)
    np.testing.assert_allclose((features**2).reshape(5, 6, 64).sum(-1), 1, rtol=1e-5)
    assert ((features @ features.T).argmax(1) == np.arange(5)).all()


def test_tracklets_are_the_mean_of_their_clips(tmp_path):
    """Of a network that pools and batch-normalises: BN of the mean of the pooled features, as the protocol says."""
    rng = np.random.default_rng(0)
    rows = []
    for number, length in enumerate((3, 9, 1)):
        frames = [f"{number}-{k}.png" for k in range(length)]
        for name in frames:
            Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype="uint8")).save(tmp_path / name)
        rows.append((str(number), frames, number, 0))
    source = Source(Subset.of_tracklets("query", tmp_path, rows), (16, 8))
    inputs = keras.Input((None, 16, 8, 3))
    pooled = keras.layers.GlobalAveragePooling3D()(inputs)
    norm = keras.layers.BatchNormalization(epsilon=1e-5)
    model = keras.Model(inputs, {"embedding": norm(pooled)})
    norm.set_weights([rng.uniform(0.5, 2, 3), rng.normal(size=3), rng.normal(size=3), rng.uniform(0.5, 2, 3)])
    gamma, beta, mean, variance = norm.get_weights()

    got = embed_source(embedding_function(model, frames=4), source, 4, batch_size=2)
    for number, length in enumerate((3, 9, 1)):
        start = source.subset.starts[number]
        pixels = source.read(start + np.arange(length))[0].mean((1, 2))
        features = pixels[all_clips(length, 4)].mean(1).mean(0)
        np.testing.assert_allclose(got[number], gamma * (features - mean) / np.sqrt(variance + 1e-5) + beta, rtol=1e-4)
    one = embed_source(embedding_function(model, frames=4), source, 4, clips=1)
    assert np.abs(one[1] - got[1]).max() > 1e-3 and np.abs(one[2] - got[2]).max() < 1e-3


@pytest.fixture
def stored(tmp_path):
    """Files of stored embeddings, a function that loads or makes them, and their values."""
    source = open_source(noise(tmp_path), (16, 8))
    inputs = keras.Input((16, 8, 3))
    model = keras.Model(inputs, {"embedding": keras.layers.GlobalAveragePooling2D()(inputs)})
    embed = embedding_function(model)

    def load():
        path = tmp_path / "store" / "query.npy"
        return stored_embeddings(path, 5, model, ["v1"], lambda new: embed_source(embed, source, new=new))

    values = np.array(load())
    return tmp_path / "store" / "query.npy", load, values


@pytest.mark.parametrize(
    "damage",
    [
        lambda path, beside: path.write_bytes(path.read_bytes()[:-7]),
        lambda path, beside: path.write_bytes(path.read_bytes()[:60]),
        lambda path, beside: path.write_bytes(b""),
        lambda path, beside: path.write_bytes(b"garbage" * 40),
        lambda path, beside: path.write_bytes(path.read_bytes()[:-8] + b"\0" * 8),
        lambda path, beside: np.save(path, np.zeros((5, 3), "float32")),
        lambda path, beside: np.save(path, np.zeros((4, 3), "float32")),
        lambda path, beside: np.save(path, np.zeros((5, 3), "float64")),
        lambda path, beside: np.save(path, np.array([{}]), allow_pickle=True),
        lambda path, beside: path.unlink(),
        lambda path, beside: beside.unlink(),
        lambda path, beside: beside.write_bytes(b""),
        lambda path, beside: beside.write_bytes(b"\xff{"),
        lambda path, beside: beside.write_text("[1]"),
        lambda path, beside: beside.write_text("null"),
        lambda path, beside: beside.write_text('{"fingerprint": "of something else"}'),
    ],
)
def test_damaged_embeddings_are_made_anew(stored, damage):
    path, load, values = stored
    damage(path, path.with_suffix(".json"))
    np.testing.assert_array_equal(load(), values)
    written = path.stat().st_mtime_ns
    np.testing.assert_array_equal(load(), values)
    assert path.stat().st_mtime_ns == written and len(list(path.parent.iterdir())) == 2


def test_embeddings_of_older_versions_are_taken(stored):
    path, load, values = stored
    beside = path.with_suffix(".json")
    beside.write_text(json.dumps({"fingerprint": json.loads(beside.read_text())["fingerprint"]}))
    before = path.stat().st_mtime_ns
    np.testing.assert_array_equal(load(), values)
    assert path.stat().st_mtime_ns == before
    np.save(path, values[:4])
    np.testing.assert_array_equal(load(), values)


def test_a_folder_in_the_place_of_embeddings_is_named(stored):
    path, load, _ = stored
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"query.npy: is a folder .* remove it"):
        load()
