"""IAUnet person re-identification for TensorFlow and Keras.

The public names load on first use, so that importing the package (or a part of it that needs no
network) does not import Keras.
"""

import importlib

import wrapt

from iaunet_tf.lazy import lazily

__version__ = "0.1.0"

__all__ = [
    "Embedder",
    "Gallery",
    "IAUBlock",
    "IAUNet",
    "__version__",
    "build_network",
    "export",
    "from_pretrained",
    "insert_blocks",
    "train",
]

__getattr__ = lazily(
    __name__,
    {
        "Embedder": "iaunet_tf.inference",
        "Gallery": "iaunet_tf.gallery",
        "IAUBlock": "iaunet_tf.layers",
        "IAUNet": "iaunet_tf.models",
        "build_network": "iaunet_tf.models",
        "export": "iaunet_tf.commands.export",
        "from_pretrained": "iaunet_tf.models",
        "insert_blocks": "iaunet_tf.models",
        "train": "iaunet_tf.commands.train",
    },
)


@wrapt.when_imported("keras")
def _register(keras) -> None:
    """Makes what of ours is in `.keras` files known to Keras as soon as there is one, for `keras.models.load_model`."""
    for module in ("adam", "layers", "losses", "models.network", "schedules"):
        importlib.import_module(f"iaunet_tf.{module}")
