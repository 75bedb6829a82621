"""Embeddings of whole subsets by an exported network, in its own runtime."""

import numpy as np

from iaunet_tf.data.sampling import clip_rows
from iaunet_tf.data.sources import Source
from iaunet_tf.inference import Embedder
from iaunet_tf.terminal import progress

STEP = 16  # batches decoded at a time


class ExportedExtractor:
    """Embeds the images of a source, or its tracklets by the clips of a configuration."""

    def __init__(self, embedder: Embedder, config):
        self.embedder, self.config = embedder, config

    def __call__(self, source: Source, name: str = "") -> np.ndarray:
        """Embeds every entry: float32 `(N, D)` of length 1; a tracklet is the mean over its clips, whose embeddings
        have length 1."""
        rows, entries = clip_rows(source.subset, self.config.data.clip_length, self.config.eval.clips)
        sums = np.zeros((len(source.subset), self.embedder.metadata.embedding), "float32")
        size = STEP * self.embedder.batch_size
        with progress(f"embedding {name}", len(rows)) as bar:
            for start in range(0, len(rows), size):
                pixels, *_ = source.read(rows[start : start + size])
                np.add.at(sums, entries[start : start + size], self.embedder(list(pixels[..., :3])))
                bar.update(len(pixels))
        return sums / np.bincount(entries)[:, None].astype("float32")
