import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from iaunet_tf.commands.train import main as run_command
from iaunet_tf.config.files import CONFIGS
from iaunet_tf.data.readers import table
from iaunet_tf.data.synthetic.tracklets import TrackletOptions, ensure_tracklets
from iaunet_tf.errors import InputError
from iaunet_tf.tasks.reid import ReIdentification

OPTIONS = TrackletOptions(train_people=4, test_people=3, cameras_per_person=2, frames=6, distractors=1, masks=True)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "mars"
    ensure_tracklets(root, OPTIONS)
    return root


def arguments(tree, run, config="demo_video", **options):
    """A small run: two epochs of two steps."""
    small = {
        "config": CONFIGS / f"{config}.yaml",
        "name": "small",
        "run_dir": run,
        "data.name": "mars",
        "data.root": tree,
        "data.cache_dir": run.parent / "cache",
        "data.height": 64,
        "data.width": 32,
        "data.clip_length": 2,
        "model.width": 0.25,
        "model.depths": "[1,1,1,1]",
        "model.weights": "null",
        "train.epochs": 2,
        "train.batch_size": 8,
        "train.group_size": 4,
        "train.warmup_epochs": 0,
        "eval.histograms": "false",
    }
    small.update(options)
    return [f"--{key}={value}" for key, value in small.items()]


@pytest.fixture(scope="module")
def finished(tree, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "finished"
    run_command(arguments(tree, run, **{"eval.every": 1, "eval.histograms": "true"}))
    return run


def test_trains_with_masks_and_evaluates(finished, read_history, capsys):
    rows = read_history(finished)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(np.isfinite(float(row[key])) for row in rows for key in ("loss", "mask_loss", "triplet_loss"))
    metrics = json.loads((finished / "metrics.json").read_text())
    assert set(metrics) == {"small", "colour histograms"}
    assert float(rows[1]["val_mAP"]) == pytest.approx(metrics["small"]["mAP"], abs=1e-6)
    model = keras.models.load_model(finished / "model.keras")
    assert model.input_shape == (None, None, 64, 32, 3)
    run_command(["--evaluate", str(finished)])
    assert json.loads((finished / "metrics.json").read_text()) == metrics
    assert "gallery tracklets" in capsys.readouterr().out


@pytest.mark.slow
def test_resumed_run_equals_the_uninterrupted_one(finished, tree, tmp_path, stop_in_epoch):
    run = tmp_path / "stopped"
    undo = stop_in_epoch(ReIdentification, 1)
    with pytest.raises(KeyboardInterrupt):
        run_command(arguments(tree, run, **{"eval.every": 1}))
    undo()
    run_command(["--resume", str(run)])
    ours, theirs = (keras.models.load_model(path / "model.keras").get_weights() for path in (run, finished))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.slow
def test_starts_from_an_image_network_with_one_key(finished, tree, tmp_path):
    from iaunet_tf import IAUNet

    image_network = IAUNet(9, (64, 32, 3), width=0.25, depths=(1, 1, 1, 1))
    image_network.save(tmp_path / "images.keras")
    run = tmp_path / "run"
    options = {
        "model.weights": tmp_path / "images.keras",
        "train.epochs": 0,
        "eval.clips": 1,
        "model.recompute": "true",
    }
    run_command(arguments(tree, run, **options))
    clips = keras.models.load_model(run / "model.keras")
    assert clips.get_layer("iau2").recompute
    for ours, theirs in zip(clips.weights[:-2], image_network.weights[:-2], strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_cross_validation_runs_every_fold_and_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(table.READERS, "ilids_vid", replace(table.READERS["ilids_vid"], folds=3))
    root = tmp_path / "ilids"
    rng = np.random.default_rng(0)
    for person in range(1, 5):
        for camera in (1, 2):
            folder = root / "i-LIDS-VID" / "sequences" / f"cam{camera}" / f"person{person:03d}"
            folder.mkdir(parents=True)
            for frame in range(2):
                pixels = rng.integers(0, 256, (32, 16, 3), dtype="uint8")
                Image.fromarray(pixels).save(folder / f"cam{camera}_person{person:03d}_{frame:05d}.png")
    (root / "train-test people splits").mkdir()
    orders = np.stack([rng.permutation(4) + 1 for _ in range(10)])
    savemat(root / "train-test people splits" / "train_test_splits_ilidsvid.mat", {"ls_set": orders})
    run = tmp_path / "run"
    options = {
        "data.name": "ilids_vid",
        "data.height": 16,
        "data.width": 16,
        "model.width": 0.03125,
        "model.block": "null",
        "train.epochs": 0,
    }
    run_command(arguments(root, run, "ilids_vid", **options))
    summary = json.loads((run / "metrics.json").read_text())["small"]
    values = [json.loads((run / f"fold-{k}" / "metrics.json").read_text())["small"]["mAP"] for k in range(3)]
    assert summary["mAP"]["folds"] == values
    assert summary["mAP"]["mean"] == pytest.approx(np.mean(values))
    assert summary["mAP"]["std"] == pytest.approx(np.std(values, ddof=1))
    assert "mean and standard deviation of 3 folds" in capsys.readouterr().out
    (run / "fold-2" / "metrics.json").unlink()
    run_command(["--resume", str(run)])
    assert json.loads((run / "metrics.json").read_text())["small"] == summary
    # With other keys the result goes elsewhere, folds and all.
    before = (run / "metrics.json").read_bytes(), (run / "config.yaml").read_bytes()
    run_command(["--evaluate", str(run), "--eval.flip=true"])
    assert before == ((run / "metrics.json").read_bytes(), (run / "config.yaml").read_bytes())
    (other,) = (run / "evaluations").iterdir()
    assert (other / "metrics.json").is_file() and (other / "fold-2" / "metrics.json").is_file()
    for words in (["--resume", str(run), "--data.fold=1"], ["--evaluate", str(run), "--data.fold=1"]):
        with pytest.raises(InputError, match=r"was trained with data.fold all, and no other fits it"):
            run_command(words)
    with pytest.raises(InputError, match="seed is 9 now and was 0 so far"):
        run_command(["--resume", str(run), "--seed=9"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data.cache": "disk"}, "data.cache disk is for images, not tracklets"),
        ({"data.fold": 3}, "data.fold has no effect with data.name mars"),
        ({"data.fold": "some"}, "data.fold"),
        ({"train.batch_size": 64}, "a batch of 64 needs 16"),
        ({"data.clip_length": 0}, "data.clip_length must be a whole number from 1"),
    ],
)
def test_what_cannot_start_leaves_no_run_folder(tree, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        run_command(arguments(tree, tmp_path / "run", **options))
    assert not (tmp_path / "run").exists()


def test_unreadable_frame_in_mid_training_is_one_line(tree, tmp_path):
    import shutil

    root = tmp_path / "mars"
    shutil.copytree(tree, root)
    for path in (root / "bbox_train").rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"jpg: not a readable image .*--data.on_corrupt skip"):
        run_command(arguments(root, tmp_path / "run"))


@pytest.mark.slow
def test_street(street, tmp_path):
    """Real pictures, the ordinary command."""
    run = tmp_path / "street"
    options = {"train.epochs": 1, "train.batch_size": 16, "model.block": "iau"}
    run_command(arguments(street / "mars", run, **options))
    assert 0 < json.loads((run / "metrics.json").read_text())["small"]["mAP"] <= 1
