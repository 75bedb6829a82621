"""The paper's blocks as Keras layers, written with ``keras.ops`` so that they run on every Keras backend."""

import keras  # noqa: F401  first, for it imports this package

from iaunet_tf.layers.centres import CentreDistances
from iaunet_tf.layers.channel_iau import ChannelIAU
from iaunet_tf.layers.cosine import CosineClassifier
from iaunet_tf.layers.frames import BatchToFrames, FramesToBatch
from iaunet_tf.layers.ia_block import IABlock
from iaunet_tf.layers.iau_block import IAUBlock
from iaunet_tf.layers.pooling import GeM
from iaunet_tf.layers.preprocessing import Preprocessing
from iaunet_tf.layers.spatial_temporal_iau import SpatialTemporalIAU

__all__ = [
    "BatchToFrames",
    "CentreDistances",
    "ChannelIAU",
    "CosineClassifier",
    "FramesToBatch",
    "GeM",
    "IABlock",
    "IAUBlock",
    "Preprocessing",
    "SpatialTemporalIAU",
]
