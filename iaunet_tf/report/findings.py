"""What there is to say about a run."""

import contextlib
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iaunet_tf.config.parsing import parse
from iaunet_tf.config.reid import ReIdConfig
from iaunet_tf.config.stored import read_run
from iaunet_tf.data.decoding import load_image
from iaunet_tf.data.sampling import all_clips
from iaunet_tf.data.selection import check_input, read_selected
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.evaluator import Evaluation, Evaluator
from iaunet_tf.evaluation.exported import ExportedExtractor
from iaunet_tf.files import printable
from iaunet_tf.inference.record import Record
from iaunet_tf.run import Run
from iaunet_tf.terminal import quietly
from iaunet_tf.thresholds import Thresholds

if TYPE_CHECKING:
    import keras

SHOWN = 10  # of a ranked list
SAMPLE = 64  # images or clips that relations are averaged over
DISTRACTOR = 0  # in Market-1501's layout, where it is nobody's query


@dataclass(frozen=True)
class Findings(Evaluation):
    """A run, or a network in a file, looked at: its evaluation on the first test set, and what else there is."""

    nearest: tuple[np.ndarray, np.ndarray]
    name: str  # of the run's folder
    config: ReIdConfig
    model: "keras.Model | None"  # None for a network in a file, of which nothing inside is shown
    metrics: dict  # content of metrics.json
    history: dict[str, np.ndarray]  # columns of history.csv, NaN where an epoch has no value
    notes: list[str]  # on a network in a file: what it is fed, and what was doubtful about that

    @classmethod
    def of(cls, folder: str | Path) -> "Findings":
        """Looks at a finished run, or an evaluation of a network in a file, with the embeddings in its folder if they
        are there."""
        run = Run(Path(folder))
        config = _configuration(run)
        if not run.metrics.is_file():
            remedy = "evaluate the network again" if run.network.is_file() else f"iaunet evaluate {folder}"
            raise InputError(f"{folder}: is not evaluated; {remedy}")
        metrics = _metrics(run.metrics, folder)
        model, notes, extract = _open(run, config)
        datasets = read_selected(config.data, training=False)[1][:1]
        evaluator = Evaluator(config, datasets, extract.interpolation)
        evaluation = evaluator.ordinary(evaluator.tests[0], extract, SHOWN)
        query, gallery = evaluation.test.query.subset, evaluation.test.gallery.subset
        print(f"{folder}: {len(query)} queries, {len(gallery)} gallery {gallery.unit}", flush=True)
        own = {"name": printable(run.path.resolve().name), "config": config, "metrics": metrics, "notes": notes}
        return cls(**vars(evaluation), **own, model=model, history=_history(run.history))

    @property
    def video(self) -> bool:
        """Whether it is about tracklets."""
        return self.config.data.video

    def hits(self, query: int) -> np.ndarray:
        """Which of those found first are the same person."""
        return self.test.gallery.subset.pids[self.nearest[0][query]] == self.test.query.subset.pids[query]

    def confused(self) -> list[tuple[int, int, list[int]]]:
        """Pairs of people of whom one was found first for the other, the most frequent first: both, and the queries."""
        query, gallery = self.test.query.subset, self.test.gallery.subset
        strangers = {DISTRACTOR} - set(query.pids) if set(str(self.test.person(DISTRACTOR))) == {"0"} else set()
        queries = defaultdict(list)
        for i in np.flatnonzero(self.ranking.rank1 < 0.5):
            pair = int(query.pids[i]), int(gallery.pids[self.nearest[0][i, 0]])
            if pair[0] != pair[1] and pair[1] not in strangers:
                queries[min(pair), max(pair)].append(int(i))
        frequent = sorted(queries.items(), key=lambda item: len(item[1]), reverse=True)
        return [(first, second, rows) for (first, second), rows in frequent]

    def paths(self, subset: str, row: int) -> list[Path]:
        """Files of an image, or of a tracklet's frames, of `"query"` or `"gallery"`."""
        return getattr(self.test, subset).subset.paths(row)

    def picture(self, subset: str, row: int) -> Path:
        """The image, or the middle frame of the tracklet."""
        files = self.paths(subset, row)
        return files[len(files) // 2]

    def attention(self, files: list[Path]) -> list[np.ndarray]:
        """Part attention of all blocks, `(files, h, w, K)`, of one image each or of a tracklet's clips; none of a
        network without."""
        if self.model is None:
            return []
        from iaunet_tf.losses.objective import part_attentions

        order = np.arange(len(files))
        if self.video:
            order = all_clips(len(files), self.config.data.clip_length)
        outputs = self.model.predict(self._pixels(files)[order], batch_size=8, verbose=0)
        # The last clip repeats frames; each is shown once.
        _, first = np.unique(order, return_index=True)
        found = [outputs[name] for name in part_attentions(outputs)]
        return [maps.reshape(-1, *maps.shape[-3:])[first] for maps in found]

    @cached_property
    def relations(self) -> list[np.ndarray]:
        """How much `K` parts listen to each other, `(T, K, T, K)` for each block that has parts, a mean."""
        if self.model is None:
            return []
        import keras

        from iaunet_tf.layers import IAUBlock

        blocks = [layer for layer in self.model.layers if isinstance(layer, IAUBlock) and layer.kind != "channel"]
        if not blocks:
            return []
        count = len(self.test.query.subset)
        inputs = []
        for row in np.linspace(0, count - 1, min(SAMPLE, count)).round().astype(int):
            files = self.paths("query", row)
            if self.video:
                files = [files[frame] for frame in all_clips(len(files), self.config.data.clip_length)[0]]
            pixels = self._pixels(files)
            inputs.append(pixels if self.video else pixels[0])
        into = keras.Model(self.model.inputs, [block.input for block in blocks])
        maps = into.predict(np.stack(inputs), batch_size=8, verbose=0)
        maps = maps if isinstance(maps, list) else [maps]
        means = [np.mean(block.relations(each), axis=0) for block, each in zip(blocks, maps, strict=True)]
        shapes = [(len(mean) // block.parts, block.parts) for block, mean in zip(blocks, means, strict=True)]
        return [mean.reshape(*shape, *shape) for mean, shape in zip(means, shapes, strict=True)]

    def _pixels(self, files: list[Path]) -> np.ndarray:
        source = self.test.query
        pixels = [load_image(file, source.size, interpolation=source.interpolation) for file in files]
        return np.stack(pixels).astype("float32")


def _configuration(run):
    """The configuration of a run, or of an evaluation of a network in a file, that can be reported on."""
    if run.network.is_file():
        config = parse(["--config", str(run.config)], default=None)
        if not Path(config.data.root).exists():
            raise InputError(f"{config.data.root}: no such folder; {run.path} was evaluated on it: put it back")
    else:
        config, _ = read_run(run.path)
    if config.task != "reid":
        raise InputError(f"{run.path}: is a run of {config.task}; reports are about re-identification")
    if config.data.fold == "all":
        raise InputError(f"{run.path}: holds a run for each fold; take one of them, such as {run.fold(0).path}")
    return config


def _open(run, config):
    """The Keras network of a run, or None; notes for the reader; and what embeds."""
    if run.network.is_file():
        record = Record.read(run.network)
        embedder = record.open(config.eval.batch_size)
        check_input(embedder.metadata, record.network, config.data)
        notes = [embedder.fed, *(f"warning: {line}" for line in record.warnings)]
        return None, notes, ExportedExtractor(embedder, config, run.embeddings)
    # Keras where there is something to show of it.
    with quietly():  # TensorFlow
        from iaunet_tf.evaluation.extraction import Extractor
        from iaunet_tf.inference.keras_files import load_network

    model = load_network(run.path)
    return model, [], Extractor(model, config, run.embeddings)


def _metrics(path: Path, folder: str | Path) -> dict:
    def numbers(values):
        return all(isinstance(value, (int, float)) for value in values)

    with contextlib.suppress(ValueError, TypeError, AttributeError, InputError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if all(
            numbers(value for key, value in metrics.items() if key not in ("cmc", "95 %", "thresholds"))
            and all(len(pair) == 2 and numbers(pair) for pair in metrics.get("95 %", {}).values())
            for metrics in content.values()
        ):
            for metrics in content.values():
                if "thresholds" in metrics:
                    Thresholds.from_dict(metrics["thresholds"])
            return content
    raise InputError(f"{path}: damaged; iaunet evaluate {folder} writes it anew")


def _history(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        return {}
    from iaunet_tf.training.history import MISSING, read_history

    header, *rows = read_history(path) or [[]]
    values = np.array([[np.nan if value in MISSING else float(value) for value in row] for row in rows])
    return dict(zip(header, values.T, strict=True)) if rows else {}
