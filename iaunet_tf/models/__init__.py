"""ResNet-50 and the networks built on it, as functional Keras models."""

from iaunet_tf.models.iaunet import IAUNet

__all__ = ["IAUNet"]
