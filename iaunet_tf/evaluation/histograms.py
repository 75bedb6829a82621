"""Colour histograms, a simple baseline for networks."""

import numpy as np

from iaunet_tf.data.sources import Source

STRIPES, BINS = 6, 4


def histograms(source: Source) -> np.ndarray:
    """Square roots of the RGB histograms of six horizontal stripes, float32 `(N, 6·4³)`, averaged
    over the frames of a tracklet; the product of two is the Bhattacharyya coefficient."""
    features = []
    for start, length in zip(source.subset.starts, source.subset.lengths, strict=True):
        frames, *_ = source.read(np.arange(start, start + length))
        features.append(np.mean([_histogram(pixels) for pixels in frames], axis=0))
    return np.sqrt(features)


def _histogram(pixels):
    bins = pixels[..., :3].astype(int) * BINS // 256
    codes = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    stripes = np.array_split(codes, STRIPES)
    return np.concatenate([np.bincount(s.ravel(), minlength=BINS**3) / s.size for s in stripes]).astype("float32")
