"""Networks up to their last feature map, a file for each family.

The convolutional ones are functions of the input tensor and of `behind(x, place)`, which they call at every place that
can have a block behind it.
"""

from iaunet_tf.models.backbones.applications import APPLICATIONS, application
from iaunet_tf.models.backbones.lmbn import lmbn
from iaunet_tf.models.backbones.osnet import osnet
from iaunet_tf.models.backbones.resnet50 import resnet50
from iaunet_tf.models.backbones.vit import vit_base

__all__ = ["APPLICATIONS", "application", "lmbn", "osnet", "resnet50", "vit_base"]
