"""Galleries that last: embeddings in Milvus Lite or on a Milvus server, with who is seen, where and when."""

from typing import TYPE_CHECKING

from iaunet_tf.lazy import lazily

__all__ = ["Entry", "Gallery", "Hit"]

if TYPE_CHECKING:
    from iaunet_tf.gallery.entries import Entry, Hit
    from iaunet_tf.gallery.gallery import Gallery
else:
    __getattr__ = lazily(
        __name__,
        {
            "Entry": "iaunet_tf.gallery.entries",
            "Gallery": "iaunet_tf.gallery.gallery",
            "Hit": "iaunet_tf.gallery.entries",
        },
    )
