"""Weights in and out: the authors' PyTorch checkpoints, torchvision's and timm's ResNet-50, Keras files.

The names load on first use, so that finding and reading files does not import Keras.
"""

import importlib

_LAZY = {
    "LoadReport": "iaunet_tf.weights.loading",
    "find_weights": "iaunet_tf.weights.imagenet",
    "load_weights": "iaunet_tf.weights.loading",
    "save_weights": "iaunet_tf.weights.saving",
}

__all__ = ["LoadReport", "find_weights", "load_weights", "save_weights"]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'iaunet_tf.weights' has no attribute {name!r}")
