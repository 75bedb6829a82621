"""Loading and saving of weights: the authors' PyTorch checkpoints, torchvision's and timm's ResNet-50, Keras files.

Functions are imported on first use, so that finding and reading files does not import Keras.
"""

from typing import TYPE_CHECKING

from iaunet_tf.lazy import lazily

__all__ = ["LoadReport", "check_weights", "find_weights", "load_weights", "save_weights"]

if TYPE_CHECKING:
    from iaunet_tf.weights.finding import find_weights
    from iaunet_tf.weights.loading import LoadReport, check_weights, load_weights
    from iaunet_tf.weights.saving import save_weights
else:
    __getattr__ = lazily(
        __name__,
        {
            "LoadReport": "iaunet_tf.weights.loading",
            "check_weights": "iaunet_tf.weights.loading",
            "find_weights": "iaunet_tf.weights.finding",
            "load_weights": "iaunet_tf.weights.loading",
            "save_weights": "iaunet_tf.weights.saving",
        },
    )
