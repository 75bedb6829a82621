"""Weights in and out: the authors' PyTorch checkpoints, torchvision's and timm's ResNet-50, Keras files."""

from iaunet_tf.weights.loading import LoadReport, load_weights
from iaunet_tf.weights.saving import save_weights

__all__ = ["LoadReport", "load_weights", "save_weights"]
