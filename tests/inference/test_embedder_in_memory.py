"""`Embedder` of networks and pictures in memory, as scripts and notebooks pass them."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from PIL import Image

from iaunet_tf import Embedder, IAUNet
from iaunet_tf.errors import InputError

SIZE = {"input_shape": (64, 32, 3), "width": 0.125, "depths": (1, 1, 1, 1)}
FRAME = np.random.default_rng(0).integers(0, 256, (64, 32, 3)).astype("uint8")


@pytest.fixture(scope="module")
def network():
    return IAUNet(**SIZE)


def test_networks_without_preprocessing_are_refused(network, tmp_path):
    bare = IAUNet(include_preprocessing=False, **SIZE)
    bare.save(tmp_path / "bare.keras")
    for source in (bare, tmp_path / "bare.keras"):
        with pytest.raises(InputError, match=r"was built without preprocessing, .* include_preprocessing=True"):
            Embedder(source)
    inputs = keras.Input((64, 32, 3))  # normalised by the user's own layers
    own = keras.Model(inputs, {"embedding": bare(keras.layers.Rescaling(1 / 255)(inputs))["embedding"]})
    assert Embedder(own)(FRAME).shape == (1, 256)


def test_arguments(network):
    assert Embedder(network, batch_size=np.int64(4))(FRAME).shape == (1, 256)
    for wrong, message in (
        ({"batch_size": True}, "batch_size must be"),
        *([({"device": "cuda"}, "Keras does not find a GPU")] if not keras.distribution.list_devices("gpu") else []),
    ):
        with pytest.raises(InputError, match=message):
            Embedder(network, **wrong)
    with pytest.raises(InputError, match="no such file"):
        Embedder("x" * 5000 + ".keras")


def test_prepare_takes_what_a_call_takes(network):
    embed = Embedder(network)
    np.testing.assert_array_equal(embed.prepare(FRAME), embed.prepare([FRAME]))
    with pytest.raises(InputError, match="at least one image"):
        embed.prepare([])
    with pytest.raises(InputError, match="clips of one length"):
        Embedder(IAUNet(video=True, **SIZE)).prepare([[FRAME], [FRAME, FRAME]])


def test_one_picture_in_several_threads(network, tmp_path):
    embed = Embedder(network)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (700, 500, 3)).astype("uint8")).save(tmp_path / "a.png")
    expected = embed(tmp_path / "a.png")
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            for got in pool.map(embed, [Image.open(tmp_path / "a.png")] * 6):
                np.testing.assert_allclose(got, expected, atol=1e-5)


def test_pictures_that_are_none(network):
    with Image.open(_saved()) as closed:
        pass
    for picture, message in (
        (closed, "image 2 of 2: a PIL image whose file is closed; call its load"),
        (np.ma.masked_array(FRAME, FRAME > 9), "image 2 of 2: an image array is masked"),
        (FRAME / 255 * 1.2, "not normalised"),
    ):
        with pytest.raises(InputError, match=message):
            Embedder(network)([FRAME, picture])


def test_fingerprint_is_of_weights_and_input(network, tmp_path):
    embed = Embedder(network)
    first = embed.fingerprint
    assert len(first) == 64 and Embedder(network).fingerprint == first
    assert Embedder(IAUNet(**SIZE, num_classes=3)).fingerprint != first
    other = keras.models.clone_model(network)
    other.set_weights(network.get_weights())
    assert Embedder(other).fingerprint == first
    weight = next(weight for weight in other.weights if "kernel" in weight.path)
    weight.assign(weight + 1e-3)
    assert Embedder(other).fingerprint != first
    assert embed.otherwise(interpolation="bilinear").fingerprint != first == embed.otherwise(source="x").fingerprint
    network.save(tmp_path / "a.keras")
    (tmp_path / "b.keras").write_bytes((tmp_path / "a.keras").read_bytes())
    files = [
        Embedder(tmp_path / name, device=device).fingerprint
        for name, device in (("a.keras", "auto"), ("b.keras", "cpu"))
    ]
    assert files[0] == files[1] != first  # whatever it is called, and wherever it runs


def _saved():
    import io

    file = io.BytesIO()
    Image.fromarray(FRAME).save(file, "PNG")
    return file
