"""What there is to say about a run."""

import csv
import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from iaunet_tf.data.images import load_image
from iaunet_tf.data.sampling import all_clips
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import (
    PairDistances,
    RetrievalResult,
    by_camera_pair,
    compare_pairs,
    nearest,
)
from iaunet_tf.inference.keras_files import load_network
from iaunet_tf.layers import IAUBlock
from iaunet_tf.training.config import Config, parse
from iaunet_tf.training.objective import PART_ATTENTIONS
from iaunet_tf.training.reidentification import ReIdentification, TestSet
from iaunet_tf.training.run import Run
from iaunet_tf.training.task import make_task

SHOWN = 10  # of a ranked list
SAMPLE = 64  # pictures or clips that relations are averaged over
DISTRACTOR = 0  # in Market-1501's layout, where it is nobody's query


@dataclass(frozen=True)
class Findings:
    """A run, looked at.

    Attributes:
        name: of the run's folder.
        config: of the run.
        task: reads its data.
        model: its network.
        metrics: what `metrics.json` holds.
        history: columns of `history.csv`, NaN where an epoch has no value.
        result: figures of every query.
        pairs: distances of pairs.
        cameras: figures by pair of cameras.
        places, distances: `(Q, 10)`, who is found first.
    """

    name: str
    config: Config
    task: ReIdentification
    model: keras.Model
    metrics: dict
    history: dict[str, np.ndarray]
    result: RetrievalResult
    pairs: PairDistances
    cameras: list[dict]
    places: np.ndarray
    distances: np.ndarray

    @classmethod
    def of(cls, folder: str | Path) -> "Findings":
        """Looks at a finished run; its embeddings are taken from the run's folder if they are there.

        Raises:
            InputError: it is no run, is not finished, or its data are not there.
        """
        run = Run(Path(folder))
        if not run.config.is_file():
            raise InputError(f"{folder}: is no run folder (it holds no config.yaml)")
        config = parse(["--config", str(run.config)])[0]
        if config.task != "reid":
            raise InputError(f"{folder}: is a run of {config.task}; reports are about re-identification")
        if config.data.split == "all":
            raise InputError(f"{folder}: holds a run for each split; take one of them, such as {run.path / 'split-0'}")
        if not run.metrics.is_file():
            raise InputError(f"{folder}: is not evaluated; python train_keras.py --evaluate {folder}")
        model = load_network(folder)
        task = make_task(config, "evaluate")
        test, distance = task.tests[0], config.eval.distance
        everything = *task.embeddings(model, test, run), *test.ids
        print(f"{folder}: {len(everything[0])} queries, {len(everything[1])} gallery {task.entries}", flush=True)
        return cls(
            run.path.resolve().name,
            config,
            task,
            model,
            json.loads(run.metrics.read_text()),
            _history(run.history),
            task.search(*everything[:2], test),
            compare_pairs(*everything, distance),
            by_camera_pair(*everything, distance),
            *nearest(*everything, distance, SHOWN),
        )

    @property
    def test(self) -> TestSet:
        """Where people were looked for."""
        return self.task.tests[0]

    @property
    def own_metrics(self) -> dict:
        """Those of the ordinary evaluation."""
        return self.metrics[self.task.label(self.test)]

    def hits(self, query: int) -> np.ndarray:
        """Which of those found first are the same person."""
        return self.test.gallery.split.pids[self.places[query]] == self.test.query.split.pids[query]

    def confused(self) -> list[tuple[int, int, list[int]]]:
        """Pairs of people of whom one was found first for the other, the most frequent first: both, and the queries."""
        query, gallery = self.test.query.split, self.test.gallery.split
        strangers = {DISTRACTOR} - set(query.pids)
        queries: dict[tuple[int, int], list[int]] = {}
        for i in np.flatnonzero(self.result.rank1 < 0.5):
            other = gallery.pids[self.places[i, 0]]
            if other != query.pids[i] and other not in strangers:
                queries.setdefault(tuple(sorted((int(query.pids[i]), int(other)))), []).append(int(i))
        counts = Counter({pair: len(each) for pair, each in queries.items()})
        return [(*pair, queries[pair]) for pair, _ in counts.most_common()]

    def paths(self, part: str, row: int) -> list[Path]:
        """Files of a picture, or of a tracklet's frames, of `"query"` or `"gallery"`."""
        split = getattr(self.test, part).split
        return split.paths(row) if self.task.video else [split.paths[row]]

    def attention(self, files: list[Path]) -> list[np.ndarray]:
        """Part attention of both blocks, `(files, h, w, 4)`, of one picture each or of a tracklet's clips; none of a
        network without."""
        pixels = np.stack([load_image(file, self.task.size) for file in files]).astype("float32")
        order = np.arange(len(files))
        if self.task.video:
            order = all_clips(len(files), self.config.data.clip_length)
        outputs = self.model.predict(pixels[order], batch_size=8, verbose=0)
        # The last clip repeats frames; each is shown once.
        _, first = np.unique(order, return_index=True)
        found = [outputs[name] for name in PART_ATTENTIONS if name in outputs]
        return [maps.reshape(-1, *maps.shape[-3:])[first] for maps in found]

    @cached_property
    def relations(self) -> list[np.ndarray]:
        """How much parts listen to each other, `(T·4, T·4)` for each block, the mean over some queries."""
        blocks = [layer for layer in self.model.layers if isinstance(layer, IAUBlock)]
        if not blocks:
            return []
        count = len(self.test.query.split)
        inputs = []
        for row in np.linspace(0, count - 1, min(SAMPLE, count)).round().astype(int):
            files = self.paths("query", row)
            frames = all_clips(len(files), self.config.data.clip_length)[0] if self.task.video else [0]
            pixels = np.stack([load_image(files[frame], self.task.size) for frame in frames])
            inputs.append(pixels if self.task.video else pixels[0])
        into = keras.Model(self.model.inputs, [block.input for block in blocks])
        maps = into.predict(np.stack(inputs).astype("float32"), batch_size=8, verbose=0)
        maps = maps if isinstance(maps, list) else [maps]
        return [np.mean(block.relations(each), axis=0) for block, each in zip(blocks, maps, strict=True)]


def _history(path):
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        key: np.array([float(row[key]) if row[key] not in ("NA", "") else np.nan for row in rows])
        for key in (rows[0] if rows else [])
    }
