"""Arguments out of range: one line that names them, before anything is built."""

import keras
import numpy as np
import pytest

from iaunet_tf import IAUBlock, IAUNet, insert_blocks
from iaunet_tf.errors import InputError
from iaunet_tf.layers import ChannelIAU, FramesToBatch, IABlock, SpatialTemporalIAU
from iaunet_tf.models.classifier import ImageClassifier

NAN, INF = float("nan"), float("inf")
SHAPES = [None, 64, (64, 32), (64, 32, 1), (64, 32, 3.0), (3, 64, 32), (None, None, 3), (4, 64, 32, 3), (64.5, 32, 3)]
SHAPES += [(0, 32, 3), (-64, 32, 3), (10**9, 32, 3), "abc", ("64", "32", "3"), (64, 32, None)]
CASES = [
    (IAUNet, "width", [0, 0.3, 0.01, -1, NAN, INF, 1e9, "1", None, True, [1]]),
    (
        IAUNet,
        "depths",
        [None, 3, (), (3, 4, 6), (3, 4, 6, 3, 3), (3, 4, 6, 0), (1, 1, 1, 1.5), (1, 1, 1, 10**9), "3463"],
    ),
    (IAUNet, "num_classes", [0, -1, 1.5, 5.0, NAN, "5", True, [5]]),
    (IAUNet, "input_shape", [*SHAPES, (8, 8, 3)]),
    (IAUNet, "block", ["se", "IAU", "", 0, True, []]),
    (IAUNet, "weights", [5, True, []]),
    (ImageClassifier, "num_classes", [0, -1, 1.5, None, "3", True]),
    (ImageClassifier, "input_shape", SHAPES),
    (ImageClassifier, "block", ["se", True, 0]),
    (IAUBlock, "parts", [0, -1, 1.5, NAN, "4", None, True]),
    (IAUBlock, "rows", [0, -1, 1.5, "some", True]),
    (SpatialTemporalIAU, "parts", [0, 2.5]),
    (ChannelIAU, "rows", [0, "ALL"]),
    (IABlock, "alpha_x", [0, -1, NAN, INF, 1e-200, "5", None]),
    (IABlock, "alpha_y", [0, -1, NAN]),
]


@pytest.mark.parametrize(("make", "name", "value"), [(make, name, v) for make, name, values in CASES for v in values])
def test_out_of_range(make, name, value):
    with pytest.raises(InputError, match=name) as error:
        make(**{"num_classes": 3} if make is ImageClassifier and name != "num_classes" else {}, **{name: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("build", [IAUNet, lambda: IAUNet(block=None), lambda: ImageClassifier(3)])
def test_channels_first(build):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(InputError, match="set_image_data_format"):
            build()
    finally:
        keras.config.set_image_data_format("channels_last")


def small(**options):
    inputs = keras.Input((8, 8, 4), name="in")
    return keras.Model(inputs, keras.layers.Conv2D(4, 3, name="conv", **options)(inputs), name="small")


@pytest.mark.parametrize("after", [[], None, 5, "in", "", [None], ["conv", 5], "Conv"])
def test_places_that_are_none(after):
    with pytest.raises(InputError, match=r"small.*candidates are conv"):
        insert_blocks(small(), after)


def test_models_with_channels_first():
    with pytest.raises(InputError, match="channels first"):
        insert_blocks(small(data_format="channels_first"), "conv")


@pytest.mark.parametrize("block", ["se", None, True, []])
def test_blocks_that_are_none(block):
    with pytest.raises(InputError, match="block must be one of iau, ia"):
        insert_blocks(small(), "conv", block)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (IAUBlock, (2, 0, 4, 4), "without"),
        (IAUBlock, (2, 0, 8, 4, 4), "without"),
        (IAUBlock, (2, 8, 4, 3), "even number"),
        (IAUBlock, (2, 4), r"received \(2, 4\)"),
        (IABlock, (2, 0, 4, 4), "none 0"),
        (IABlock, (2, 1, 8, 4, 4), "IABlock expects"),
        (FramesToBatch, (2, 0, 8, 4, 3), "at least one frame"),
        (ChannelIAU, (2, 8, 4, 4), "expected ndim=5"),
        (SpatialTemporalIAU, (2, 8, 4, 4), "expected ndim=5"),
    ],
)
def test_inputs_that_do_not_fit(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer()(np.ones(shape, "float32"))


def test_a_block_keeps_its_channels():
    block = IAUBlock()
    block(np.ones((1, 2, 2, 4), "float32"))
    block(np.ones((1, 3, 2, 2, 4), "float32"))
    for shape in ((1, 2, 2, 8), (1, 4)):
        with pytest.raises(ValueError, match="incompatible with the layer"):
            block(np.ones(shape, "float32"))
