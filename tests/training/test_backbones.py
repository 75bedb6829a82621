"""Training with networks of other toolboxes, from the command line."""

import json

import numpy as np
import pytest
from training.test_training import arguments

from iaunet_tf import Embedder, build_network
from iaunet_tf.commands import main
from iaunet_tf.config.files import CONFIGS
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.weights import save_weights


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "market"
    ensure_images(root, ImageOptions(train_people=6, test_people=4, cameras_per_person=2, shots=2, distractors=3))
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of an OSNet, with its toolbox's names."""
    file = tmp_path_factory.mktemp("weights") / "osnet.safetensors"
    save_weights(build_network("osnet_x0_25", 9, (64, 32, 3)), file)
    return file


def train(tree, run, **options):
    """A small run of OSNet."""
    small = {"model.backbone": "osnet_x0_25", "model.weights": "null", **options}
    words = [word for word in arguments(tree, run, **small) if not word.startswith(("--model.width", "--model.depths"))]
    return ["--config", str(CONFIGS / "market1501.yaml"), *words]


def metrics(run):
    return next(iter(json.loads((run / "metrics.json").read_text()).values()))


INSERTED = {"model.blocks_after": "[conv2, conv3]"}


@pytest.mark.slow
def test_blocks_start_from_the_networks_own_figures(tree, weights, tmp_path):
    own = {"model.weights": weights, "train.epochs": 0}
    for name, inserted in (("plain", {}), ("blocks", INSERTED)):
        assert main(["train", *train(tree, tmp_path / name, **own, **inserted)]) == 0
    assert metrics(tmp_path / "blocks")["mAP"] == pytest.approx(metrics(tmp_path / "plain")["mAP"], abs=1e-6)


@pytest.mark.slow
def test_a_network_with_blocks_is_trained_evaluated_and_reported_on(tree, weights, tmp_path, capsys, read_history):
    trained = tmp_path / "trained"
    options = {"model.weights": weights, **INSERTED, "train.epochs": 1}
    assert main(["train", *train(tree, trained, **options)]) == 0
    assert "start anew: blocks" in capsys.readouterr().out
    row = read_history(trained)[0]
    assert np.isfinite(float(row["loss"])) and float(row["mask_loss"]) > 0
    assert main(["evaluate", str(trained)]) == 0
    assert main(["report", str(trained), "--queries", "1"]) == 0
    assert main(["evaluate", str(trained), "--data.interpolation", "bicubic"]) == 1
    assert "takes images resized by bilinear, not bicubic" in capsys.readouterr().err


@pytest.mark.slow
def test_interpolation_of_the_configuration_travels_with_the_network(tree, tmp_path):
    run = tmp_path / "run"
    assert main(["train", *train(tree, run, **{"train.epochs": 0, "data.interpolation": "bicubic"})]) == 0
    assert Embedder(run).metadata.interpolation == "bicubic"


@pytest.mark.slow
def test_any_network_of_keras_applications(tree, tmp_path, read_history):
    options = {"model.backbone": "MobileNetV3Small", "model.pooling": "gem", "model.block": "null", "train.epochs": 1}
    assert main(["train", *train(tree, tmp_path / "run", **options)]) == 0
    assert np.isfinite(float(read_history(tmp_path / "run")[0]["loss"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model.backbone": "osnet"}, "no network 'osnet'; did you mean osnet_"),
        ({"model.blocks_after": "[layer2]"}, "has no place 'layer2' for a block"),
        ({"model.blocks_after": "[conv2]", "model.block": "null"}, "model.blocks has no effect with model.block null"),
        ({"loss.features": "before_neck"}, "osnet_x0_25 has no output before_neck"),
        ({"model.recompute": "true"}, "recompute has no effect with model.backbone osnet_x0_25"),
        ({"loss.mask_weight": 2}, "loss.mask_weight has no effect"),
        ({"model.weights": "osnet_x0_25_msmt"}, "no such file; did you mean osnet_x0_25_msmt17?"),
        ({"model.backbone": "osnet_x1_0", "model.weights": "WEIGHTS"}, "do not fit"),
        ({"model.backbone": "resnet50", "model.weights": "WEIGHTS"}, "has another architecture"),
        ({"model.backbone": "lmbn_n", "model.pooling": "max"}, "pools in a way of its own"),
    ],
)
def test_mistakes_are_one_line_before_images_are_read(tree, weights, tmp_path, capsys, options, message):
    options = {key: weights if value == "WEIGHTS" else value for key, value in options.items()}
    assert main(["train", *train(tree, tmp_path / "run", **options)]) == 1
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1
    assert "identities" not in printed.out and not (tmp_path / "run").exists()
