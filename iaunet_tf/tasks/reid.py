"""Person re-identification: images or tracklets to embeddings, judged by retrieval."""

import time
from collections.abc import Callable

import keras
import tensorflow as tf

from iaunet_tf.config.reid import ReIdConfig
from iaunet_tf.data.batches import train_batches
from iaunet_tf.data.part_masks import prior_masks
from iaunet_tf.data.sampling import Share, check_batches
from iaunet_tf.data.selection import read_selected
from iaunet_tf.data.sources import open_source
from iaunet_tf.distribution.strategy import is_chief
from iaunet_tf.evaluation.evaluator import Evaluator
from iaunet_tf.evaluation.extraction import Extractor
from iaunet_tf.evaluation.tables import summary, write_results
from iaunet_tf.inference.keras_files import load_network, network_file
from iaunet_tf.losses.objective import make_objective
from iaunet_tf.models import IAUNet
from iaunet_tf.run import Run
from iaunet_tf.tasks.task import Task
from iaunet_tf.weights import find_weights


class ReIdentification(Task):
    """Trains on some identities, and looks for others in a gallery."""

    validation = ("mAP", "rank-1")

    def __init__(self, config: ReIdConfig, purpose: str):
        self.config = config
        data, train = config.data, config.train
        self.unit = "clips" if data.video else "images"
        self.size = data.height, data.width
        if purpose == "train" and config.model.weights:
            find_weights(config.model.weights)
        for source in config.eval.ensemble:
            network_file(source)
        subset, datasets = read_selected(data, training=purpose != "evaluate")
        if purpose != "evaluate":
            self.train = open_source(subset, self.size, data.cache, data.cache_dir, data.on_corrupt)
            self.group_size = train.group_size
            self.steps = check_batches(self.train.subset.labels, train.batch_size, self.group_size)
        self.evaluator = Evaluator(config, datasets)
        objective = make_objective(config.loss, train.mining)
        everybodys = {"masks": tf.constant(prior_masks(*self.size))} if data.masks == "prior" else {}
        self.objective = lambda outputs, batch: objective(outputs, {**batch, **everybodys})

    def build_model(self, weights: str | None = None) -> keras.Model:
        model, video = self.config.model, self.config.data.video
        people, shape = self.train.subset.num_people, (*self.size, 3)
        return IAUNet(
            people, shape, video, block=model.block, width=model.width, weights=weights, recompute=model.recompute
        )

    def batches(self, epoch: int, share: Share) -> tf.data.Dataset:
        data, train = self.config.data, self.config.train
        seed, clip = self.config.seed, (data.clip_length, data.clip_stride)
        return train_batches(
            self.train, train.batch_size, train.group_size, seed, epoch, data.flip, data.erase, clip, share
        )

    def validator(self, model: keras.Model) -> Callable[[], dict[str, float]]:
        extract = Extractor(model, self.config)
        return lambda: self.evaluator.validate(extract)

    def evaluate(self, model: keras.Model, run: Run) -> dict[str, float]:
        start = time.perf_counter()
        extract = Extractor(model, self.config, run.embeddings)
        ensemble = [Extractor(load_network(source), self.config, name=source) for source in self.config.eval.ensemble]
        evaluations = self.evaluator.evaluate(extract, ensemble)
        if is_chief():
            print(f"{summary(evaluations, time.perf_counter() - start)}; {run.metrics}")
            write_results(evaluations, run)
        first = evaluations[0]
        return {**first.ranking.metrics(), **first.pairs.metrics()}
