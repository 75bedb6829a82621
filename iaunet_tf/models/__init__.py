"""Networks as functional Keras models: backbones, blocks, heads, and what is made of them."""

from iaunet_tf.models.iaunet import IAUNet
from iaunet_tf.models.insertion import insert_blocks

__all__ = ["IAUNet", "insert_blocks"]
