import keras
import numpy as np
from PIL import Image

from iaunet_tf.data.datasets import Split
from iaunet_tf.data.loading import load_split
from iaunet_tf.evaluation.embeddings import embed_split, embedding_function
from iaunet_tf.evaluation.histograms import colour_histograms


def noise_split(tmp_path, count=5):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.png" for i in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype="uint8")).save(path)
    return Split("query", paths, np.arange(count), np.zeros(count, int), [None] * count)


def test_embeds_in_order_with_a_short_last_batch_and_sums_flips(tmp_path):
    loaded = load_split(noise_split(tmp_path), (16, 8))
    inputs = keras.Input((16, 8, 3))
    left = keras.layers.Lambda(lambda x: x[:, 0, 0])(inputs)
    model = keras.Model(inputs, {"embedding": left})
    pixels = loaded.read(range(5)).astype("float32")
    np.testing.assert_array_equal(embed_split(embedding_function(model), loaded, batch_size=2), pixels[:, 0, 0])
    both = embed_split(embedding_function(model, flip=True), loaded, batch_size=2)
    np.testing.assert_array_equal(both, pixels[:, 0, 0] + pixels[:, 0, -1])


def test_histograms_are_distributions_and_find_the_same_image(tmp_path):
    loaded = load_split(noise_split(tmp_path), (16, 8))
    features = colour_histograms(loaded)
    assert features.shape == (5, 6 * 64)
    np.testing.assert_allclose((features**2).reshape(5, 6, 64).sum(-1), 1, rtol=1e-5)
    assert ((features @ features.T).argmax(1) == np.arange(5)).all()
