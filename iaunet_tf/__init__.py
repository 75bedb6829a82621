"""IAUnet person re-identification for TensorFlow and Keras.

The public names load on first use, so that importing the package (or a part of it that needs no
network) does not import Keras.
"""

import importlib
from typing import TYPE_CHECKING

import wrapt

from iaunet_tf.lazy import lazily

__version__ = "0.2.0"

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

if TYPE_CHECKING:
    from iaunet_tf.commands.export import export
    from iaunet_tf.commands.train import train
    from iaunet_tf.gallery import Gallery
    from iaunet_tf.inference import Embedder
    from iaunet_tf.layers import IAUBlock
    from iaunet_tf.models import IAUNet, build_network, from_pretrained, insert_blocks
else:
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
