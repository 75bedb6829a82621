"""The cards of runs that were trained: their code works, they follow evaluations, networks come back from the hub."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cards.stand_in import MAY_WRITE, running
from PIL import Image
from small import SMALL

from iaunet_tf.commands import main
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.data.synthetic.tracklets import TrackletOptions, ensure_tracklets
from iaunet_tf.thresholds import Thresholds

pytestmark = pytest.mark.slow
OPTIONS = [*SMALL, "--train.epochs=0"]
PEOPLE = {"train_people": 4, "test_people": 30, "cameras_per_person": 2, "distractors": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    ensure_images(folder / "market", ImageOptions(shots=2, **PEOPLE))
    places = [f"--data.root={folder / 'market'}", f"--run_dir={folder / 'run'}"]
    assert main(["train", "--data.name=market1501", "--name=small", *places, *OPTIONS, "--eval.histograms=false"]) == 0
    return folder / "run"


def blocks(run):
    """The Python of a card."""
    return re.findall(r"```python\n(.*?)```", (run / "README.md").read_text(), re.DOTALL)


def test_the_code_of_a_card_runs_beside_the_network(run, monkeypatch):
    monkeypatch.chdir(run)
    images = sorted((run.parent / "market" / "query").glob("*.jpg"))
    for name, path in zip("ab", images, strict=False):
        Image.open(path).save(f"{name}.jpg")
    first, second = blocks(run)
    names = {}
    exec(first, names)
    assert names["first"].shape == (512,) and "embed.same" in first
    import numpy as np

    names = {"images": np.zeros((2, 64, 32, 3), "float32")}
    exec(second, names)
    assert names["embeddings"].shape == (2, 512)


def test_an_evaluation_writes_the_card_anew(run):
    card = run / "README.md"
    card.write_text(card.read_text() + "\nMy own words.\n")
    content = json.loads((run / "metrics.json").read_text())
    content["small"]["mAP"] = 0.999
    (run / "metrics.json").write_text(json.dumps(content))
    assert main(["evaluate", str(run)]) == 0
    metadata = yaml.safe_load(card.read_text().split("---\n")[1])
    mAP = json.loads((run / "metrics.json").read_text())["small"]["mAP"]
    assert mAP != 0.999
    assert metadata["model-index"][0]["results"][0]["metrics"][0]["value"] == round(100 * mAP, 2)
    assert "My own words." in card.read_text()


def test_a_changed_card_does_not_stop_an_evaluation(run, capsys):
    card = run / "README.md"
    kept = card.read_text()
    card.write_text(kept.replace("Clothes", "Cloths"))
    assert main(["evaluate", str(run)]) == 0
    assert "warning: " in capsys.readouterr().out and "Cloths" in card.read_text()
    card.write_text(kept)


def test_tracklets_that_were_trained_on(tmp_path):
    ensure_tracklets(tmp_path / "mars", TrackletOptions(frames=4, **{**PEOPLE, "test_people": 4}))
    words = [
        "--config=configs/demo_video.yaml",
        "--train.group_size=4",
        f"--data.root={tmp_path / 'mars'}",
        f"--run_dir={tmp_path / 'run'}",
    ]
    assert main(["train", "--data.name=mars", *words, *OPTIONS]) == 0
    assert "frames" in (text := (tmp_path / "run" / "README.md").read_text()) and "tracklets" in text


def test_from_a_run_to_the_hub_and_back(run, tmp_path):
    """All by the command line and the environment, as a user has it."""
    export = tmp_path / "people.onnx"
    assert main(["export", "onnx", str(run), "--out", str(export)]) == 0
    with running() as hub:
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HF_HOME": str(tmp_path / "home"),
            "HF_ENDPOINT": hub.address,
            "HF_TOKEN": MAY_WRITE,
            "HF_HUB_DISABLE_XET": "1",
        }

        def iaunet(*words):
            command = [sys.executable, "-m", "iaunet_tf", *map(str, words)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            return done.stdout

        iaunet("push", run, "anna/people", "--license", "mit", "--with", export)
        files = hub.files("anna/people")
        assert files["model.keras"] == (run / "model.keras").read_bytes()
        assert files["people.onnx"] == export.read_bytes()
        assert not any(os.fsencode(run.parent) in content for content in files.values())
        assert 'Embedder("hf://anna/people")' in files["README.md"].decode()
        thresholds = json.loads(files["model.keras.thresholds.json"])
        assert Thresholds.from_dict(thresholds).pairs

        images = run.parent / "market" / "query"
        said = iaunet("embed", "hf://anna/people", images, "--out", "there.npz")
        assert f"hf://anna/people: revision {hub.repositories['anna/people']['head']}" in said
        iaunet("embed", run, images, "--out", "here.npz")
    import numpy as np

    with np.load(tmp_path / "there.npz") as there, np.load(tmp_path / "here.npz") as here:
        np.testing.assert_allclose(there["embeddings"], here["embeddings"], atol=1e-6)
        assert there["network"] == here["network"]
