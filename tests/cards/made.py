"""Runs made by hand, without training, for cards to be about."""

import json
import zipfile
from pathlib import Path

from iaunet_tf.config.common import Config
from iaunet_tf.config.files import save_config
from iaunet_tf.config.reid import ReIdConfig
from iaunet_tf.inference.measured import digests_of, write_thresholds
from iaunet_tf.run import Run
from iaunet_tf.thresholds import Threshold, Thresholds

PAIRS = (
    Threshold(0.001, 0.21, 0.6, (0.0, 0.0021), (0.5, 0.7)),
    Threshold(0.01, 0.34, 0.75, (0.0061, 0.014), (0.68, 0.81)),
)
OPEN_SET = (Threshold(0.1, 0.19, 0.31, (0.05, 0.17), (0.22, 0.4)),)
THRESHOLDS = Thresholds("market1501: 3368 queries of 750 people, 15913 gallery images", "cosine", PAIRS, OPEN_SET)
COUNTS = {  # as published
    "market1501": ((751, 12936), (750, 3368), (751, 15913)),
    "msmt17": ((1041, 32621), (3060, 11659), (3060, 82161)),
    "mars": ((625, 8298), (626, 1980), (626, 9330)),
    "dukemtmc_reid": ((702, 16522), (702, 2228), (1110, 17661)),
}
METRICS = {
    "mAP": 0.823456,
    "rank-1": 0.934567,
    "rank-5": 0.97,
    "rank-10": 0.98,
    "rank-20": 0.99,
    "mINP": 0.55,
    "cmc": [0.93],
    "95 %": {"mAP": [0.801, 0.842], "rank-1": [0.92, 0.95]},
}


def rows_of(name: str, unit: str = "images") -> list[dict]:
    """What `Task.data_rows` says of a public data set."""
    return [
        {"name": subset, "sets": [name], "identities": people, "entries": entries, "unit": unit, "cameras": 6}
        for subset, (people, entries) in zip(("train", "query", "gallery"), COUNTS[name], strict=True)
    ]


def network_file(path: Path) -> None:
    """A `.keras` file as far as cards look into it, too large for a plain commit."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1", "date_saved": "2026-01-02@03:04:05"}')
        archive.writestr("config.json", '{"class_name": "Network"}')
        archive.writestr("model.weights.h5", bytes(range(256)) * 40)


def reid(name: str, **keys: object) -> ReIdConfig:
    """A configuration on a data set, which is its name as well, with other keys such as `data__test`."""
    config = ReIdConfig(name=name)
    for key, value in {"data__name": name, "data__root": f"/data/{name}", **keys}.items():
        section, key = key.split("__")
        setattr(getattr(config, section), key, value)
    return config


def make_run(
    folder: Path,
    config: Config,
    rows: list[dict] | None = None,
    metrics: dict | None = None,
    thresholds: Thresholds | None = None,
) -> Run:
    """A finished run: its configuration, and what else there is of it."""
    run = Run(folder)
    folder.mkdir(parents=True)
    config.run_dir = str(folder)
    save_config(config, run.config)
    network_file(run.model)
    metrics = {config.name: METRICS} if metrics is None else metrics
    if metrics:
        run.metrics.write_text(json.dumps(metrics))
    if rows is not None:
        noted = {
            "data": rows,
            "network": {"parameters": 29003085, "embedding": 2048},
            "versions": {"iaunet-tf": "0.1.0", "Keras": "3.15.1", "TensorFlow": "2.21.0"},
            "date": "2026-01-03",
        }
        run.facts.write_text(json.dumps(noted))
    if thresholds:
        write_thresholds(run.model, digests_of(run.model, [run.model]), thresholds)
    return run
