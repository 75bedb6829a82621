import json

import keras
import numpy as np
import pytest
from huggingface_hub import ModelCard
from PIL import Image

from iaunet_tf.commands.train import main as run_command
from iaunet_tf.config.files import CONFIGS
from iaunet_tf.errors import InputError
from iaunet_tf.tasks.classification import Classification


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Bright and dark pictures."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for split, count in (("train", 16), ("val", 6)):
        for name, level in (("bright", 160), ("dark", 0)):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = (rng.integers(0, 90, (32, 32, 3)) + level).astype("uint8")
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


def arguments(tree, run, **options):
    small = {
        "config": CONFIGS / "classify.yaml",
        "run_dir": run,
        "data.root": tree,
        "data.height": 32,
        "data.width": 32,
        "model.weights": "null",
        "model.backbone": "MobileNet",
        "model.blocks_after": "[conv_pw_3_relu]",
        "train.epochs": 2,
        "train.batch_size": 8,
        "train.warmup_epochs": 0,
    }
    small.update(options)
    return [f"--{key}={value}" for key, value in small.items()]


@pytest.mark.slow
def test_stopped_run_goes_on_as_if_it_had_not(tree, tmp_path, stop_in_epoch):
    run_command(arguments(tree, tmp_path / "whole"))
    undo = stop_in_epoch(Classification, 1)
    with pytest.raises(KeyboardInterrupt):
        run_command(arguments(tree, tmp_path / "stopped"))
    undo()
    run_command(["--resume", str(tmp_path / "stopped")])
    models = [keras.models.load_model(tmp_path / name / "model.keras") for name in ("whole", "stopped")]
    for ours, theirs in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_trains_and_evaluates(tree, tmp_path, read_history, capsys):
    run = tmp_path / "run"
    run_command(arguments(tree, run, **{"train.epochs": 1}))
    assert "top-1" in capsys.readouterr().out
    rows = read_history(run)
    assert list(rows[0])[-2:] == ["val_top-1", "val_top-5"]
    metrics = json.loads((run / "metrics.json").read_text())["classify"]
    assert metrics["top-1"] == pytest.approx(float(rows[-1]["val_top-1"]))
    names = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
    assert {"confusion.csv", "confusion.png", "checkpoints/best.keras", "model.keras", "config.yaml"} < names
    assert (
        "| train | labelled images of its publisher's own | 2 classes, 32 images |" in (run / "README.md").read_text()
    )
    (run / "README.md").unlink()
    run_command(["--evaluate", str(run)])
    (index,) = ModelCard.load(run / "README.md").data.to_dict()["model-index"]
    assert index["results"][0]["metrics"][0]["value"] == round(100 * metrics["top-1"], 2)
    assert json.loads((run / "metrics.json").read_text())["classify"] == metrics


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train.batch_size": 64}, "32 images do not fill a batch"),
        ({"model.backbone": "ResNet51"}, "keras.applications has no ResNet51"),
        ({"model.blocks_after": "[top]"}, "no layer 'top'; candidates are"),
        ({"task": "reid", "data.crop": 0.5}, "data.crop; it is a key of task classification"),
        ({"data.crop": 2}, "data.crop must be a number from 0 to 1; received 2"),
    ],
)
def test_what_cannot_start_leaves_no_run_folder(tree, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        run_command(arguments(tree, tmp_path / "run", **options))
    assert not (tmp_path / "run").exists()
