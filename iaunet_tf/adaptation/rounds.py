"""Rounds of adaptation: embed, cluster, train on the clusters."""

import shutil
from dataclasses import replace

import numpy as np

from iaunet_tf.adaptation.clusters import (
    NOBODY,
    Clustering,
    Summary,
    draw_clusters,
    read_clusters,
    write_clusters,
    write_summaries,
)
from iaunet_tf.cards.facts import ADAPTATION
from iaunet_tf.cards.writing import describe_run, rows_of
from iaunet_tf.config.reid import ReIdConfig
from iaunet_tf.data.dataset import Subset
from iaunet_tf.data.readers.unlabelled import read_unlabelled
from iaunet_tf.data.sources import open_source
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.exported import ExportedExtractor
from iaunet_tf.evaluation.per_camera import standardise_per_camera
from iaunet_tf.files import replacing
from iaunet_tf.inference import Embedder
from iaunet_tf.inference.keras_files import load_network
from iaunet_tf.run import Run
from iaunet_tf.tasks.reid import ReIdentification
from iaunet_tf.training.loop import begin, train
from iaunet_tf.vectors import unit_length

CLUSTERS, SUMMARIES = "clusters.csv", "adaptation.csv"


def adapt(
    config: ReIdConfig, run: Run, source: Run, folder: str, rounds: int, clustering: Clustering, per_camera: bool
) -> dict[str, float]:
    """Adapts the network of the run `source` to the images in a folder, and leaves it in `run`, with a run's folder for
    every round in it; rounds that are there are not repeated.

    Each round embeds the images, clusters the embeddings, by `per_camera` standardised within cameras, and trains the
    network, as `config` says, on the clusters as identities. Returns nothing that was measured: there are no labels.
    """
    subset, notes = read_unlabelled(folder)
    print("\n".join([str(folder), *(f"  {note}" for note in notes)]))
    summaries, labels, before = [], None, source
    for number in range(1, rounds + 1):
        own = Run(run.path / f"round-{number}")
        own.path.mkdir(parents=True, exist_ok=True)
        print(f"\n--- round {number} of {rounds}: {own.path}")
        vectors, last = _embed(before, config, subset), labels
        known = own.path / CLUSTERS
        if known.is_file():
            labels = read_clusters(known, subset)
        else:
            labels = clustering(standardise_per_camera(vectors, subset.camids) if per_camera else vectors)
            write_clusters(known, subset, labels)
        draw_clusters(known.with_suffix(".png"), subset, labels)
        summaries.append(Summary.of(labels, vectors, subset.camids, last))
        print(summaries[-1])
        write_summaries(run.path / SUMMARIES, summaries)
        if not own.model.is_file():
            _train(config, own, before, subset, labels)
        before = own
    begin(run, config)
    with replacing(run.model) as temporary:
        shutil.copyfile(before.model, temporary)
    counts = {key: value for key, value in subset.counts().items() if key != "identities"}
    rows = [row for row in rows_of(source) if row["name"] == "train"]
    describe_run(run, load_network(run.path), [*rows, {"name": ADAPTATION, "sets": ["unlabelled"], **counts}])
    print(f"\n{run.model}, {run.path / SUMMARIES}; evaluate it by iaunet evaluate {run.path} --data.name ...")
    return {}


def _embed(run, config, subset):
    embedder = Embedder(run.path, config.eval.batch_size)
    expected = embedder.metadata
    if expected.video:
        raise InputError(f"{run.path}: embeds clips, and adaptation is of images")
    size = expected.height, expected.width
    source = open_source(subset, size, on_corrupt="error", interpolation=expected.interpolation)
    return unit_length(ExportedExtractor(embedder, config)(source, "people"))


def _train(config: ReIdConfig, run: Run, before: Run, subset: Subset, labels: np.ndarray):
    """Trains the network of the run `before` on clusters."""
    inside = np.flatnonzero(labels != NOBODY)
    if len(np.unique(labels[inside])) < 2:
        raise InputError(
            f"the clusters hold {len(np.unique(labels[inside]))} people, and training needs two; allow a larger "
            "--distance, or a smaller --least"
        )
    people = replace(subset.take(inside, "train"), pids=labels[inside])
    own = replace(config, run_dir=str(run.path), model=replace(config.model, weights=str(before.model)))
    task = ReIdentification(own, "resume" if run.begun else "train", read=lambda data, training: (people, []))
    train(own, run, task, resume=run.begun)
