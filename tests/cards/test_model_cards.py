"""What model cards say, of runs made by hand, compared with the files of the runs."""

import ast
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from cards.made import COUNTS, METRICS, OPEN_SET, PAIRS, THRESHOLDS, make_run, reid, rows_of
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index

from iaunet_tf.cards.datasets import DATASETS, terms_of
from iaunet_tf.cards.facts import Facts
from iaunet_tf.cards.writing import card_of, save_card
from iaunet_tf.config.classification import ClassificationConfig
from iaunet_tf.data.readers.table import READERS
from iaunet_tf.errors import InputError
from iaunet_tf.run import Run
from iaunet_tf.weights.pretrained import PRETRAINED


def card(run, license=None, repo=None):
    """The metadata of a run's card, by no code of the hub's, and its text."""
    facts = run if isinstance(run, Facts) else Facts.of(run)  # reading a configuration takes a while
    text = str(card_of(facts, license, repo))
    _, metadata, body = re.split(r"^---$\n", text, maxsplit=2, flags=re.MULTILINE)
    for block in re.findall(r"```python\n(.*?)```", body, re.DOTALL):
        ast.parse(block)
    assert "\n\n\n" not in body and "{{" not in body and "None" not in body
    return yaml.safe_load(metadata), body


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    config = reid("market1501", model__weights="osnet_x1_0_msmt17", model__backbone="osnet_x1_0", model__block=None)
    return Facts.of(make_run(folder / "run", config, rows_of("market1501"), thresholds=THRESHOLDS))


@pytest.fixture
def copied(market, tmp_path):
    """A run with its card in it."""
    run = Run(Path(shutil.copytree(market.run.path, tmp_path / "run")))
    save_card(card_of(replace(market, run=run)), run)
    return run


def test_metadata(market, tmp_path):
    metadata, _ = card(market, license="mit")
    assert metadata["license"] == "mit" and metadata["library_name"] == "keras"
    assert metadata["pipeline_tag"] == "image-feature-extraction" and metadata["datasets"] == ["market1501"]
    assert metadata["tags"] == ["person-re-identification", "iaunet-tf"] and metadata["metrics"] == ["mAP", "rank-1"]
    (index,) = metadata["model-index"]
    (result,) = index["results"]
    assert index["name"] == "market1501" and result["task"]["type"] == "image-feature-extraction"
    assert result["dataset"] == {"name": "Market-1501", "type": "market1501"}
    values = {each["type"]: each["value"] for each in result["metrics"]}
    assert values == {name: round(100 * METRICS[name], 2) for name in ("mAP", "rank-1")}
    save_card(card_of(market, "mit"), Run(tmp_path))
    loaded = ModelCard.load(tmp_path / "README.md")
    assert eval_results_to_model_index("market1501", loaded.data.eval_results) == metadata["model-index"]
    assert loaded.data.to_dict() == metadata


def test_figures_of_the_text(market):
    _, body = card(market)
    assert "| market1501 | 82.3 (80.1 to 84.2) | 93.5 (92.0 to 95.0) | 97.0 | 98.0 | 55.0 |" in body
    assert "| measured on Market-1501 | mAP 82.3 %, rank-1 93.5 % |" in body and "95 % confidence intervals" in body
    for row in (*PAIRS, *OPEN_SET):
        line = next(line for line in body.splitlines() if f"| {row.distance:.4f} |" in line)
        assert line.startswith(f"| {100 * row.false_rate:g} % (") and f"| {100 * row.true_rate:.1f} % (" in line
    assert THRESHOLDS.data in body and "embed.same(first, second, 0.01)" in body
    for subset, (people, entries) in zip(("train", "query", "gallery"), COUNTS["market1501"], strict=True):
        assert f"| {subset} | Market-1501 | {people:,} identities, {entries:,} images, 6 cameras |" in body
    for words in ("29,003,085", "2048 numbers", "256x128 pixels", "TensorFlow 2.21.0", "2026-01-02, 03:04:05 by Keras"):
        assert words in body, words
    assert "| seed | 0 |" in body and "**Same cameras.**" in body and "Drawings" not in body
    assert "/data/" not in body and str(market.run.path) not in body


def test_licences_are_stated_or_not(market):
    metadata, body = card(market)
    assert "license" not in metadata and "No licence is stated for these weights" in body
    began = PRETRAINED["osnet_x1_0_msmt17"]
    assert f"Licence: {began.licence}." in body and f"Trained on: {began.trained_on}." in body
    assert "The weights: cc-by-nc-4.0, as whoever publishes them states." in card(market, "cc-by-nc-4.0")[1]
    assert DATASETS["market1501"].conditions in body


def test_a_card_for_a_repository_tells_how_to_get_it(market):
    body = card(market, repo="anna/people")[1]
    assert 'Embedder("hf://anna/people")' in body and 'hf_hub_download("anna/people", "model.keras")' in body
    assert 'Embedder("model.keras")' in card(market)[1]


def test_tracklets(tmp_path):
    config = reid("mars", eval__flip=True)
    metadata, body = card(make_run(tmp_path / "run", config, rows_of("mars", "tracklets")))
    assert "video" in metadata["tags"] and metadata["datasets"] is not None
    assert "turns a clip of a person" in body and 'embed([["a1.jpg"' in body and "(N, T, 256, 128, 3)" in body
    assert "8,298 tracklets" in body and "Embeddings are summed with those of flipped images" in body
    assert "No thresholds are kept" in body  # thresholds, with flipped images


def test_classification(tmp_path):
    config = ClassificationConfig(name="flowers")
    config.model.weights = "imagenet"
    rows = [
        {"name": name, "sets": ["folders"], "entries": count, "unit": "images", "classes": 5}
        for name, count in (("train", 3000), ("val", 600))
    ]
    metrics = {"flowers": {"top-1": 0.912345, "top-5": 1.0}}
    metadata, body = card(make_run(tmp_path / "run", config, rows, metrics))
    assert metadata["pipeline_tag"] == "image-classification" and "datasets" not in metadata
    ((result,),) = (each["results"] for each in metadata["model-index"])
    assert result["metrics"] == [{"type": "accuracy", "value": 91.23, "name": "top-1 (%)"}]
    assert "| flowers | 91.2 | 100.0 |" in body and "5 classes, 3,000 images" in body
    assert "ImageNet weights of keras.applications for ResNet50" in body and 'predict(images)["logits"]' in body
    assert "Embedder" not in body and "Thresholds" not in body and "biometric" not in body


def test_a_run_of_an_older_version(tmp_path):
    metrics = {"old | name": {name: METRICS[name] for name in ("mAP", "rank-1")}}
    config = reid("market1501")
    config.name = "old | name"
    metadata, body = card(make_run(tmp_path / "run", config, metrics=metrics))
    assert "datasets" not in metadata and "images in the layout of Market-1501, not counted" in body
    assert r"| old \| name | 82.3 | 93.5 |" in body and "# old \\| name" in body
    assert "Its images were not counted" in body and "parameters" not in body and "confidence" not in body


def test_a_run_that_was_not_evaluated(tmp_path):
    metadata, body = card(make_run(tmp_path / "run", reid("market1501"), rows_of("market1501"), metrics={}))
    assert not {"model-index", "metrics"} & set(metadata)
    assert "| measured | not yet |" in body and "Not measured yet" in body and "Same cameras" not in body


def test_several_data_sets(tmp_path):
    config = reid("market1501", data__more=["msmt17=/m"], data__test=["msmt17=/m", "dukemtmc_reid=/d"])
    train = {**rows_of("market1501")[0], "sets": ["market1501", "msmt17"]}
    for key, place in (("identities", 0), ("entries", 1)):
        train[key] = sum(COUNTS[name][0][place] for name in train["sets"])
    rows = [train, *rows_of("msmt17")[1:], *rows_of("dukemtmc_reid")[1:]]
    labels = [f"market1501 on {name}" for name in ("msmt17", "dukemtmc_reid")]
    metrics = {label: {**METRICS, "mAP": value} for label, value in zip(labels, (0.4, 0.3), strict=True)}
    metrics[f"{labels[0]}, re-ranked"] = {**METRICS, "mAP": 0.6}
    metadata, body = card(make_run(tmp_path / "run", config, rows, metrics))
    assert metadata["datasets"] == ["market1501", "msmt17"]
    found = {each["dataset"]["type"]: each["metrics"][0]["value"] for each in metadata["model-index"][0]["results"]}
    assert found == {"msmt17": 40.0, "dukemtmc_reid": 30.0}  # re-ranking is in the text alone
    assert "| market1501 on msmt17, re-ranked | 60.0" in body and "Market-1501 and MSMT17 |" in body
    assert "measured on DukeMTMC-reID without training on it" in body and "**Withdrawn data.**" in body
    assert "Withdrawn: it is made from DukeMTMC" in body and "April 2019" in body


def test_what_a_network_began_with(tmp_path):
    """A run, and what that began with; a file of no known origin; and a teacher."""
    first = make_run(tmp_path / "first", reid("msmt17", model__weights="imagenet"), rows_of("msmt17"), {})
    config = reid("own", model__weights=str(first.model), loss__teacher=str(tmp_path / "somewhere" / "big.onnx"))
    body = card(make_run(tmp_path / "second", config, []))[1]
    assert "- It began with the run first. Trained on: msmt17." in body and PRETRAINED["imagenet"].licence in body
    assert "- Its teacher: a file called big.onnx. Trained on: not known here. Licence: not known here." in body
    assert DATASETS["msmt17"].conditions in body and DATASETS["own"].conditions in body
    assert "| began with | the run first |" in body and str(tmp_path) not in body
    name = PRETRAINED["AGW_R50_market1501"].file
    body = card(make_run(tmp_path / "third", reid("own", model__weights=f"/x/{name}"), []))[1]
    assert f"a file called {name}, as that of a published network" in body
    assert PRETRAINED["AGW_R50_market1501"].licence in body


def test_public_data_sets_are_recognised_by_their_numbers():
    assert set(READERS) - {"packed"} <= set(DATASETS)
    assert terms_of("market1501", rows_of("market1501")) is DATASETS["market1501"]
    other = [{**row, "entries": row["entries"] - 1} for row in rows_of("market1501")]
    found = terms_of("market1501", other)
    assert not found.public and "in other numbers than published" in found.title
    assert DATASETS["market1501"].conditions in found.conditions
    assert terms_of("something_packed").title == "something_packed (packed)"
    page = (Path(__file__).parents[2] / "docs" / "cards.md").read_text()
    for each in DATASETS.values():
        assert not each.public or (each.title.partition(" (")[0] in page and each.conditions in page), each.title


def test_what_a_user_has_added_is_kept(market, copied):
    text = copied.card.read_text()
    text = text.replace("library_name: keras\n", "library_name: keras\nlanguage: en\nlicense: mit\n")
    text = text.replace("- iaunet-tf\n", "- iaunet-tf\n- street\n")
    text = text.replace("<!-- Written", "Made by Anna.\n\n<!-- Written", 1) + "\n## Thanks\n\nTo Ben.\n"
    copied.card.write_text(text)
    measured = replace(market, run=copied, metrics={"market1501": {**METRICS, "mAP": 0.5}})
    save_card(card_of(measured), copied)
    metadata, body = card(measured)
    assert metadata["language"] == "en" and metadata["license"] == "mit" and "street" in metadata["tags"]
    assert metadata["model-index"][0]["results"][0]["metrics"][0]["value"] == 50.0 and "mAP 50.0 %" in body
    assert body.lstrip().startswith("Made by Anna.") and body.rstrip().endswith("To Ben.")
    assert "The weights: mit" in body and body.count("<!-- Written") == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("A network for", "The best network for"), "was changed between the marks"),
        (lambda text: text.replace("value: 82.35", "value: 99.0"), "was changed between the marks of iaunet-tf, or in"),
        (lambda text: "# My card\n", "has no marks of iaunet-tf"),
        (lambda text: text.replace("library_name: keras", "library_name: [keras"), "its metadata cannot be read"),
    ],
)
def test_what_a_user_has_changed_is_left(market, copied, change, message):
    copied.card.write_text(change(copied.card.read_text()))
    with pytest.raises(InputError, match=message) as error:
        card_of(replace(market, run=copied))
    assert "it is left as it is" in str(error.value)


def test_line_ends_of_another_system_are_no_change(market, copied):
    copied.card.write_bytes(copied.card.read_bytes().replace(b"\n", b"\r\n"))
    assert "# market1501" in str(card_of(replace(market, run=copied)))


def test_thresholds_of_another_network_are_not_told(market, copied):
    with copied.model.open("ab") as file:
        file.write(b"trained further")
    assert "No thresholds are kept" in str(card_of(replace(market, run=copied)))
    copied.model.write_bytes(b"no network")
    with pytest.raises(InputError, match=r"model\.keras: damaged or not a \.keras file"):
        card_of(replace(market, run=copied))


def test_damaged_facts_are_named(copied):
    for content in ("{", json.dumps({"data": 3}), json.dumps({"data": [{"name": "x"}]})):
        copied.facts.write_text(content)
        with pytest.raises(InputError, match=r"card\.json: damaged; iaunet evaluate .* writes it anew"):
            Facts.of(copied)
