"""Colour histograms, a simple baseline for networks."""

import numpy as np

from iaunet_tf.data.clips import LoadedTracklets
from iaunet_tf.data.loading import LoadedSplit

STRIPES, BINS = 6, 4


def image_histograms(loaded: LoadedSplit) -> np.ndarray:
    """Computes features of images from the RGB histograms of six horizontal stripes.

    The features are the square roots of the histograms, so their dot product is the Bhattacharyya coefficient.

    Returns:
        float32 array of shape `(N, 6·4³)`.
    """
    return np.sqrt([_histogram(loaded.read([row])[0]) for row in range(len(loaded.split))])


def tracklet_histograms(loaded: LoadedTracklets) -> np.ndarray:
    """Computes features of tracklets from the mean histograms of their frames; see `image_histograms`."""
    split = loaded.split
    features = []
    for start, length in zip(split.starts, split.lengths, strict=True):
        frames, _ = loaded.read(np.arange(start, start + length))
        features.append(np.mean([_histogram(pixels) for pixels in frames], axis=0))
    return np.sqrt(features)


def _histogram(pixels):
    bins = pixels[..., :3].astype(int) * BINS // 256
    codes = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    stripes = np.array_split(codes, STRIPES)
    return np.concatenate([np.bincount(s.ravel(), minlength=BINS**3) / s.size for s in stripes]).astype("float32")
