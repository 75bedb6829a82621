import keras
import numpy as np
import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.models.backbones import APPLICATIONS
from iaunet_tf.models.classifier import ImageClassifier

SMALL = {"backbone": "MobileNetV2", "input_shape": (32, 32, 3), "blocks": ["block_3_expand_relu"]}
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("uint8")


@pytest.mark.parametrize("block", ["iau", "ia", None])
def test_saves_and_loads(block, tmp_path):
    model = ImageClassifier(3, block=block, **SMALL)
    outputs = model(PIXELS)
    assert outputs["logits"].shape == (2, 3) and outputs["embedding"].shape == (2, 1280)
    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(again(PIXELS)["logits"], outputs["logits"], atol=1e-6)


@pytest.mark.parametrize("backbone", ["MobileNetV2", "ResNet50", "DenseNet121"])  # -1..1; BGR; ImageNet statistics
def test_pixels_are_preprocessed_as_the_backbone_wants(backbone):
    keras.utils.set_random_seed(0)
    ours = ImageClassifier(3, backbone, (32, 32, 3), block=None)
    plain = getattr(keras.applications, backbone)(include_top=False, weights=None, input_shape=(32, 32, 3))
    plain.set_weights(ours.layers[-3].get_weights())
    module = {"MobileNetV2": "mobilenet_v2", "ResNet50": "resnet50", "DenseNet121": "densenet"}[backbone]
    preprocess = getattr(keras.applications, module).preprocess_input
    expected = plain(preprocess(PIXELS.astype("float32"))).numpy().mean((1, 2))
    for pixels in (PIXELS, PIXELS.astype("float32")):
        np.testing.assert_allclose(ours(pixels)["embedding"], expected, rtol=1e-4, atol=1e-5)


def test_mistakes():
    assert "ConvNeXtTiny" in APPLICATIONS
    with pytest.raises(InputError, match="no ResNet51; it has"):
        ImageClassifier(3, "ResNet51")
    with pytest.raises(InputError, match="no layer 'nope'; candidates are"):
        ImageClassifier(3, "MobileNetV2", (32, 32, 3), blocks=["nope"])
    with pytest.raises(InputError, match=r"InceptionV3 of \(16, 16, 3\) .* cannot be built"):
        ImageClassifier(3, "InceptionV3", (16, 16, 3))
