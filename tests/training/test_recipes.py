"""The switches of a recipe in training: frozen and slow backbones, teachers, resuming with all of them."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from training.test_training import arguments

from iaunet_tf import Embedder
from iaunet_tf.adam import Adam
from iaunet_tf.commands import main
from iaunet_tf.config.common import TrainConfig
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.models import IAUNet
from iaunet_tf.optimizers import make_optimizer
from iaunet_tf.rates import SGD
from iaunet_tf.training.step import make_train_step

EVERYTHING = {
    "train.schedule": "step",  # which does not depend on the number of epochs
    "train.milestones": "[2]",
    "loss.centre_weight": 0.001,
    "loss.features": "before_neck",
    "train.ema": 0.9,
    "train.freeze_epochs": 2,
    "train.backbone_rate": 0.3,
    "train.balanced": "true",
    "train.spread_cameras": "true",
    "data.pad": 4,
    "data.jitter": 0.5,
    "data.patch": 0.3,
    "data.randaugment": 0.3,
    "model.dimension": 32,
    "model.blocks": "[layer2=channel, layer3]",
    "eval.every": 3,
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "market"
    ensure_images(root, ImageOptions(train_people=6, test_people=4, cameras_per_person=2, shots=2, distractors=3))
    return root


@pytest.fixture(scope="module")
def whole(tree, tmp_path_factory):
    """A run of three epochs with everything."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    assert main(["train", *arguments(tree, run, **EVERYTHING, **{"train.epochs": 3})]) == 0
    return run


@pytest.mark.slow
def test_a_run_with_everything_is_resumed_to_the_last_bit(tree, whole, tmp_path, read_history):
    """It is stopped while the backbone is frozen."""
    run = tmp_path / "stopped"
    assert main(["train", *arguments(tree, run, **EVERYTHING, **{"train.epochs": 1})]) == 0
    assert main(["train", "--resume", str(run), "--train.epochs", "3"]) == 0
    for name in ("model.keras", "checkpoints/last.keras"):
        ours, theirs = (keras.models.load_model(folder / name) for folder in (run, whole))
        for mine, other in zip(ours.weights, theirs.weights, strict=True):
            np.testing.assert_array_equal(mine, other, err_msg=mine.path)
        if getattr(ours, "optimizer", None):
            for mine, other in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
                np.testing.assert_array_equal(mine, other, err_msg=mine.path)
    assert (run / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    row = read_history(whole)[2]
    assert all(np.isfinite(float(row[name])) for name in ("centre_loss", "mask_loss", "triplet_loss"))


def test_such_a_run_is_evaluated_and_its_network_is_for_use(whole):
    before = json.loads((whole / "metrics.json").read_text())
    assert main(["evaluate", str(whole)]) == 0
    assert json.loads((whole / "metrics.json").read_text()) == before
    assert Embedder(whole).metadata.embedding == 32


def test_the_average_is_what_is_evaluated_and_kept(whole, read_history):
    last, best, final = (
        keras.models.load_model(whole / name)
        for name in ("checkpoints/last.keras", "checkpoints/best.keras", "model.keras")
    )
    averages = [np.array(variable) for variable in last.optimizer.variables if variable.path.endswith("average")]
    own = [np.array(variable) for variable in last.trainable_variables]
    assert len(averages) == len(own) and any((a != b).any() for a, b in zip(averages, own, strict=True))
    for model in (best, final):
        for variable, average in zip(model.trainable_variables, averages, strict=True):
            np.testing.assert_array_equal(variable, average)
    metrics = json.loads((whole / "metrics.json").read_text())["small"]
    assert float(read_history(whole)[2]["val_mAP"]) == pytest.approx(metrics["mAP"], abs=1e-6)


def batch_of(model):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, *model.input.shape[1:])).astype("float32")
    return {"images": tf.constant(images), "labels": tf.constant([0, 0, 1, 1])}


def objective(outputs, batch):
    return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(batch["labels"], outputs["logits"], True)), {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_frozen_backbone_stays_as_it_is_with_its_statistics(name):
    """And then goes on as if its training had begun in that step."""
    keras.utils.set_random_seed(0)
    options = TrainConfig(optimizer=name, batch_size=4, freeze_epochs=1, ema=0.5, weight_decay=0.01, learning_rate=0.01)
    model = IAUNet(2, (32, 16, 3), width=0.125)
    backbone = model.backbone_layers()
    paths = [variable.path for layer in backbone for variable in layer.trainable_variables]
    model.compile(make_optimizer(options, 2, paths), auto_scale_loss=False)
    model.optimizer.build(model.trainable_variables)
    of = [np.array(v) for layer in backbone for v in layer.weights]
    others = {v.path for v in model.weights} - {v.path for layer in backbone for v in layer.weights}
    before = {v.path: np.array(v) for v in model.weights}
    frozen = make_train_step(model, objective, options, frozen=backbone)
    for _ in range(2):
        frozen(batch_of(model))
    for old, layer_weight in zip(of, [v for layer in backbone for v in layer.weights], strict=True):
        np.testing.assert_array_equal(layer_weight, old, err_msg=layer_weight.path)
    moved = [v.path for v in model.weights if v.path in others and (np.array(v) != before[v.path]).any()]
    assert len(moved) > 0.5 * len(others)
    assert all(layer.trainable for layer in backbone)  # as files shall say
    free = make_train_step(model, objective, options)
    free(batch_of(model))
    kernel = backbone[0].kernel
    change = np.abs(np.array(kernel) - before[kernel.path])
    assert change.max() > 0
    if name == "adam":  # its first step is the learning rate, rather than several times that
        assert change.max() == pytest.approx(0.01, rel=1e-2)


@pytest.mark.parametrize("make", [lambda **o: Adam(0.1, **o), lambda **o: SGD(0.1, momentum=0.9, **o)])
def test_slow_variables(make):
    start, gradients = np.ones((2, 3), "float32"), np.random.default_rng(0).normal(size=(4, 2, 3)).astype("float32")

    def after(optimizer, rate_of=None):
        variables = [keras.Variable(start, name=name) for name in ("fast", "slow")]
        optimizer.build(variables)
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient)] * 2, variables)
        return [np.array(variable) for variable in variables]

    path = keras.Variable(start, name="slow").path
    fast, slow = after(make(slow=[path], slow_rate=0.25))
    quarter_of = {**make().get_config(), "learning_rate": 0.025}
    (plain, _), (quarter, _) = after(make()), after(type(make()).from_config(quarter_of))
    np.testing.assert_array_equal(fast, plain)
    np.testing.assert_allclose(slow, quarter, rtol=1e-6)
    config = make(slow=[path], slow_rate=0.25, slow_start=7).get_config()
    assert type(make()).from_config(config).get_config() == config
    assert "slow" not in make().get_config()


def test_adam_corrects_the_bias_of_late_variables_by_their_own_steps():
    gradient = tf.constant([0.5, -2.0])
    late, fresh = keras.Variable([1.0, 1.0], name="late"), keras.Variable([1.0, 1.0], name="late")
    other = keras.Variable([1.0, 1.0], name="other")
    optimizer, plain = Adam(0.1, slow=[late.path], slow_start=5), Adam(0.1)
    optimizer.build([other, late])
    for _ in range(5):
        optimizer.apply([gradient], [other])
    for _ in range(3):
        optimizer.apply([gradient, gradient], [other, late])
        plain.apply([gradient], [fresh])
    np.testing.assert_array_equal(late, fresh)


def test_a_teacher_teaches(tree, whole, tmp_path, read_history, capsys):
    """From a run's folder; the student has another size and another embedding."""
    run = tmp_path / "student"
    options = {
        "loss.teacher": whole,
        "model.width": 0.125,
        "model.depths": "[1,1,1,1]",
        "model.block": "null",
        "train.epochs": 1,
    }
    assert main(["train", *arguments(tree, run, **options)]) == 0
    assert "teacher: input of whole" in capsys.readouterr().out
    (row,) = read_history(run)
    assert float(row["relational_loss"]) > 0 and float(row["soft_label_loss"]) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss.teacher": "nowhere"}, "nowhere"),
        ({"loss.teacher_labels": 2}, "teacher_labels has no effect with loss.teacher null"),
        ({"loss.teacher": "x", "loss.teacher_labels": 0, "loss.teacher_distances": 0}, "teaches nothing"),
        ({"loss.features": "after_neck"}, "loss.features after_neck is the embedding itself"),
        ({"loss.features": "before_neck", "loss.triplet_weight": 0}, "loss.features has no effect"),
        ({"model.blocks": "[layer9]"}, "iaunet has no place 'layer9'"),
        ({"model.blocks": "[layer2=chanel]"}, "there is no block 'chanel'"),
        ({"model.block": "temporal"}, "relates frames of tracklets"),
        ({"model.parts": 6, "loss.mask_weight": 1}, "loss.mask_weight has no effect with model.parts 6"),
        ({"model.block": "channel", "model.parts": 6}, "model.parts has no effect"),
        ({"train.backbone_rate": 0}, "backbone_rate must be a number above 0"),
        ({"data.pad": -1}, "data.pad must be"),
        ({"train.logger": "tensorboard"}, "train.logger must be wandb, mlflow or null"),
    ],
)
def test_mistakes_are_one_line(tree, tmp_path, capsys, options, message):
    assert main(["train", *arguments(tree, tmp_path / "run", **options)]) == 1
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("name", "module"), [("wandb", "wandb"), ("mlflow", "mlflow.keras")])
def test_loggers(tree, tmp_path, capsys, monkeypatch, name, module):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    words = arguments(tree, tmp_path / "run", **{"train.logger": name, "train.epochs": 1, "model.block": "null"})
    try:
        __import__(module)
    except ImportError:
        assert main(["train", *words]) == 1
        assert f"pip install 'iaunet-tf[{name}]'" in capsys.readouterr().err
        return
    assert main(["train", *words]) == 0
    assert (tmp_path / ("wandb" if name == "wandb" else "mlflow.db")).exists()
