"""The synthetic data sets, which are drawn when they are first read."""

from dataclasses import replace
from pathlib import Path

from iaunet_tf.data.dataset import Dataset
from iaunet_tf.data.readers.market1501 import read_market1501
from iaunet_tf.data.readers.mars import read_mars
from iaunet_tf.data.synthetic.images import ensure_images
from iaunet_tf.data.synthetic.tracklets import ensure_tracklets


def read_synthetic(root: str | Path) -> Dataset:
    """Reads the drawn images, in the layout of Market-1501."""
    ensure_images(root)
    return read_market1501(root, "synthetic")


def read_synthetic_tracklets(root: str | Path) -> Dataset:
    """Reads the drawn tracklets, in the layout of MARS."""
    ensure_tracklets(root)
    return replace(read_mars(root), name="synthetic_tracklets")
