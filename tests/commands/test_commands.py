"""The command `iaunet` as a user types it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from iaunet_tf.commands import COMMANDS, main
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.data.synthetic.tracklets import TrackletOptions, ensure_tracklets

ROOT = Path(__file__).parents[2]
SMALL = ["--data.height=64", "--data.width=32", "--model.width=0.25", "--train.batch_size=8", "--train.epochs=0"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An evaluated run on `market`, beside `mars`."""
    folder = tmp_path_factory.mktemp("commands")
    people = {"train_people": 6, "test_people": 4, "cameras_per_person": 2, "distractors": 3}
    ensure_images(folder / "market", ImageOptions(shots=2, **people))
    ensure_tracklets(folder / "mars", TrackletOptions(frames=5, **people))
    words = [
        "--name=small",
        "--data.name=market1501",
        f"--data.root={folder / 'market'}",
        f"--run_dir={folder / 'run'}",
    ]
    assert main(["train", *words, *SMALL]) == 0
    return folder / "run"


def test_help_of_every_command(capsys):
    assert main([]) == 0
    overview = capsys.readouterr().out
    for name in COMMANDS:
        assert f"  {name} " in overview
    for words in (
        ["train"],
        ["evaluate"],
        ["embed"],
        ["report"],
        ["weights"],
        ["export", "onnx"],
        ["data", "images"],
        ["export"],
        ["data"],
    ):
        try:
            main([*words, "--help"])
        except SystemExit as end:
            assert end.code == 0
        assert f"iaunet {' '.join(words)}" in capsys.readouterr().out


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "iaunet_tf", "nonsense"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.strip() == f"error: there is no command nonsense; commands are {', '.join(COMMANDS)}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate"], "needs a run's folder or an exported file first"),
        (["evaluate", "."], "is not a run folder (it holds no config.yaml), nor that of a SavedModel"),
        (["evaluate", "gone.onnx", "--data.name=market1501"], "gone.onnx: no such file"),
        (["export"], "needs a format first: onnx, savedmodel, litert"),
        (["export", "onnx", "run"], "the following arguments are required: --out; iaunet export onnx --help"),
        (["export", "onnx", "run", "--out", "a.onnx", "--long_clips", "maybe"], "'maybe' is not true or false"),
        (["data", "drawings"], "needs a kind first: images, tracklets, masks"),
        (["report", "run", "--colour", "red"], "unrecognized arguments: --colour red"),
        (["train", "--resume"], "argument --resume: expected one argument"),
        (["train", "--config"], "argument --config: expected one argument"),
        (["train", "--resume", "a", "--evaluate", "b"], "--resume and --evaluate exclude each other"),
    ],
)
def test_mistakes_are_one_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ") and error.count("\n") == 1


def test_exported_files_give_the_table_of_their_run(run, tmp_path, capsys):
    pytest.importorskip("tf2onnx")
    assert main(["export", "onnx", str(run), "--out", str(tmp_path / "a.onnx"), "--dtype", "uint8"]) == 0
    assert main(["export", "savedmodel", str(run), "--out", str(tmp_path / "served"), "--name", "small"]) == 0
    words = [
        "--name=small",
        "--data.name=market1501",
        f"--data.root={run.parent / 'market'}",
        "--eval.rerank=true",
        "--eval.histograms=true",
    ]
    assert main(["evaluate", str(run), *words]) == 0
    (again,) = (run / "evaluations").iterdir()
    expected = json.loads((again / "metrics.json").read_text())
    capsys.readouterr()
    for file in (tmp_path / "a.onnx", tmp_path / "served" / "small", run / "model.keras"):
        out = tmp_path / f"{file.name}-run"
        assert main(["evaluate", str(file), *words, f"--run_dir={out}"]) == 0
        assert "small, re-ranked" in capsys.readouterr().out
        metrics = json.loads((out / "metrics.json").read_text())
        assert set(metrics) == set(expected)
        for label, values in expected.items():
            np.testing.assert_allclose(metrics[label]["mAP"], values["mAP"], atol=1e-3)
            np.testing.assert_allclose(metrics[label]["cmc"], values["cmc"], atol=1e-6)
        assert (out / "cmc.png").is_file()


@pytest.mark.parametrize("key", ["--model.width=0.5", "--loss.margin=1", "--train.batch_size=4"])
def test_keys_of_training_have_no_effect_on_an_evaluation(run, key, capsys):
    for words in (["evaluate", str(run), key], ["train", "--evaluate", str(run), key]):
        assert main(words) == 1
        assert f"{key[2:].split('=')[0]} has no effect on an evaluation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data.name=mars", "--data.root={mars}"], "embeds images, and mars consists of tracklets"),
        (["--data.name=market1501", "--data.root={market}", "--eval.flip=true"], "eval.flip needs a run"),
        (["--data.name=market1501", "--train.epochs", "3"], "train.epochs has no effect on an evaluation"),
        (["--data.more=[msmt17=a]"], "data.more has no effect on an evaluation"),
        (["--task=classification"], "files are evaluated on one re-identification data set"),
        (["--data.name=market1501", "--data.root={market}", "--data.height=96"], "takes 64x32 pixels, not 96x128"),
    ],
)
def test_what_does_not_fit_a_file_is_refused(run, words, message, capsys):
    places = {name: run.parent / name for name in ("market", "mars")}
    assert main(["evaluate", str(run / "model.keras"), *(word.format(**places) for word in words)]) == 1
    assert message in capsys.readouterr().err


def test_hyphens_in_options_are_underscores(run, tmp_path, capsys):
    pytest.importorskip("ai_edge_litert")
    out = str(tmp_path / "a.tflite")
    assert main(["export", "litert", str(run), "--out", out, "--unit-length", "false"]) == 0
    assert main(["embed", out, str(run.parent / "market" / "query"), "--batch-size=2", "--out", f"{out}.npz"]) == 0
    with np.load(f"{out}.npz") as features:
        np.testing.assert_allclose(np.linalg.norm(features["embeddings"], axis=1), 1, rtol=1e-5)


def test_drawing(tmp_path):
    words = ["--train_people=2", "--test_people=2", "--cameras_per_person=2"]
    assert main(["data", "images", str(tmp_path / "a"), *words, "--sheet", str(tmp_path / "a.png")]) == 0
    assert main(["data", "tracklets", str(tmp_path / "b"), *words, "--masks", "--frames=3"]) == 0
    assert (tmp_path / "a" / "query").is_dir() and (tmp_path / "a.png").is_file()
    assert (tmp_path / "b" / "seg_part4").is_dir()
