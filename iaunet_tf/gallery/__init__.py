"""Galleries that last: embeddings in Milvus Lite or on a Milvus server, with who is seen, where and when."""

from iaunet_tf.lazy import lazily

__all__ = ["Entry", "Gallery", "Hit"]

__getattr__ = lazily(
    __name__,
    {
        "Entry": "iaunet_tf.gallery.entries",
        "Gallery": "iaunet_tf.gallery.gallery",
        "Hit": "iaunet_tf.gallery.entries",
    },
)
