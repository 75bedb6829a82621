"""Runs that are killed and resumed equal runs that were left alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from distribution.hosts import environments

from iaunet_tf.commands.train import main as run_command
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.data.synthetic.tracklets import TrackletOptions, ensure_tracklets

ROOT = Path(__file__).parents[2]
PLAIN = {"model.block": "null"}  # compiles faster
PEOPLE = {"train_people": 6, "test_people": 4, "cameras_per_person": 2, "distractors": 3}


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    ensure_images(folder / "market1501", ImageOptions(shots=2, **PEOPLE))
    ensure_tracklets(folder / "mars", TrackletOptions(**PEOPLE))
    return folder


def command(trees, name, run, epochs, **further):
    options = {
        "name": "small",
        "run_dir": run,
        "on_existing": "resume",
        "data.name": name,
        "data.root": trees / name,
        "data.height": 64,
        "data.width": 32,
        **({"data.clip_length": 2} if name == "mars" else {}),
        "model.width": 0.25,
        "model.depths": "[1,1,1,1]",
        "train.epochs": epochs,
        "train.batch_size": 8,
        "train.warmup_epochs": 0,
        "train.ema": 0.5,
        "eval.every": 1,
        "eval.histograms": "false",
        **further,
    }
    arguments = [f"--{key}={value}" for key, value in options.items()]
    return [sys.executable, str(ROOT / "train_keras.py"), *arguments]


def start(command, output, **environment):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1", **environment}
    return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=ROOT)


def assert_same(run, other, names=("model.keras", "checkpoints/last.keras", "checkpoints/best.keras")):
    for name in ("history.csv", "metrics.json"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name
    for name in names:
        ours, theirs = (keras.models.load_model(folder / name) for folder in (run, other))
        for mine, other_weight in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other_weight, err_msg=name)
        if getattr(ours, "optimizer", None):
            for mine, other_variable in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
                np.testing.assert_array_equal(mine, other_variable)


@pytest.mark.slow
def test_sigterm_in_mid_epoch_saves_and_ends(trees, tmp_path, capsys):
    """The state between two steps is kept, and the run goes on from there as if nothing had been."""
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    run_command(command(trees, "market1501", whole, 2, **PLAIN)[2:])
    # SIGTERM while the second step of the second epoch is computed.
    script = f"""
import os, signal, sys
from iaunet_tf.training import loop
make = loop.make_train_step
def make_and_count(*arguments):
    step, count = make(*arguments), [0]
    def counting(batch, stop=False):
        count[0] += 1
        if count[0] == 5:
            os.kill(os.getpid(), signal.SIGTERM)
            stop = True
        return step(batch, stop)
    return counting
loop.make_train_step = make_and_count
from iaunet_tf.commands import main
sys.exit(main({["train", *command(trees, "market1501", stopped, 2, **PLAIN)[2:]]!r}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 143 and "the state is saved" in done.stderr, done.stderr
    assert not (stopped / "model.keras").exists()
    run_command(command(trees, "market1501", stopped, 2, **PLAIN)[2:])
    assert "continuing with epoch 2 of 2, step 3" in capsys.readouterr().out
    assert_same(stopped, whole, ["checkpoints/last.keras"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["market1501", "mars"])
def test_ten_kills(trees, tmp_path, name):
    """kill -9 at random moments, the writing of checkpoints included."""
    epochs, whole, killed = 60, tmp_path / "whole", tmp_path / "killed"
    begin = time.monotonic()
    subprocess.run(command(trees, name, whole, epochs), check=True, capture_output=True, cwd=ROOT)
    print(f"uninterrupted: {time.monotonic() - begin:.0f} s")
    rng = np.random.default_rng(0)
    kills, writing = 0, 0
    for _ in range(30):
        with (tmp_path / "log.txt").open("w") as log:
            process = start(command(trees, name, killed, epochs), log)
            last = killed / "checkpoints" / "last.keras"
            seen = last.stat().st_mtime_ns if last.exists() else 0
            # Training has begun to write; then a while that is about two epochs.
            while process.poll() is None and not (last.exists() and last.stat().st_mtime_ns != seen):
                time.sleep(0.01)
            if kills < 10:
                moment = time.monotonic() + rng.uniform(0, 2.5)
                if kills % 2:  # half of them while a checkpoint is being written
                    while process.poll() is None and not list(last.parent.glob(".*")):
                        time.sleep(0.0005)
                while process.poll() is None and time.monotonic() < moment and not kills % 2:
                    time.sleep(0.001)
            if kills >= 10 or process.poll() is not None:
                assert process.wait() == 0, (tmp_path / "log.txt").read_text()[-2000:]
                break
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            writing += bool(list(last.parent.glob(".*")))
    print(f"{kills} kills, {writing} of them while a checkpoint was written")
    assert kills == 10 and writing >= 1
    assert_same(killed, whole)
    assert not list(killed.rglob(".*-*"))


def start_workers(command, logs):
    """Three processes that train together."""
    logs.mkdir(exist_ok=True)
    places = environments(3)
    return [start(command, (logs / f"{index}.txt").open("w"), **place) for index, place in enumerate(places)]


@pytest.mark.slow
def test_one_of_three_workers_is_killed(trees, tmp_path):
    """The others end within a minute and say so; all started again end like a run that was left alone."""
    whole, killed, logs = tmp_path / "whole", tmp_path / "killed", tmp_path / "logs"
    options = ["--train.batch_size=12", "--train.patience=60"]
    for process in start_workers([*command(trees, "market1501", whole, 12), *options], logs):
        assert process.wait(timeout=600) == 0, (logs / "0.txt").read_text()[-2000:]
    processes = start_workers([*command(trees, "market1501", killed, 12), *options], logs)
    while not (killed / "checkpoints" / "previous.keras").exists():
        assert all(process.poll() is None for process in processes), (logs / "0.txt").read_text()[-2000:]
        time.sleep(0.05)
    time.sleep(1.3)
    processes[1].send_signal(signal.SIGKILL)
    begin = time.monotonic()
    for index in (0, 2):
        assert processes[index].wait(timeout=60) == 1
        print(f"worker {index} ended after {time.monotonic() - begin:.1f} s")
        (line,) = [line for line in (logs / f"{index}.txt").read_text().splitlines() if line.startswith("error:")]
        assert "a worker is lost" in line and f"--resume {killed}" in line
    assert not (killed / "model.keras").exists()
    for process in start_workers([*command(trees, "market1501", killed, 12), *options], logs):
        assert process.wait(timeout=600) == 0, (logs / "0.txt").read_text()[-2000:]
    assert_same(killed, whole)
