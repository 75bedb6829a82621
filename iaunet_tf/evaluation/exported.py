"""Embeddings of whole subsets by a network in a file, in its own runtime."""

from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np

from iaunet_tf.data.sampling import clip_rows
from iaunet_tf.data.sources import Source
from iaunet_tf.evaluation.stored import read_embeddings, writing_embeddings
from iaunet_tf.files import fingerprint
from iaunet_tf.inference import Embedder
from iaunet_tf.terminal import progress
from iaunet_tf.threads import ahead

STEP = 16  # batches embedded at a time, while the next are decoded


class ExportedExtractor:
    """Embeds the images of a source, or its tracklets by the clips of a configuration. In the folder `store` there may
    be embeddings, put there by `keep`."""

    def __init__(self, embedder: Embedder, config, store: Path | None = None):
        self.embedder, self.config, self.store = embedder, config, store
        self.interpolation = embedder.metadata.interpolation

    def __call__(self, source: Source, name: str = "") -> np.ndarray:
        """Embeds every entry: float32 `(N, D)` of length 1; a tracklet is the mean over its clips, whose embeddings
        have length 1. Those that are stored by `name` are used again while network and images are the same."""
        if self.store is not None:
            vectors = read_embeddings(self.store / f"{name}.npy", len(source.subset), self._fingerprint(source))
            if vectors is not None:
                return vectors
        rows, entries = clip_rows(source.subset, self.config.data.clip_length, self.config.eval.clips)
        sums = np.zeros((len(source.subset), self.embedder.metadata.embedding), "float32")
        size = STEP * self.embedder.batch_size
        decoded = ahead(lambda row: source.read(row[None])[0][0], rows, size)
        with progress(f"embedding {name}", len(rows)) as bar, closing(decoded):
            for start in range(0, len(rows), size):
                vectors = self.embedder(list(islice(decoded, size)))
                np.add.at(sums, entries[start : start + size], vectors)
                bar.update(len(vectors))
        return sums / np.bincount(entries)[:, None].astype("float32")

    def keep(self, source: Source, name: str, vectors: np.ndarray) -> None:
        """Stores the embeddings of a source, if there is a folder for them."""
        if self.store is None:
            return
        with writing_embeddings(self.store / f"{name}.npy", self._fingerprint(source)) as temporary:
            np.save(temporary, vectors)

    def _fingerprint(self, source):
        data, options = self.config.data, self.config.eval
        depends = [
            self.embedder.digests,
            self.embedder.runtime,
            self.embedder.metadata,
            options.clips,
            data.clip_length,
        ]
        return fingerprint([*depends, tuple(source.size), source.interpolation, *source.subset.signature()])
