"""Networks as functional Keras models: backbones, blocks, heads, and what is made of them."""

from iaunet_tf.models.iaunet import IAUNet
from iaunet_tf.models.insertion import insert_blocks
from iaunet_tf.models.networks import build_network
from iaunet_tf.models.pretrained import from_pretrained

__all__ = ["IAUNet", "build_network", "from_pretrained", "insert_blocks"]
