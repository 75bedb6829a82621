"""The model card of a run: metadata as the Hugging Face hub reads it, and text."""

import contextlib
import re
from collections.abc import Iterable

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader

from iaunet_tf.cards.facts import METRICS, Facts, Result, counted
from iaunet_tf.cards.sentences import input_of, limits_of, network_of, protocol_of, training_of
from iaunet_tf.data.readers.table import READERS
from iaunet_tf.errors import InputError
from iaunet_tf.thresholds import Threshold

PIPELINE = {"reid": "image-feature-extraction", "classification": "image-classification"}
TASK = {"reid": "person re-identification", "classification": "image classification"}
HUB_METRICS = {"mAP": "mAP", "rank-1": "rank-1", "top-1": "accuracy"}  # of the metadata, and what it calls them
USUAL_RATE = 0.01  # of false positives, that of `Embedder.same`


def metadata_of(facts: Facts) -> ModelCardData:
    """What the hub is told of a network. Its licence is for people to state."""
    task = facts.config.task
    tags = [TASK[task].replace(" ", "-"), *(["video"] if getattr(facts.config.data, "video", False) else [])]
    results = [
        EvalResult(
            task_type=PIPELINE[task],
            task_name=TASK[task],
            dataset_type=result.on,
            dataset_name=facts.terms[result.on].title,
            metric_type=HUB_METRICS[name],
            metric_name=f"{name} (%)",
            metric_value=round(100 * result.values[name], 2),
        )
        for result in facts.results
        if result.on
        for name in HUB_METRICS
        if name in result.values
    ]
    return ModelCardData(
        library_name="keras",
        pipeline_tag=PIPELINE[task],
        tags=[*tags, "iaunet-tf"],
        datasets=[name for name in facts.trained_on if facts.terms[name].public] or None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        model_name=facts.config.name,
        eval_results=results or None,
    )


def text_of(facts: Facts, license: str | None, repo: str | None = None) -> str:
    """The text of a card, for people: `license` is what is stated of the weights', `repo` the name on the hub."""
    environment = Environment(loader=PackageLoader("iaunet_tf.cards", "."), trim_blocks=True, lstrip_blocks=True)
    filters = {"plain": plain, "cells": cells, "figures": figures, "percents": percents, "wrong": wrong, "right": right}
    environment.filters |= filters
    config, thresholds = facts.config, None
    with contextlib.suppress(InputError):  # of another network: there are none of this one
        thresholds = facts.thresholds
    data, fold = config.data, getattr(config.data, "fold", None)
    folds = READERS[data.name].folds if data.name in READERS else 0
    rates = [each.false_rate for each in thresholds.pairs] if thresholds else []
    noted, results = facts.noted, facts.results
    rows = [(row["name"], facts.titles(row["sets"]), counted(row)) for row in facts.rows]
    return environment.get_template("card.md").render(
        name=plain(config.name),
        reid=config.task == "reid",
        video=getattr(data, "video", False),
        network=network_of(facts),
        input=input_of(facts),
        shape=f"({'N, T' if getattr(data, 'video', False) else 'N'}, {data.height}, {data.width}, 3)",
        embedding=noted.get("network", {}).get("embedding"),
        parameters=noted.get("network", {}).get("parameters"),
        trained_on=facts.titles(facts.trained_on),
        ordinary=[result for result in results if result.on],
        results=results,
        columns=METRICS[config.task],
        protocol=protocol_of(facts),
        terms=facts.terms,
        rows=rows,
        fold=fold if folds else None,
        folds=folds,
        untrained=config.train.epochs == 0,
        training=training_of(facts),
        thresholds=thresholds,
        rate=USUAL_RATE if USUAL_RATE in rates else next(iter(rates), None),
        limits=limits_of(facts),
        license=license,
        origins=facts.origins,
        saved=facts.saved,
        noted=noted,
        versions=", ".join(f"{name} {version}" for name, version in noted.get("versions", {}).items()),
        repo=repo,
        source=f"hf://{repo}" if repo else "model.keras",
        loading=loading(repo),
    )


def loading(repo: str | None) -> str:
    """The first lines of Python that load the network into Keras."""
    file, first = '"model.keras"', []
    if repo:
        file, first = f'hf_hub_download("{repo}", "model.keras")', ["from huggingface_hub import hf_hub_download"]
    lines = ["import iaunet_tf  # which Keras needs to know of", "import keras", *first, ""]
    return "\n".join([*lines, f"model = keras.models.load_model({file})"])


def plain(text: object) -> str:
    """Text that Markdown does not take for more, on one line."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(str(text).split()))


def cells(first: Iterable[str], others: Iterable[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join([*first, *others])} |"


def figures(result: Result, columns: Iterable[str]) -> list[str]:
    """Metrics in percent, with their intervals."""
    found = []
    for name in columns:
        text = f"{100 * result.values[name]:.1f}" if name in result.values else ""
        if name in result.intervals:
            low, high = result.intervals[name]
            text += f" ({100 * low:.1f} to {100 * high:.1f})"
        found.append(text)
    return found


def percents(values: dict[str, float]) -> str:
    """The metrics that the hub is told of as well, in words."""
    return ", ".join(f"{name} {100 * values[name]:.1f} %" for name in HUB_METRICS if name in values)


def wrong(row: Threshold) -> str:
    """How often a threshold is wrong, in percent."""
    low, high = (100 * value for value in row.false_interval)
    return f"{100 * row.false_rate:g} % ({low:.2g} to {high:.2g})"


def right(row: Threshold) -> str:
    """How often a threshold is right, in percent."""
    low, high = (100 * value for value in row.true_interval)
    return f"{100 * row.true_rate:.1f} % ({low:.1f} to {high:.1f})"
