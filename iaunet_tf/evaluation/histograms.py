"""Colour histograms: what a network has to beat."""

import numpy as np

from iaunet_tf.data.loading import LoadedSplit

STRIPES, BINS = 6, 4


def colour_histograms(loaded: LoadedSplit) -> np.ndarray:
    """Square roots of the RGB histograms of six horizontal stripes, whose product is the Bhattacharyya coefficient.

    Returns:
        float32 `(N, 6·4³)`.
    """
    features = []
    for row in range(len(loaded.split)):
        pixels = loaded.read([row])[0, ..., :3]
        bins = pixels.astype(int) * BINS // 256
        codes = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
        stripes = np.array_split(codes, STRIPES)
        features.append([np.bincount(s.ravel(), minlength=BINS**3) / s.size for s in stripes])
    return np.sqrt(np.array(features, "float32")).reshape(len(features), -1)
