"""Person re-identification: images or tracklets to embeddings, judged by retrieval."""

import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.blocks import IAUNET_BLOCKS, IAUNET_PLACES, WITH_PARTS
from iaunet_tf.config.reid import ReIdConfig
from iaunet_tf.data.augmentation import augmentation_of
from iaunet_tf.data.batches import train_batches
from iaunet_tf.data.part_masks import prior_masks
from iaunet_tf.data.readers.table import described_as
from iaunet_tf.data.sampling import Share, check_batches
from iaunet_tf.data.selection import check_input, read_selected
from iaunet_tf.data.sources import open_source
from iaunet_tf.distribution.strategy import is_chief, num_workers
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.evaluator import Evaluator
from iaunet_tf.evaluation.extraction import Extractor
from iaunet_tf.evaluation.tables import keep_thresholds, summary, write_metrics, write_results
from iaunet_tf.inference.keras_files import describe, load_network
from iaunet_tf.losses.objective import make_objective, part_attentions
from iaunet_tf.models import IAUNet, build_network
from iaunet_tf.models.networks import network_of
from iaunet_tf.run import Run
from iaunet_tf.tasks.distillation import lessons, open_teacher
from iaunet_tf.tasks.task import Task, describe_data
from iaunet_tf.weights import check_weights
from iaunet_tf.weights.pretrained import PRETRAINED


class ReIdentification(Task):
    """Trains on some identities, and looks for others in a gallery."""

    validation = ("mAP", "rank-1")

    def __init__(self, config: ReIdConfig, purpose: str, read: Callable[..., tuple] = read_selected):
        self.config = config
        data, train = config.data, config.train
        self.unit = "clips" if data.video else "images"
        self.size = data.height, data.width
        usual = "bicubic" if config.model.backbone == "iaunet" else network_of(config.model.backbone).interpolation
        self.interpolation = data.interpolation or usual
        weights = config.model.weights if purpose == "train" else None
        if purpose != "evaluate" and config.loss.teacher:  # before long work
            open_teacher(config)
        if purpose == "train" and weights not in PRETRAINED:
            self._check_network(weights)
        for source in config.eval.ensemble:
            check_input(describe(load_network(source), source), source, data, size=False)
        subset, datasets = read(data, training=purpose != "evaluate")
        own = datasets[0].name if data.name == "packed" and not data.test else data.name  # what was packed
        places = [(own, data.root), *(entry.split("=", 1) for entry in data.more)]
        self._trained_on = {"name": "train", "sets": [described_as(*place) for place in places], **subset.counts()}
        if weights in PRETRAINED:  # downloaded once there is something to train on
            self._check_network(weights)
        if purpose != "evaluate":
            kept = data.cache, data.cache_dir
            self.train = open_source(
                subset,
                self.size,
                *kept,
                data.on_corrupt,
                interpolation=self.interpolation,
                mask_sizes=self._mask_sizes() if subset.masks is not None else (),
                check=data.check == "before",
            )
            self.group_size = train.group_size
            self.steps = self._check_batches(self.train.subset)
        self.evaluator = Evaluator(config, datasets, self.interpolation)
        objective = make_objective(config.loss, train.mining)
        everybodys = {"masks": tf.constant(prior_masks(*self.size))} if data.masks == "prior" else {}
        self.beside = {}  # what batches have for each image besides
        if purpose != "evaluate" and config.loss.teacher:
            vectors, prototypes = lessons(config, self.train.subset)
            self.beside, everybodys["prototypes"] = {"teacher": vectors}, tf.constant(prototypes)
        self.objective = lambda outputs, batch: objective(outputs, {**batch, **everybodys})

    def _check_network(self, weights):
        """Makes sure, before long work, that the network can be built, and that weights fit."""
        model = self.config.model
        if model.backbone == "iaunet":
            if weights:
                check_weights(weights, model.width)
            return
        with contextlib.redirect_stdout(io.StringIO()):
            self._build(2, weights)

    def _mask_sizes(self):
        """Height and width of the network's part attentions, which part masks are compared with."""
        if not (self.config.model.locates_parts and self.config.loss.mask_weight):
            return ()
        if self.config.model.backbone == "iaunet":  # by their strides, which is faster than to build it
            kinds = sorted(self.config.model.kinds.items())
            strides = [IAUNET_PLACES[place] for place, kind in kinds if kind in WITH_PARTS]
            return [tuple(-(-side // stride) for side in self.size) for stride in strides]
        outputs = self._build(None, None).output
        return [tuple(outputs[name].shape[-3:-1]) for name in part_attentions(outputs)]

    def _check_batches(self, subset):
        """Number of steps of an epoch; refuses batches from which nothing can be learned, and warns of triplets."""
        train, labels, replicas = self.config.train, subset.labels, tf.distribute.get_strategy().num_replicas_in_sync
        hosts = num_workers() if self.config.data.own_people else 1
        steps = check_batches(labels, train.batch_size, self.group_size, hosts)
        if train.batch_size == replicas * train.accumulate:
            raise InputError(
                f"train.batch_size {train.batch_size} makes steps of a single one of the {self.unit}, of which batch "
                "normalisation leaves nothing; raise it"
            )
        mined = train.batch_size // (train.accumulate * (replicas if train.mining == "local" else 1))
        loss = self.config.loss
        if not (loss.triplet_weight or loss.circle_weight):
            return steps
        name = "triplet" if loss.triplet_weight else "circle"
        if mined <= self.group_size:
            print(f"warning: the {name} loss sees one person at a time, and learns nothing; raise train.batch_size")
        elif self.group_size == 1:
            print(f"warning: the {name} loss seldom sees a person twice; raise train.group_size")
        elif len(labels) == subset.num_people:
            print(f"warning: the {name} loss sees copies only, since nobody has several of the {self.unit}")
        return steps

    def training_data(self) -> str:
        subset = self.train.subset
        masked = subset.masks[subset.starts] != b"" if subset.masks is not None else np.zeros(len(subset), bool)
        return describe_data(subset.names_and_sizes(), subset.labels, np.stack([subset.lengths, masked]), subset.unit)

    def data_rows(self) -> list[dict]:
        data = self.config.data
        places = dict(entry.split("=", 1) for entry in data.test)
        rows = [self._trained_on]
        for test in self.evaluator.tests:
            sets = [described_as(test.name, places.get(test.name, data.root))]
            rows += [
                {"name": name, "sets": sets, **getattr(test, name).subset.counts()} for name in ("query", "gallery")
            ]
        return rows

    def build_model(self, weights: str | None = None) -> keras.Model:
        return self._build(self.train.subset.num_people, weights)

    def _build(self, people, weights):
        model, loss = self.config.model, self.config.loss
        video, shape = self.config.data.video, (*self.size, 3)
        options = {"weights": weights, "cosine": loss.softmax != "plain", "dimension": model.dimension}
        options["centres"] = loss.features if loss.centre_weight else None
        options |= {"block": model.block, "blocks": model.blocks, "parts": model.parts} if model.kinds else {}
        if model.backbone == "iaunet":
            options |= {} if model.kinds else {"block": None}
            options |= {"blocks": model.blocks or IAUNET_BLOCKS, "recompute": model.recompute}
            options |= {"width": model.width, "depths": model.depths}
            options |= {"pooling": model.pooling or "average", "neck": model.neck is not False}
            network = IAUNet(people, shape, video, **options)
        else:
            options |= {"pooling": model.pooling, "neck": model.neck}
            network = build_network(model.backbone, people, shape, video, **options)
        if loss.features not in network.output:
            raise InputError(
                f"{model.backbone} has no output {loss.features}; leave loss.features out, or set model.neck"
            )
        network.get_layer("preprocessing").interpolation = self.interpolation  # for whoever uses it later
        return network

    def batches(self, epoch: int, share: Share) -> tf.data.Dataset:
        data, train = self.config.data, self.config.train
        seed, clip = self.config.seed, (data.clip_length, data.clip_stride)
        return train_batches(
            self.train,
            *(train.batch_size, train.group_size, seed, epoch, augmentation_of(data), clip, share, data.own_people),
            *(train.balanced, train.spread_cameras, self.beside),
        )

    def validator(self, model: keras.Model) -> Callable[[], dict[str, float]]:
        extract = Extractor(model, self.config)
        return lambda: self.evaluator.validate(extract)

    def evaluate(self, model: keras.Model, run: Run, network: Path) -> dict[str, float]:
        start = time.perf_counter()
        extract = Extractor(model, self.config, run.embeddings)
        ensemble = [Extractor(load_network(source), self.config, name=source) for source in self.config.eval.ensemble]
        # What is there is written before what may still fail.
        for evaluations in self.evaluator.evaluate(extract, ensemble):
            if is_chief():
                write_metrics(evaluations, run.metrics)
        if is_chief():
            print(f"{summary(evaluations, time.perf_counter() - start)}; {run.metrics}")
            write_results(evaluations, run)
            keep_thresholds(evaluations[0], self.config.eval, network, [network])
        first = evaluations[0]
        return {**first.ranking.metrics(), **first.pairs.metrics()}
