import keras
import numpy as np
import pytest

from iaunet_tf import insert_blocks
from iaunet_tf.errors import InputError

APPLICATIONS = {
    "ResNet50": "conv3_block4_out",
    "ResNet101V2": "conv3_block4_out",
    "MobileNetV3Large": "expanded_conv_5_add",
    "EfficientNetV2B0": "block3b_add",
    "DenseNet121": "pool3_relu",
    "ConvNeXtTiny": "convnext_tiny_stage_1_block_2_identity",
}


def images(size):
    return np.random.default_rng(0).uniform(0, 255, (4, size, size, 3)).astype("float32")


def check(model, name, block, tmp_path):
    x = images(model.input_shape[1])
    before = model(x).numpy()
    inserted = insert_blocks(model, after=[name], block=block)
    np.testing.assert_allclose(inserted(x), before, atol=1e-5)

    inserted.compile("adam", "sparse_categorical_crossentropy")
    weights = [np.array(w) for w in inserted.get_layer(f"{name}_{block}").trainable_weights]
    inserted.fit(x, np.arange(4), verbose=0)
    after = inserted.get_layer(f"{name}_{block}").trainable_weights
    assert any((np.array(a) != b).any() for a, b in zip(after, weights, strict=True))

    inserted.save(tmp_path / "inserted.keras")
    loaded = keras.models.load_model(tmp_path / "inserted.keras")
    np.testing.assert_allclose(loaded(x), inserted(x), atol=1e-6)
    np.testing.assert_array_equal(model(x), before)  # the original is left alone


@pytest.mark.parametrize("block", ["iau", "ia"])
def test_branching_model(block, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 3))
    first = keras.layers.Conv2D(6, 3, padding="same", name="first")(inputs)
    second = keras.layers.Conv2D(6, 3, padding="same", name="second")(first)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([first, second]))
    model = keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(x))
    check(model, "first", block, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_applications(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=4)
    check(model, APPLICATIONS[name], "iau", tmp_path)


def test_mistakes_are_explained():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="pool")(x), name="tiny")
    with pytest.raises(ValueError, match="tiny has no layer 'conv9'; candidates are conv"):
        insert_blocks(model, after="conv9")
    with pytest.raises(ValueError, match=r"layer 'pool' gives \(None, 4\), not a map .*candidates are conv"):
        insert_blocks(model, after=["pool"])
    with pytest.raises(ValueError, match="functional"):
        insert_blocks(keras.layers.Dense(3), after="conv")
    with pytest.raises(ValueError, match="one of iau, ia, channel, spatial_temporal, spatial, temporal; received 'se'"):
        insert_blocks(model, after="conv", block="se")

    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="received Subclassed"):
        insert_blocks(Subclassed(), after="conv")


def test_places_that_are_taken_or_many():
    inputs = keras.Input((16, 16, 3))
    shared = keras.layers.Conv2D(4, 3, name="shared")
    other = keras.Input((16, 16, 3))
    twice = keras.Model([inputs, other], keras.layers.Add()([shared(inputs), shared(other)]))
    with pytest.raises(InputError, match="'shared' is used more than once"):
        insert_blocks(twice, "shared")
    once = insert_blocks(keras.Model(inputs, keras.layers.Conv2D(4, 3, name="a")(inputs)), "a")
    with pytest.raises(InputError, match="has the block a_iau already"):
        insert_blocks(once, "a")
    with pytest.raises(InputError, match=r"has no layer \['a'\]"):
        insert_blocks(once, [["a"]])
