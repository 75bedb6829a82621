"""The command `iaunet` as a user types it."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from small import SMALL

import iaunet_tf
from iaunet_tf import Embedder
from iaunet_tf.commands import COMMANDS, main
from iaunet_tf.data.synthetic import images, tracklets
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.data.synthetic.tracklets import TrackletOptions, ensure_tracklets
from iaunet_tf.thresholds import Thresholds

ROOT = Path(__file__).parents[2]
OPTIONS = [*SMALL, "--train.epochs=0"]


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
    assert main(["train", *words, *OPTIONS]) == 0
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
        *(["gallery", kind] for kind in ("add", "search", "info", "merge", "remove", "export")),
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


def test_versions(capsys):
    assert main(["--version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"iaunet-tf {iaunet_tf.__version__}", f"Python {sys.version.split()[0]}"]
    assert f"Keras {version('keras')}" in lines and f"TensorFlow {version('tensorflow')}" in lines


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate"], "needs a run's folder or an exported file first"),
        (["evaluate", "."], "is not a run folder (it holds no config.yaml); name one"),
        (["evaluate", "gone.onnx", "--data.name=market1501"], "gone.onnx: no such file"),
        (["export"], "needs a format first: onnx, savedmodel, litert"),
        (["export", "onnx", "run"], "missing: --out; iaunet export onnx --help explains its options"),
        (["data"], "needs a kind first: images, tracklets, world, masks"),
        (
            ["report", "run", "--colour", "red"],
            "there is no option --colour; iaunet report --help explains its options",
        ),
        (["weights", "a", "b.keras", "c"], "c: belongs to no option; iaunet weights --help explains"),
        # What may be meant.
        (["trian"], "there is no command trian; did you mean train?"),
        (["export", "onxn", "run"], "iaunet export has no format onxn; did you mean onnx?"),
        (["export", "pickle", "run"], "has no format pickle; choose onnx, savedmodel or litert"),
        (["data", "image", "a"], "iaunet data has no kind image; did you mean images?"),
        (
            ["embed", "a", "b", "--out", "c.npz", "--bach-size", "3"],
            "no option --bach_size; did you mean --batch_size?",
        ),
        (["embed", "a", "b.keras", "--out", "c.npz"], "a: the network comes first, then the images: b.keras a"),
        (["embed", "a", "osnet_x0_25_msmt17", "--out", "c.npz"], "a: the network comes first"),
        # Values out of range.
        (["embed", "a", "b", "--out", "c.npz", "--batch_size", "0"], "--batch_size must be a whole number from 1 to"),
        (["embed", "a", "b", "--out", "c.npz", "--batch_size", "-1"], "from 1 to 10000; received -1"),
        (["embed", "a", "b", "--out", "c.npz", "--batch_size", "x"], "from 1 to 10000; received x"),
        (["embed", "a", "b", "--out", "c.npz", "--device", "tpu"], "--device must be auto, cpu or cuda; received tpu"),
        (["report", "run", "--queries", "0"], "--queries must be a whole number from 1 to 1000; received 0"),
        (["report", "run", "--seed", "-1"], "--seed must be a whole number from 0 to 4294967295; received -1"),
        (
            ["weights", "a", "b.keras", "--height", "1e9"],
            "--height must be a whole number from 16 to 4096; received 1e9",
        ),
        (
            ["data", "images", "a", "--cameras-per-person", "0"],
            "--cameras_per_person must be a whole number from 2 to 6",
        ),
        (["data", "tracklets", "a", "--train_people", "0"], "--train_people must be a whole number from 1 to 4999"),
        (["data", "images", "a", "--shots", "1.5"], "--shots must be a whole number from 2 to 99; received 1.5"),
        (["export", "savedmodel", "run", "--out", "a", "--version", "0"], "--version must be a whole number from 1"),
        (["export", "onnx", "run", "--out", "a.onnx", "--layout", "nhwc"], "--layout must be image, tracker or nchw"),
        (
            ["export", "onnx", "run", "--out", "a.onnx", "--long_clips", "maybe"],
            "must be true or false; received maybe",
        ),
        # What to write, before anything is read.
        (
            ["export", "onnx", "run", "--out", "a.tflite"],
            "--out a.tflite: must end in .onnx; write, for example, --out",
        ),
        (["export", "litert", "run", "--out", "."], "--out .: is a folder; write, for example, --out people.tflite"),
        (["embed", "a", "b", "--out", "c.txt"], "--out c.txt: must end in .npz or .parquet"),
        (["embed", "a", "b", "--out", "{file}/c.npz"], "is not a folder that you may write to"),
        (["weights", "a", "{file}/b.keras"], "is not a folder that you may write to"),
        (["data", "world", "a", "--cameras", "10"], "--cameras must be a whole number from 1 to 9; received 10"),
        (["data", "images", "a", "--sheet", "a.gif"], "--sheet a.gif: must end in .png or .jpg"),
        # Options that need each other.
        (["export", "onnx", "run", "--out", "a.onnx", "--precision", "int8"], "add --calibrate FOLDER"),
        (["export", "onnx", "run", "--out", "a.onnx", "--calibrate", "a"], "add --precision int8, or leave it out"),
        # A folder that is not a run.
        (["export", "onnx", ".", "--out", "a.onnx"], ".: is not a run folder (it holds no config.yaml)"),
        (["report", "."], ".: is not a run folder (it holds no config.yaml)"),
        (["train", "--resume", "."], ".: is not a run folder (it holds no config.yaml)"),
        (["train", "--evaluate", "."], ".: is not a run folder (it holds no config.yaml)"),
        (["train", "--resume"], "error: --resume: expected one argument"),
        (["train", "--config"], "error: --config: expected one argument"),
        # Variables of a shell that are not set, and names that are none.
        (["train", "--resume", ""], "error: --resume needs the folder of a run; received nothing"),
        (["train", "--evaluate="], "error: --evaluate needs the folder of a run; received nothing"),
        (["embed", "a", "b", "--out", "/"], "/ cannot be written: choose a name below it"),
        (["data", "images", "/"], "/ cannot be written: choose a name below it"),
        (["train", "--resume", "a", "--evaluate", "b"], "--resume and --evaluate exclude each other"),
    ],
)
def test_mistakes_are_one_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([word.format(file=__file__) for word in words]) == 1
    assert not list(tmp_path.iterdir())
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.slow
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
    for file in (tmp_path / "a.onnx", tmp_path / "served", run / "model.keras"):
        out = tmp_path / f"{file.name}-run"
        assert main(["evaluate", str(file), *words, f"--run_dir={out}", "--runtime=onnxruntime"]) == 0
        assert "small, re-ranked" in capsys.readouterr().out
        metrics = json.loads((out / "metrics.json").read_text())
        assert set(metrics) == set(expected)
        for label, values in expected.items():
            np.testing.assert_allclose(metrics[label]["mAP"], values["mAP"], atol=1e-3)
            np.testing.assert_allclose(metrics[label]["cmc"], values["cmc"], atol=1e-6)
        assert (out / "cmc.png").is_file()


def test_thresholds_are_measured_anew(run, tmp_path, capsys):
    file = shutil.copy(run / "model.keras", tmp_path / "a.keras")
    words = ["evaluate", str(file), "--data.name=market1501", f"--data.root={run.parent / 'market'}"]
    assert main([*words, "--eval.distance=euclidean"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.keras"]  # embeddings of length 1 have other distances
    assert main(words) == 0
    assert f"thresholds: {file}.thresholds.json" in capsys.readouterr().out
    assert Embedder(file).thresholds == Embedder(run).thresholds


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
    measured = json.loads((run / "metrics.json").read_text())["small"]["thresholds"]
    assert Embedder(out).thresholds == Embedder(run).thresholds == Thresholds.from_dict(measured)
    assert Embedder(out).threshold(0.1) == measured["pairs"][-1]["distance"]
    assert main(["embed", out, str(run.parent / "market" / "query"), "--batch-size=2", "--out", f"{out}.npz"]) == 0
    with np.load(f"{out}.npz") as features:
        np.testing.assert_allclose(np.linalg.norm(features["embeddings"], axis=1), 1, rtol=1e-5)


def test_drawing(tmp_path):
    words = ["--train_people=2", "--test_people=2", "--cameras_per_person=2"]
    assert main(["data", "images", str(tmp_path / "a"), *words, "--sheet", str(tmp_path / "a.png")]) == 0
    assert main(["data", "tracklets", str(tmp_path / "b"), *words, "--masks", "--frames=3"]) == 0
    assert (tmp_path / "a" / "query").is_dir() and (tmp_path / "a.png").is_file()
    assert (tmp_path / "b" / "seg_part4").is_dir()


def test_a_sheet_shows_nobody_beyond_the_data_set():
    width = images.sample_sheet(images.ImageOptions(train_people=1)).width
    assert images.sample_sheet(images.ImageOptions(train_people=3)).width == 3 * width + 4
    assert tracklets.sample_sheet(TrackletOptions(train_people=1, cameras_per_person=2, frames=3)).height > 0
