"""Networks as functional Keras models: backbones, blocks, heads, and what is made of them.

Public names load on first use: what registers itself when Keras is imported is in this package, and may not need what
is being imported just then.
"""

from typing import TYPE_CHECKING

from iaunet_tf.lazy import lazily

__all__ = ["IAUNet", "build_network", "from_pretrained", "insert_blocks"]

if TYPE_CHECKING:
    from iaunet_tf.models.iaunet import IAUNet
    from iaunet_tf.models.insertion import insert_blocks
    from iaunet_tf.models.networks import build_network
    from iaunet_tf.models.pretrained import from_pretrained
else:
    __getattr__ = lazily(
        __name__,
        {
            "IAUNet": "iaunet_tf.models.iaunet",
            "build_network": "iaunet_tf.models.networks",
            "from_pretrained": "iaunet_tf.models.pretrained",
            "insert_blocks": "iaunet_tf.models.insertion",
        },
    )
