"""ResNet-50 and the networks built on it, as functional Keras models."""

from iaunet_tf.models.iaunet import IAUNet
from iaunet_tf.models.insertion import insert_blocks

__all__ = ["IAUNet", "insert_blocks"]
