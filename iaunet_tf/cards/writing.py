"""Writing of cards: what stands between two marks, and results in the metadata, are ours; all else is the user's."""

import datetime
import hashlib
import json
import re
from typing import TYPE_CHECKING

import yaml
from huggingface_hub import ModelCard

import iaunet_tf
from iaunet_tf.cards.card import metadata_of, text_of
from iaunet_tf.cards.facts import ADAPTATION, Facts
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.files import intact, replacing, write_json
from iaunet_tf.run import Run

if TYPE_CHECKING:
    import keras

BEGIN = (
    "<!-- Written by iaunet-tf, and anew after every evaluation, up to the other mark; text outside of both is kept -->"
)
END = "<!-- Written by iaunet-tf up to here: {} -->"
OURS = re.compile(re.escape(BEGIN) + r"\n(.*)\n" + re.escape(END).replace(r"\{\}", "([0-9a-f]{16})"), re.DOTALL)


def describe_run(run: Run, model: "keras.Model", rows: list[dict]) -> None:
    """Notes what no other file of a run says of its network and its data, which are `Task.data_rows`, and writes its
    card. A card that its user has changed is left, which is said."""
    import keras
    import tensorflow

    if all(row["name"] != ADAPTATION for row in rows):  # labels, or none, an adapted network stays one
        rows = [*rows, *(row for row in rows_of(run) if row["name"] == ADAPTATION)]
    outputs = model.output
    embedding = int(outputs["embedding"].shape[-1]) if "embedding" in outputs else None
    versions = {"iaunet-tf": iaunet_tf.__version__, "Keras": keras.__version__, "TensorFlow": tensorflow.__version__}
    content = {
        "data": rows,
        "network": {"parameters": model.count_params(), "embedding": embedding},
        "versions": versions,
        "date": datetime.date.today().isoformat(),
    }
    write_json(run.facts, content)
    try:
        save_card(card_of(Facts.of(run)), run)
        print(f"model card: {run.card}")
    except InputError as error:
        print(f"warning: {error}")


def rows_of(run: Run) -> list[dict]:
    """The rows of data in `card.json`; none if there is no such file, or a damaged one, which is written anew."""
    return intact(lambda: json.loads(run.facts.read_text())["data"], run.facts) or []


def card_of(facts: Facts, license: str | None = None, repo: str | None = None) -> ModelCard:
    """The card of a finished run as it is to be now: what there is, with our part anew.

    Args:
        license: what is stated now of the weights'; None leaves what the card states.
        repo: name of the repository on the hub that the card is for.

    Raises:
        InputError: the card that is there is not as it was written.
    """
    fresh, card = metadata_of(facts), _present(facts.run)
    if card is None:
        card = ModelCard(f"---\n{fresh.to_yaml()}\n---\n\n{BEGIN}\n\n{END.format('0' * 16)}\n")
    card.data.eval_results, card.data.model_name = fresh.eval_results, fresh.model_name
    if license:
        card.data.license = license
    text = "\n" + text_of(facts, card.data.license, repo).strip() + "\n"
    mark = END.format(_digest(card, text))
    card.text = OURS.sub(lambda _: f"{BEGIN}\n{text}\n{mark}", card.text, count=1)
    return card


def save_card(card: ModelCard, run: Run) -> None:
    """Writes a card into the folder of its run."""
    with replacing(run.card) as temporary:
        card.save(temporary)


def _present(run):
    """The card in a run's folder, None if there is none; an InputError if it is not as we wrote it."""
    if not run.card.is_file():
        return None
    remedy = "it is left as it is; move it away to have a new one written"
    try:
        content = run.card.read_text(encoding="utf-8-sig")  # which makes line ends \n
        card = ModelCard(content)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{run.card}: its metadata cannot be read ({reason_of(error, 80)}); {remedy}") from None
    found = OURS.search(card.text)
    if not found:
        raise InputError(f"{run.card}: has no marks of iaunet-tf; {remedy}")
    if found[2] != _digest(card, found[1]):
        raise InputError(f"{run.card}: was changed between the marks of iaunet-tf, or in its results; {remedy}")
    return card


def _digest(card, text):
    """Tells whether our part of a card is as we wrote it."""
    results = json.dumps(card.data.to_dict().get("model-index"), sort_keys=True)
    return hashlib.sha256(f"{results}\n{text}".encode()).hexdigest()[:16]
