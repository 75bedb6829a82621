import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from iaunet_tf import IAUNet
from iaunet_tf.losses import BatchHardTripletLoss, PartMaskLoss

SMALL = {"input_shape": (64, 32, 3), "width": 0.25, "depths": (1, 1, 1, 1)}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return IAUNet(5, **SMALL)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 64, 32, 3), dtype="uint8")


def parameters(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def test_has_the_authors_number_of_parameters():
    assert parameters(IAUNet(751)) == 29_003_085


def test_plain_resnet50_has_torchvisions_number_of_parameters():
    # torchvision's ResNet-50 has 25,557,032, of which 1000 * 2048 + 1000 are the classifier; ours adds a batch norm.
    assert parameters(IAUNet(block=None)) == 25_557_032 - 2_049_000 + 2 * 2048


def test_a_deeper_one_has_torchvisions_number_of_parameters():
    # torchvision's ResNet-101 has 44,549,160, with the same classifier.
    assert parameters(IAUNet(block=None, depths=(3, 4, 23, 3))) == 44_549_160 - 2_049_000 + 2 * 2048


def test_outputs(model, images):
    outputs = model(images)
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        "before_neck": (2, 512),
        "embedding": (2, 512),
        "logits": (2, 5),
        "part_attention_1": (2, 8, 4, 4),
        "part_attention_2": (2, 4, 2, 4),
    }
    assert set(IAUNet(block=None, **SMALL)(images)) == {"embedding", "before_neck"}


def test_last_stage_keeps_the_resolution():
    model = IAUNet(input_shape=(256, 128, 3), width=0.25)
    assert model.get_layer("layer2_3_relu3").output.shape[1:] == (32, 16, 128)
    assert model.get_layer("layer3_5_relu3").output.shape[1:] == (16, 8, 256)
    assert model.get_layer("layer4_2_relu3").output.shape[1:] == (16, 8, 512)


def test_uint8_and_float_pixels_give_the_same(model, images):
    np.testing.assert_allclose(model(images)["embedding"], model(images.astype("float32"))["embedding"], atol=1e-6)


def test_preprocessing_is_imagenets_and_can_be_left_to_the_caller(model, images):
    bare = IAUNet(5, include_preprocessing=False, **SMALL)
    bare.set_weights(model.get_weights())
    normalised = (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(bare(normalised)["embedding"], model(images)["embedding"], atol=1e-4)


def test_new_blocks_leave_the_baseline_as_it_is(images):
    plain = IAUNet(block=None, **SMALL)
    for block in ("iau", "ia"):
        full = IAUNet(block=block, **SMALL)
        for layer in plain.layers:
            full.get_layer(layer.name).set_weights(layer.get_weights())
        np.testing.assert_allclose(full(images)["embedding"], plain(images)["embedding"], atol=1e-5)


def test_clips_take_the_image_weights_and_any_number_of_frames(model, images):
    video = IAUNet(5, video=True, **SMALL)
    assert [w.shape for w in video.weights] == [w.shape for w in model.weights]
    video.set_weights(model.get_weights())
    single = video(images[:, None])
    np.testing.assert_allclose(single["embedding"], model(images)["embedding"], atol=1e-5)
    assert video(np.repeat(images[:, None], 3, 1))["part_attention_1"].shape == (2, 3, 8, 4, 4)
    # Blocks are still the identity: a clip of one repeated frame is that frame.
    np.testing.assert_allclose(
        video(np.repeat(images[:, None], 3, 1))["embedding"], model(images)["embedding"], atol=1e-4
    )


def test_mixed_precision_keeps_results_in_float32(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        outputs = IAUNet(5, **SMALL)(images)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {output.dtype.name for output in outputs.values()} == {"float32"}
    assert all(np.isfinite(output).all() for output in outputs.values())


def test_keras_file_loads_where_only_the_package_is_imported(model, images, tmp_path):
    model.compile("adam", {"embedding": BatchHardTripletLoss(0.4), "part_attention_1": PartMaskLoss("l1")})
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "embedding.npy", model(images)["embedding"])
    script = """
import numpy as np, sys
import iaunet_tf
assert "keras" not in sys.modules
import keras
model = keras.models.load_model("model.keras")
found = model(np.load("images.npy"))["embedding"]
np.testing.assert_array_equal(found, np.load("embedding.npy"))
assert model.loss["embedding"].margin == 0.4 and model.loss["part_attention_1"].mode == "l1"
"""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True)


def test_weights_argument(model, images, tmp_path):
    model.save_weights(tmp_path / "a.weights.h5")
    again = IAUNet(5, weights=str(tmp_path / "a.weights.h5"), **SMALL)
    np.testing.assert_array_equal(again(images)["embedding"], model(images)["embedding"])
