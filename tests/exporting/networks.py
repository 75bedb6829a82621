"""Test networks with random weights, because newly created blocks and batch norms are the identity."""

import keras
import numpy as np

from iaunet_tf import IAUNet, build_network
from iaunet_tf.models.network import Network


def network(video: bool = False, **options) -> keras.Model:
    keras.utils.set_random_seed(0)
    # With random weights, a shallower network for images would make much of the rounding of 8 bits.
    small = {"num_classes": 3, "input_shape": (64, 32, 3), "width": 0.25, "depths": (1 if video else 2,) * 4}
    return randomised(IAUNet(video=video, **{**small, **options}))


def randomised(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.5, 1.0, weight.shape))
        elif weight.path.endswith(("beta", "moving_mean", "bias")):
            weight.assign(rng.normal(0, 0.1, weight.shape))
    return model


def beginnings(shape=(64, 32, 3)) -> keras.Model:
    """The first layers of networks that together have every operation of those of `build_network`, side by side."""
    applications = (keras.applications.MobileNetV3Small, keras.applications.EfficientNetV2B0)
    mobile, efficient = (build(include_top=False, weights=None, input_shape=shape) for build in applications)
    parts = (
        (build_network("osnet_x0_25", input_shape=shape), "conv2.2.0.pool"),
        (build_network("transreid_vit_base", input_shape=shape), "base.blocks.0.add2"),
        (mobile, "expanded_conv_project_bn"),
        (efficient, "block1a_project_bn"),
    )
    images = keras.Input(shape, name="images")
    vectors = []
    for whole, last in parts:
        features = keras.Model(whole.input, whole.get_layer(last).output)(images)
        vectors.append(keras.ops.mean(features, axis=tuple(range(1, len(features.shape) - 1))))
    return Network(images, {"embedding": keras.ops.concatenate(vectors, axis=-1)}, name="beginnings")


def embeddings(model, pixels) -> np.ndarray:
    """Computes unit-length embeddings directly with Keras."""
    output = np.array(model(pixels, training=False)["embedding"])
    return output / np.linalg.norm(output, axis=-1, keepdims=True)
