import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from iaunet_tf.data.decoding import to_pixels
from iaunet_tf.exporting.resizing import resize
from iaunet_tf.inference.inputs import picture_pixels


@pytest.fixture(scope="module", params=["bicubic", "bilinear"])
def compiled(request):
    """Compiles `resize` for images of unknown size, as in an export, and its interpolation."""
    signature = tf.TensorSpec((None, None, None, 3), "uint8")
    return tf.function(lambda images: resize(images, (64, 32), request.param), [signature]), request.param


@pytest.mark.parametrize(
    "shape", [(64, 32), (128, 64), (64, 90), (33, 32), (50, 70), (300, 111), (1000, 400), (17, 5), (1, 1)]
)
def test_bytes_are_pillows_to_the_last_bit(compiled, shape):
    rng = np.random.default_rng(0)
    # Noise and hard edges reveal differences in rounding and clipping between the passes.
    pictures = [rng.integers(0, 256, (*shape, 3)), rng.choice([0, 255], (*shape, 3))]
    pictures = np.array(pictures).astype("uint8")
    function, interpolation = compiled
    expected = [to_pixels(Image.fromarray(picture), (64, 32), interpolation=interpolation) for picture in pictures]
    np.testing.assert_array_equal(function(pictures), expected)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("shape", [(64, 32), (50, 70), (300, 111)])
def test_floats_are_not_rounded(shape, interpolation):
    picture = np.random.default_rng(0).uniform(0, 255, (*shape, 3)).astype("float32")
    expected = picture_pixels(picture, (64, 32), interpolation)
    np.testing.assert_allclose(resize(tf.constant(picture[None]), (64, 32), interpolation)[0], expected, atol=1e-3)
