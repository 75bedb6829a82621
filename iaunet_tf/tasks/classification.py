"""Image classification: images to classes, a folder each."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.config.classification import ClassificationConfig
from iaunet_tf.data.augmentation import augmentation_of
from iaunet_tf.data.batches import eval_batches, labelled_batches
from iaunet_tf.data.labelled import LabelledSource, check_images
from iaunet_tf.data.readers.folders import read_folders
from iaunet_tf.data.sampling import Share
from iaunet_tf.distribution.replicas import in_order, on_replicas
from iaunet_tf.distribution.strategy import is_chief
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.classification import ClassificationResult
from iaunet_tf.files import write_json
from iaunet_tf.losses.cross_entropy import accuracy, cross_entropy
from iaunet_tf.models.classifier import ImageClassifier
from iaunet_tf.models.folding import inference
from iaunet_tf.run import Run
from iaunet_tf.tasks.task import Task, describe_data


class Classification(Task):
    """Trains on labelled images, judged by top-1, top-5 and the confusion matrix."""

    validation = ("top-1", "top-5")

    def __init__(self, config: ClassificationConfig, purpose: str):
        self.config = config
        data = config.data
        train, val = read_folders(data.root, config.seed)
        print(f"{data.root}\n  {len(train)} images to train on, {len(val)} to judge by, {len(train.classes)} classes")
        for note in (*train.notes, *val.notes):
            print(note)
        self.classes = train.classes
        self.size = (data.height, data.width)
        if purpose == "train":  # an unknown layer is reported now, rather than after all images
            self.build_model(config.model.weights)
        self.train, self.val = (
            LabelledSource(check_images(images, data.on_corrupt), self.size, data.eval_crop) for images in (train, val)
        )
        self.steps = len(self.train.subset) // config.train.batch_size
        if not self.steps:
            raise InputError(f"{len(self.train.subset)} images do not fill a batch; lower --train.batch_size")

    def training_data(self) -> str:
        images = self.train.subset
        files = ((path.name, path.stat().st_size) for path in images.paths)
        return describe_data(files, images.labels, np.array(self.classes), "images")

    def data_rows(self) -> list[dict]:
        return [
            {"name": each.subset.name, "sets": ["folders"], "entries": len(each.subset), "unit": "images"}
            | {"classes": len(self.classes)}
            for each in (self.train, self.val)
        ]

    def build_model(self, weights: str | None = None) -> keras.Model:
        model = self.config.model
        return ImageClassifier(len(self.classes), model.backbone, (*self.size, 3), model.block, model.blocks, weights)

    def batches(self, epoch: int, share: Share) -> tf.data.Dataset:
        data, size = self.config.data, self.config.train.batch_size
        return labelled_batches(self.train, size, self.config.seed, epoch, data.crop, augmentation_of(data), share)

    # pyrefly: ignore[bad-override-mutable-attribute]
    def objective(self, outputs: dict, batch: dict) -> tuple[tf.Tensor, dict]:
        loss = cross_entropy(batch["labels"], outputs["logits"], self.config.loss.label_smoothing)
        return loss, {"accuracy": accuracy(batch["labels"], outputs["logits"])}

    def validator(self, model: keras.Model) -> Callable[[], dict[str, float]]:
        judge = self._judge(model)
        return lambda: judge().metrics()

    def _judge(self, model):
        """A function that classifies all validation images with the network's present state."""
        network = inference(model)
        classify = on_replicas(lambda images: network(images)["logits"])
        batches, subset = partial(eval_batches, self.val), self.val.subset

        def judge():
            logits = in_order(classify, len(subset), self.config.eval.batch_size, batches, "image")
            return ClassificationResult(np.concatenate(list(logits)), subset.labels, subset.classes)

        return judge

    def evaluate(self, model: keras.Model, run: Run, network: Path) -> dict[str, float]:
        known = model.output["logits"].shape[-1]
        if known != len(self.classes):
            raise InputError(f"{self.config.data.root}: holds {len(self.classes)} classes, the network knows {known}")
        result = self._judge(model)()
        if is_chief():
            print(f"\n{result}\n")
            write_json(run.metrics, {self.config.name: result.metrics()})
            result.write_confusion(run.confusion)
            print(f"{run.metrics}, {run.confusion}, {run.confusion.with_suffix('.png')}")
        return result.metrics()
