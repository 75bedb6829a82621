"""Convolutional networks up to their last feature map, a file for each family.

Each is a function of the input tensor and of `behind(x, place)`, which it calls at every place that can have a block
behind it.
"""

from iaunet_tf.models.backbones.applications import APPLICATIONS, application
from iaunet_tf.models.backbones.resnet50 import resnet50

__all__ = ["APPLICATIONS", "application", "resnet50"]
