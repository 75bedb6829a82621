import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from iaunet_tf.adam import Adam
from iaunet_tf.commands.train import main as run_command
from iaunet_tf.config.common import TrainConfig
from iaunet_tf.config.files import CONFIGS
from iaunet_tf.config.parsing import parse
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.errors import InputError
from iaunet_tf.optimizers import SCHEDULES, make_optimizer
from iaunet_tf.tasks.reid import ReIdentification
from iaunet_tf.training.averaging import averaged
from iaunet_tf.training.step import make_train_step, with_l2

ROOT = Path(__file__).parents[2]
OPTIONS = ImageOptions(train_people=6, test_people=4, cameras_per_person=2, shots=2, distractors=3)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "market"
    ensure_images(root, OPTIONS)
    return root


def arguments(tree, run, **options):
    """A small run: two epochs of three steps."""
    small = {
        "name": "small",
        "run_dir": run,
        "data.name": "market1501",
        "data.root": tree,
        "data.height": 64,
        "data.width": 32,
        "model.width": 0.25,
        "model.depths": "[1,1,1,1]",
        "train.epochs": 2,
        "train.batch_size": 8,
        "train.warmup_epochs": 0,
        "eval.histograms": "false",
    }
    small.update(options)
    return [f"--{key}={value}" for key, value in small.items()]


@pytest.fixture(scope="module")
def finished(tree, tmp_path_factory):
    """A whole run, evaluated after every second epoch."""
    run = tmp_path_factory.mktemp("runs") / "finished"
    options = {"eval.every": 2, "eval.histograms": "true", "eval.rerank": "true", "eval.expand": 2}
    run_command(arguments(tree, run, **options))
    return run


def test_run_folder_holds_everything(finished, tree):
    names = {str(p.relative_to(finished)) for p in finished.rglob("*") if p.is_file()}
    assert {
        "config.yaml",
        "history.csv",
        "model.keras",
        "metrics.json",
        "cmc.png",
        "checkpoints/last.keras",
        "checkpoints/best.keras",
    } < names
    assert any(name.startswith("tensorboard/") for name in names)
    assert not [name for name in names if Path(name).name.startswith(".")]  # nothing temporary
    assert parse([], str(finished)).data.root == str(tree)


def test_history_and_metrics(finished, read_history):
    rows = read_history(finished)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    for key in ("loss", "id_loss", "triplet_loss", "mask_loss", "accuracy", "learning_rate"):
        assert all(np.isfinite(float(row[key])) for row in rows), key
    assert rows[0]["val_mAP"] == "NA"
    metrics = json.loads((finished / "metrics.json").read_text())
    assert set(metrics) == {"small", "small, expanded", "small, re-ranked", "colour histograms"}
    low, high = metrics["small"]["95 %"]["mAP"]
    assert low <= metrics["small"]["mAP"] <= high and 0 <= metrics["small"]["TPR@FPR=0.1"] <= 1
    with (finished / "cameras.csv").open(newline="") as file:
        assert {(row["query_camera"] != row["gallery_camera"]) for row in csv.DictReader(file)} == {True}
    assert float(rows[1]["val_mAP"]) == pytest.approx(metrics["small"]["mAP"], abs=1e-6)
    assert len(metrics["small"]["cmc"]) == 50


def test_final_model_is_for_use_and_last_checkpoint_for_going_on(finished):
    final = keras.models.load_model(finished / "model.keras")
    last = keras.models.load_model(finished / "checkpoints" / "last.keras")
    assert getattr(final, "optimizer", None) is None
    assert int(last.optimizer.iterations) == 2 * 3
    for ours, theirs in zip(final.get_weights(), last.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_evaluate_gives_the_same_figures(finished, capsys):
    before = json.loads((finished / "metrics.json").read_text())
    run_command(["--evaluate", str(finished)])
    assert json.loads((finished / "metrics.json").read_text()) == before
    assert "rank-1" in capsys.readouterr().out


def test_embeddings_are_stored_and_used_again(finished, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    stored = run / "embeddings" / "market1501-gallery.npy"
    embeddings = np.load(stored)
    assert embeddings.shape == (len(embeddings), 512) and embeddings.dtype == "float32"
    np.save(stored, embeddings[::-1])
    beside = stored.with_suffix(".json")
    known = json.loads(beside.read_text())
    beside.write_text(json.dumps({"fingerprint": known["fingerprint"]}))  # else the change would be noticed
    run_command(["--evaluate", str(run)])
    metrics = [json.loads((path / "metrics.json").read_text())["small"]["mAP"] for path in (run, finished)]
    assert metrics[0] != metrics[1]  # taken from the file
    run_command(["--evaluate", str(run), "--eval.flip", "true"])
    (other,) = (run / "evaluations").iterdir()
    assert (other / "config.yaml").is_file()
    assert not np.allclose(np.load(other / "embeddings" / stored.name), embeddings)
    assert json.loads((run / "metrics.json").read_text())["small"]["mAP"] == metrics[0]


@pytest.mark.slow
def test_trains_on_several_data_sets_and_looks_in_others(finished, tree, tmp_path, capsys, read_history):
    other = tmp_path / "other"
    ensure_images(other, replace(OPTIONS, train_people=5, test_people=3))
    run = tmp_path / "run"
    options = {
        "train.epochs": 1,
        "data.more": f"[dukemtmc_reid={other}]",
        "data.test": f"[dukemtmc_reid={other},market1501={tree}]",
        "eval.ensemble": f"[{finished}]",
        "eval.every": 1,
    }
    run_command(arguments(tree, run, **options))
    assert re.search(r"together\n +train +44 images +11 identities +12 cameras", capsys.readouterr().out)
    metrics = json.loads((run / "metrics.json").read_text())
    names = ["small on dukemtmc_reid", "small on market1501"]
    assert set(metrics) == {each for name in names for each in (name, f"{name}, ensemble of 2")}
    assert float(read_history(run)[0]["val_mAP"]) == pytest.approx(metrics[names[0]]["mAP"], abs=1e-6)
    assert keras.models.load_model(run / "model.keras").output["logits"].shape[-1] == 11


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"data.test": "[mars=there]"},
            "'mars=there' is not of the form NAME=ROOT with a data set of the same kind",
        ),
        ({"data.more": "[market1501]"}, "is not of the form NAME=ROOT"),
        ({"data.test": "[msmt17=a,msmt17=b]"}, "names msmt17 twice"),
        ({"data.test": "[msmt17=nowhere]"}, "nowhere: no list_query.txt"),
        ({"eval.ensemble": "[nowhere]"}, "nowhere: no such file"),
        ({"eval.protocol": "cuhk03", "eval.rerank": "true"}, "eval.rerank has no effect with eval.protocol cuhk03"),
    ],
)
def test_wrong_data_sets_and_runs_are_named(tree, tmp_path, options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        run_command(arguments(tree, tmp_path / "run", **options))


@pytest.mark.slow
def test_resumed_run_equals_the_uninterrupted_one(finished, tree, tmp_path, stop_in_epoch, read_history):
    run = tmp_path / "stopped"
    undo = stop_in_epoch(ReIdentification, 1)
    with pytest.raises(KeyboardInterrupt):
        run_command(arguments(tree, run, **{"eval.every": 2}))
    undo()
    # As if killed after the history's line and before the checkpoint of a later epoch.
    (run / "history.csv").open("a").write("1,9,9,9,9,9,9,9,9\n")
    run_command(["--resume", str(run)])
    ours, theirs = (keras.models.load_model(path / "model.keras").get_weights() for path in (run, finished))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert [row["epoch"] for row in read_history(run)] == ["0", "1"]


@pytest.mark.slow
def test_validation_measures_by_the_distance_of_the_evaluation(tree, tmp_path, read_history):
    run = tmp_path / "run"
    options = {"eval.every": 1, "eval.distance": "euclidean", "train.epochs": 1, "model.block": "null"}
    run_command(arguments(tree, run, **options))
    metrics = json.loads((run / "metrics.json").read_text())["small"]
    assert float(read_history(run)[0]["val_mAP"]) == pytest.approx(metrics["mAP"], abs=1e-6)


@pytest.mark.slow
def test_weights_to_start_from_are_needed_once(tree, tmp_path):
    from iaunet_tf import IAUNet

    run, weights = tmp_path / "run", tmp_path / "first.keras"
    IAUNet(3, (64, 32, 3), width=0.25, depths=(1, 1, 1, 1)).save(weights)
    run_command(arguments(tree, run, **{"model.weights": weights, "train.epochs": 0}))
    weights.unlink()
    run_command(["--evaluate", str(run)])


def test_what_cannot_start_leaves_no_run_folder(tree, tmp_path):
    for options, message in (
        ({"train.batch_size": 400}, "a batch of 400 needs 100"),
        ({"train.batch_size": 6}, "is not a multiple of train.group_size 4"),
        ({"model.weights": "gone.pth"}, "gone.pth: no such file"),
    ):
        with pytest.raises(InputError, match=message):
            run_command(arguments(tree, tmp_path / "run", **options))
        assert not (tmp_path / "run").exists()


def test_existing_run_folder_is_left_alone(finished, tree):
    before = (finished / "config.yaml").read_bytes()
    with pytest.raises(InputError, match="exists; continue it with --resume"):
        run_command(arguments(tree, finished, **{"train.epochs": 1}))
    assert (finished / "config.yaml").read_bytes() == before


def test_resume_from_what_is_no_checkpoint_of_the_run(finished, tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_bytes((finished / "config.yaml").read_bytes())
    last = run / "checkpoints" / "last.keras"
    with pytest.raises(InputError, match="contains no checkpoint to resume from"):
        run_command(["--resume", str(run)])
    last.write_bytes((finished / "checkpoints" / "last.keras").read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"last.keras: damaged or not an iaunet-tf checkpoint"):
        run_command(["--resume", str(run)])
    last.write_bytes((finished / "checkpoints" / "last.keras").read_bytes())
    with pytest.raises(InputError, match=r"model.block is null now and was iau so far"):
        run_command(["--resume", str(run), "--model.block", "null"])
    with pytest.raises(InputError, match=r"contains no final model .* finish the run with --resume"):
        run_command(["--evaluate", str(run)])


def test_loss_that_is_no_number_stops_and_keeps_the_checkpoint(tree, tmp_path, monkeypatch):
    run = tmp_path / "nan"
    whole = ReIdentification.batches

    def poison_second_epoch(self, epoch, share):
        batches = whole(self, epoch, share)
        if epoch == 1:
            batches = batches.map(lambda batch: {**batch, "pixels": tf.cast(batch["pixels"], "float32") * np.nan})
        return batches

    monkeypatch.setattr(ReIdentification, "batches", poison_second_epoch)
    with pytest.raises(InputError, match=r"the loss is nan in epoch 2, step 1; checkpoints in .* earlier epochs"):
        run_command(arguments(tree, run, **{"model.block": "null"}))
    last = keras.models.load_model(run / "checkpoints" / "last.keras")
    assert int(last.optimizer.iterations) == 3
    assert all(np.isfinite(weight).all() for weight in last.get_weights())


@pytest.mark.slow
def test_mixed_bfloat16_trains_without_nan(tree, tmp_path, read_history):
    run = tmp_path / "bfloat16"
    try:
        run_command(arguments(tree, run, **{"train.precision": "mixed_bfloat16", "train.epochs": 1}))
    finally:
        keras.config.set_dtype_policy("float32")
    assert all(np.isfinite(float(row["loss"])) for row in read_history(run))
    assert json.loads((run / "metrics.json").read_text())["small"]["mAP"] > 0


def rates(options, steps, *at):
    """Learning rates at numbers of completed steps."""
    rate = SCHEDULES[options.schedule](options, steps)
    return [float(rate(step)) for step in at]


def test_steps_of_the_learning_rate_are_the_recipes():
    options = TrainConfig()
    expected = [3.5e-4, 3.5e-4, 3.5e-5, 3.5e-5, 3.5e-6, 3.5e-6]
    assert rates(options, 10, 0, 199, 200, 399, 400, 599) == pytest.approx(expected)
    options.milestones = []
    assert rates(options, 10, 599) == pytest.approx([3.5e-4])


def test_cosine_learning_rate_warms_up_and_ends_at_zero():
    options = parse(["--config", str(CONFIGS / "demo.yaml"), "--train.epochs=10", "--train.warmup_epochs=2"]).train
    assert rates(options, 5, 0, 10, 50) == pytest.approx([0, options.learning_rate, 0], abs=1e-9)


def test_optimizers_are_keras_own():
    assert isinstance(make_optimizer(TrainConfig(), 1), keras.optimizers.Adam)
    sgd = make_optimizer(TrainConfig(optimizer="sgd"), 1)
    assert isinstance(sgd, keras.optimizers.SGD) and sgd.momentum == 0.9


def by_hand(weight, gradients, rates, decay=0.0, coupled=True, epsilon=1e-8, beta_1=0.9, beta_2=0.999):
    """`torch.optim.Adam` and `AdamW` in NumPy, by their documentation."""
    weight, first, second = weight.astype("float64"), 0.0, 0.0
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        gradient = gradient.astype("float64")
        if coupled:
            gradient = gradient + decay * weight
        else:
            weight = weight * (1 - rate * decay)
        first, second = beta_1 * first + (1 - beta_1) * gradient, beta_2 * second + (1 - beta_2) * gradient**2
        root = np.sqrt(second / (1 - beta_2**step))
        weight = weight - rate * (first / (1 - beta_1**step)) / (root + epsilon)
    return weight


def take_steps(optimizer, start, gradients):
    variable = keras.Variable(start.astype("float32"))
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient, "float32")], [variable])
    return np.array(variable)


@pytest.mark.parametrize("epsilon", [1e-8, 1e-1])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_adam_and_adamw_are_those_of_pytorch(optimizer, epsilon):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 4)), rng.normal(size=(5, 3, 4))
    options = TrainConfig(
        optimizer=optimizer, epsilon=epsilon, learning_rate=0.1, milestones=[2], epochs=5, weight_decay=0.3
    )
    made, decoupled = make_optimizer(options, 1), optimizer == "adamw"
    expected = by_hand(start, gradients, [0.1, 0.1, 0.01, 0.01, 0.01], 0.3 * decoupled, not decoupled, epsilon)
    np.testing.assert_allclose(take_steps(made, start, gradients), expected, rtol=1e-5, atol=1e-6)
    assert type(made).from_config(made.get_config()).get_config()["epsilon"] == epsilon


def test_adam_with_a_small_epsilon_is_that_of_keras():
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 4)), rng.normal(size=(5, 3, 4))
    for options in ({"beta_1": 0.8, "beta_2": 0.95}, {"amsgrad": True}, {"weight_decay": 0.1}):
        ours, theirs = Adam(0.1, epsilon=1e-12, **options), keras.optimizers.Adam(0.1, epsilon=1e-12, **options)
        results = [take_steps(optimizer, start, gradients) for optimizer in (ours, theirs)]
        np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-5)


def test_nesterov_is_that_of_pytorch():
    rng = np.random.default_rng(0)
    weight, gradients, momentum = rng.normal(size=4), rng.normal(size=(5, 4)), 0.0
    made = make_optimizer(TrainConfig(optimizer="nesterov", learning_rate=0.1), 1000)
    found = take_steps(made, weight, gradients)
    for gradient in gradients:
        momentum = 0.9 * momentum + gradient
        weight = weight - 0.1 * (gradient + 0.9 * momentum)
    np.testing.assert_allclose(found, weight, rtol=1e-5, atol=1e-6)


def test_adamw_decays_weights_once_and_not_through_the_gradient():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    options = TrainConfig(optimizer="adamw", learning_rate=0.1, weight_decay=0.5, batch_size=4)
    model.compile(make_optimizer(options, 1000), auto_scale_loss=False)
    model.optimizer.build(model.trainable_variables)
    before = model.get_weights()[0].copy()
    step = make_train_step(model, lambda outputs, batch: (0.0 * tf.reduce_sum(outputs), {}), options)
    step({"images": tf.ones((4, 2))})
    np.testing.assert_allclose(model.get_weights()[0], before * (1 - 0.1 * 0.5), rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_moving_average_of_weights(optimizer):
    """Keras' average, against the formula; for evaluation the model has it, and then its own weights again."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    options = TrainConfig(optimizer=optimizer, learning_rate=0.1, ema=0.8, batch_size=4)
    model.compile(make_optimizer(options, 1000), auto_scale_loss=False)
    model.optimizer.build(model.trainable_variables)
    step = make_train_step(model, lambda outputs, batch: (tf.reduce_mean(tf.sin(outputs)), {}), options)
    before = model.get_weights()
    with averaged(model):  # there is none yet
        np.testing.assert_array_equal(model.get_weights()[0], before[0])
    average = None
    for _ in range(4):
        step({"images": tf.constant(np.random.default_rng(0).normal(size=(4, 2)), "float32")})
        weights = model.get_weights()
        average = weights if average is None else [0.8 * a + 0.2 * w for a, w in zip(average, weights, strict=True)]
    with averaged(model):
        for ours, expected in zip(model.get_weights(), average, strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-6)
    for ours, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_step_learning_rate_warms_up():
    options = TrainConfig(learning_rate=0.1, milestones=[2, 3], warmup_epochs=1.5, epochs=4)
    assert rates(options, 10, 0, 3, 15, 19, 20, 29, 30) == pytest.approx(
        [0, 0.02, 0.1, 0.1, 0.01, 0.01, 0.001], rel=1e-5
    )


def test_checkpoints_load_in_plain_keras(finished):
    """In a process that has only imported the package."""
    load = f"keras.models.load_model({str(finished / 'checkpoints' / 'last.keras')!r})"
    script = f"import iaunet_tf, keras; model = {load}; print(type(model.optimizer).__name__, model.optimizer.built)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["Adam", "True"], done.stderr[-500:]


def test_l2_is_coupled_into_adam_as_in_pytorch():
    # torch.optim.Adam(weight_decay): g + decay * w enters both moments. Three steps in NumPy.
    weight, gradient, decay, rate = np.array([2.0, -3.0]), np.array([0.1, 0.2]), 0.5, 0.01
    variable = keras.Variable(weight.astype("float32"))
    optimizer = make_optimizer(TrainConfig(learning_rate=rate), 1000)
    for _ in range(3):
        optimizer.apply(with_l2([gradient.astype("float32")], [variable], decay), [variable])
    np.testing.assert_allclose(variable, by_hand(weight, [gradient] * 3, [rate] * 3, decay), rtol=1e-5)


# --- as a user sees it: the command in a process of its own ----------------------------------------------


def command(*arguments, **options):
    done = subprocess.run(
        [sys.executable, str(ROOT / "train_keras.py"), *arguments], capture_output=True, text=True, **options
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--train.epohcs", "3"], "did you mean train.epochs?"),
        (["--resume", "nowhere"], "nowhere: is not a run folder"),
        (["--data.name=market1501", "--data.root=nowhere", "--model.width=1"], "the layout of Market-1501 is"),
    ],
)
def test_mistakes_are_one_line_and_no_traceback(arguments, message, tmp_path):
    code, _, stderr = command(*arguments, cwd=tmp_path)
    assert code == 1
    assert message in stderr
    assert len(stderr.strip().splitlines()) == 1 and stderr.startswith("error: ")
    assert not list(tmp_path.iterdir())


def test_full_disk_keeps_the_previous_checkpoint(finished, tmp_path):
    """Files may not grow beyond 1 MB: as a full disk, the checkpoint cannot be written."""
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "history.csv", "checkpoints/last.keras"):
        (run / name).write_bytes((finished / name).read_bytes())
    before = (run / "checkpoints" / "last.keras").read_bytes()
    limit = "import resource, sys, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20));"
    script = limit + f"sys.argv = ['train_keras.py', '--resume', {str(run)!r}, '--train.epochs', '3'];"
    script += f"runpy.run_path({str(ROOT / 'train_keras.py')!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1, done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert (run / "checkpoints" / "last.keras").read_bytes() == before
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["last.keras"]


def test_two_replicas_mine_the_global_batch(tmp_path):
    """Loss and gradient of two replicas, four images each, are those of one with all eight."""
    script = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from iaunet_tf.config.reid import ReIdLoss
from iaunet_tf.distribution.strategy import make_strategy
from iaunet_tf.losses.objective import make_objective

rng = np.random.default_rng(0)
batch = {
    "x": rng.normal(size=(8, 5)).astype("float32"),
    "labels": np.array([0, 0, 1, 1, 0, 0, 1, 1], "int32"),
    "masks": rng.random((8, 4, 2, 4)).astype("float32"),
    "has_masks": np.array([1, 1, 0, 1, 1, 0, 0, 1], "float32"),
}
kernel = rng.normal(size=(5, 6)).astype("float32")

def step(batch, variable, replicas):
    with tf.GradientTape() as tape:
        embedding = batch["x"] @ variable
        attention = tf.sigmoid(tf.reshape(tf.repeat(embedding[:, :4], 8, axis=1), (-1, 4, 2, 4)))
        outputs = {"embedding": embedding, "logits": embedding[:, :2],
                   "part_attention_1": attention, "part_attention_2": attention}
        total, _ = make_objective(ReIdLoss())(outputs, batch)
        total /= replicas
    return total, tape.gradient(total, variable)

single = step({k: tf.constant(v) for k, v in batch.items()}, tf.Variable(kernel), 1)
strategy = make_strategy("mirrored")
assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    variable = tf.Variable(kernel)
dataset = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices(batch).batch(8))

@tf.function
def run(shares):
    values = strategy.run(lambda b: step(b, variable, 2), args=(shares,))
    return [strategy.reduce("SUM", value, axis=None) for value in values]

for ours, theirs in zip(run(next(iter(dataset))), single):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
print("equal")
"""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.stdout.strip().endswith("equal"), done.stderr


@pytest.mark.slow
def test_mirrored_strategy_trains_on_two_devices(tree, tmp_path, read_history):
    script = """
import sys, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from iaunet_tf.commands.train import main as run_command
run_command(sys.argv[1:])
"""
    run = tmp_path / "mirrored"
    options = {"train.strategy": "mirrored", "train.epochs": 1, "model.block": "null"}
    options |= {"train.optimizer": "adamw", "train.ema": 0.5}
    command = [sys.executable, "-c", script, *arguments(tree, run, **options)]
    done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
    assert "2 CPU, float32, 3 steps of 8 images, batch norms over all replicas" in done.stdout
    assert (run / "metrics.json").is_file()
    assert np.isfinite(float(read_history(run)[0]["loss"]))


@pytest.mark.slow
def test_street(street, tmp_path, read_history):
    """Real pictures, no masks, the ordinary command."""
    run = tmp_path / "street"
    options = {"data.root": street / "market", "train.epochs": 1, "train.batch_size": 16, "model.block": "ia"}
    run_command(arguments(street, run, **options))
    assert "mask_loss" not in read_history(run)[0]
    assert 0 < json.loads((run / "metrics.json").read_text())["small"]["mAP"] <= 1


def test_nothing_to_find_is_said_before_training(tree, tmp_path):
    root = tmp_path / "market"
    shutil.copytree(tree, root)
    for path in (root / "bounding_box_test").glob("0*.jpg"):
        if not path.name.startswith("0000"):
            path.unlink()
    with pytest.raises(InputError, match="no query has a match"):
        run_command(arguments(root, tmp_path / "run"))
    assert not (tmp_path / "run").exists()
