"""Test networks with random weights, because newly created blocks and batch norms are the identity."""

import keras
import numpy as np

from iaunet_tf import IAUNet


def network(**options) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = IAUNet(**{"num_classes": 3, "input_shape": (64, 32, 3), "width": 0.25, **options})
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.5, 1.0, weight.shape))
        elif weight.path.endswith(("beta", "moving_mean", "bias")):
            weight.assign(rng.normal(0, 0.1, weight.shape))
    return model


def embeddings(model, pixels) -> np.ndarray:
    """Computes unit-length embeddings directly with Keras."""
    output = np.array(model(pixels, training=False)["embedding"])
    return output / np.linalg.norm(output, axis=-1, keepdims=True)
