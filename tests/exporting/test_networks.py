"""Exports of networks of other toolboxes and of `keras.applications`."""

import keras
import numpy as np
import pytest

from iaunet_tf import Embedder, build_network
from iaunet_tf.exporting.litert import write_litert
from iaunet_tf.exporting.network import for_inference
from iaunet_tf.exporting.onnx import write_onnx
from iaunet_tf.exporting.samples import drawn_images
from iaunet_tf.exporting.savedmodel import write_savedmodel
from iaunet_tf.exporting.verification import LIMITS, verify
from iaunet_tf.inference.keras_files import describe

SIZE = (64, 32, 3)
NETWORKS = {
    "osnet_ain_x0_25": {},
    "osnet_x0_25": {},
    "osnet_x0_25 with blocks": {"blocks": ("conv2", "conv3")},
    "MobileNetV3Small": {},
    "sbs_R50-ibn": {},
    "lmbn_n": {},
    "transreid_vit_base": {"input_shape": (256, 128, 3)},
    "osnet_ibn_x1_0": {},
}
FIRST, *OTHERS = NETWORKS


def with_random_norms(name):
    """A network whose batch norms are not the identity, as after training."""
    keras.utils.set_random_seed(0)
    model = build_network(name.partition(" ")[0], **{"input_shape": SIZE, **NETWORKS[name]})
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.8, 1.25, variable.shape))
        elif variable.name in ("beta", "moving_mean"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    return model


def prove(name, folder):
    model = with_random_norms(name)
    images = drawn_images(6)
    ours, limits = Embedder(model, 6), LIMITS["fp32"]
    expected = ours(images)
    folded = for_inference(model)
    assert folded.count_params() < model.count_params()
    pixels = ours.prepare(images).astype("float32")
    wanted, found = (np.array(each(pixels, training=False)["embedding"]) for each in (model, folded))
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
    for layout in ("image", "tracker"):
        write_onnx(model, folder / f"{layout}.onnx", describe(model, name, layout=layout))
        verify(expected, Embedder(folder / f"{layout}.onnx")(images), limits)
    write_onnx(model, folder / "half.onnx", describe(model, name), half=True)
    verify(expected, Embedder(folder / "half.onnx")(images), LIMITS["fp16"])
    write_litert(model, folder / "a.tflite", describe(model, name))
    verify(expected, Embedder(folder / "a.tflite")(images), limits)
    write_savedmodel(model, folder / "saved", describe(model, name, dtype="uint8"))
    verify(expected, Embedder(folder / "saved")(images), limits)


def test_exports_of_a_network(tmp_path):
    prove(FIRST, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_exports_of_other_networks(name, tmp_path):
    prove(name, tmp_path)


def test_the_caller_normalises_as_the_network_does(tmp_path):
    model = build_network("transreid_vit_base")
    assert describe(model, "a", layout="tracker").scale == "half" and describe(model, "a").scale == "none"
    assert describe(build_network("osnet_x0_25"), "a", layout="tracker").scale == "imagenet"
