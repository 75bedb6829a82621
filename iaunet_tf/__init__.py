"""IAUnet person re-identification for TensorFlow and Keras.

The public names load on first use, so that importing the package (or a part of it that needs no
network) does not import Keras.
"""

import importlib

import wrapt

__version__ = "0.1.0"

_LAZY = {
    "Embedder": "iaunet_tf.inference",
    "IAUNet": "iaunet_tf.models",
    "insert_blocks": "iaunet_tf.models",
}

__all__ = ["Embedder", "IAUNet", "__version__", "insert_blocks"]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'iaunet_tf' has no attribute {name!r}")


@wrapt.when_imported("keras")
def _register_layers(keras) -> None:
    """Makes our layers known to Keras as soon as there is one, for `keras.models.load_model`."""
    importlib.import_module("iaunet_tf.layers")
