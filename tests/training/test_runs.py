"""What may happen to a run from outside: other processes, other keys, other folders, damaged checkpoints."""

import json
import math
import re
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import yaml

from iaunet_tf.commands import main
from iaunet_tf.commands.train import main as run_command
from iaunet_tf.config.parsing import parse
from iaunet_tf.config.stored import read_run
from iaunet_tf.data.sampling import check_batches
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.data.synthetic.tracklets import TrackletOptions, ensure_tracklets
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import evaluator, expand_queries, rerank
from iaunet_tf.run import Run
from iaunet_tf.tasks import make_task
from iaunet_tf.training.checkpoints import STATE, State, check_resumable, read_state

PEOPLE = {"train_people": 4, "test_people": 3, "cameras_per_person": 2, "distractors": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of the data sets `market` and `mars`, and a run `stopped` behind the first of two epochs."""
    folder = tmp_path_factory.mktemp("runs")
    ensure_images(folder / "market", ImageOptions(shots=2, **PEOPLE))
    ensure_tracklets(folder / "mars", TrackletOptions(frames=2, **PEOPLE))
    run_command(arguments(folder, "stopped", **{"train.epochs": 1}))
    return folder


def arguments(folder, run, **options):
    """One step an epoch."""
    small = {
        "name": "small",
        "run_dir": folder / run,
        "data.name": "market1501",
        "data.root": folder / "market",
        "data.height": 64,
        "data.width": 32,
        "model.width": 0.25,
        "model.depths": "[1,1,1,1]",
        "model.block": "null",
        "train.epochs": 0,
        "train.batch_size": 8,
        "train.warmup_epochs": 0,
        "eval.histograms": "false",
    }
    return [f"--{key}={value}" for key, value in {**small, **options}.items()]


@pytest.fixture
def stopped(folder, tmp_path):
    """A copy of it, to be changed."""
    run = tmp_path / "run"
    shutil.copytree(folder / "stopped", run)
    return run


def listing(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def one_line(words, capsys):
    """The error that a command ends with."""
    capsys.readouterr()
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


# --- one process at a time -------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from iaunet_tf.errors import InputError
from iaunet_tf.run import Run, claim
start, path, new, numbered = float(sys.argv[1]), Path(sys.argv[2]), *(word == "True" for word in sys.argv[3:])
time.sleep(max(0, start - time.time()))
try:
    with claim(Run(path), new, numbered) as run:
        run.history.write_text("")
        print(run.path.name, flush=True)
        time.sleep(6)
except InputError as error:
    print(error)
"""


def holders(count, path, new=False, numbered=False):
    """Processes that claim a folder at the same moment."""
    words = [sys.executable, "-c", HOLD, str(time.time() + 1.5), str(path), str(new), str(numbered)]
    return [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(count)]


@pytest.mark.parametrize("new", [True, False])
def test_of_several_processes_one_has_the_folder(tmp_path, new):
    lines = [process.communicate()[0].strip() for process in holders(5, tmp_path / "a" / "run", new)]
    assert lines.count("run") == 1
    assert all(line == "run" or f"{tmp_path}/a/run: another process is training" in line for line in lines)


def test_default_names_of_one_second_are_numbered(tmp_path):
    names = {process.communicate()[0].strip() for process in holders(4, tmp_path / "demo", True, True)}
    assert names == {"demo", "demo-2", "demo-3", "demo-4"}


def test_what_is_being_trained_is_left_alone_until_the_process_ends(folder, stopped, capsys):
    (process,) = holders(1, stopped)
    process.stdout.readline()
    before = listing(stopped)
    for words in (
        ["train", "--resume", str(stopped), "--train.epochs=2"],
        ["train", *arguments(folder, stopped, on_existing="resume", **{"train.epochs": 2})],
        ["evaluate", str(stopped)],
    ):
        assert f"{stopped}: another process is training or evaluating in it; wait" in one_line(words, capsys)
        assert listing(stopped) == before
    process.kill()
    process.wait()
    assert main(["evaluate", str(stopped)]) == 0
    assert not (stopped / "lock").exists()


def test_resume_of_a_finished_run_evaluates_it(stopped, capsys):
    (stopped / "metrics.json").unlink()
    assert main(["train", "--resume", str(stopped)]) == 0
    out = capsys.readouterr().out
    assert "all 1 epoch is done; evaluating\n" in out and "continuing" not in out and "2 steps of 8 images" in out
    assert (stopped / "metrics.json").is_file()


def test_a_folder_with_nothing_in_it_is_a_new_one(folder, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").touch()  # of a process that was killed before it began
    run_command(arguments(tmp_path, "run", **{"data.root": folder / "market"}))
    assert (tmp_path / "run" / "metrics.json").is_file()


def test_resume_of_what_is_no_run_leaves_it_alone(folder, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").touch()
    words = arguments(tmp_path, "mine", on_existing="resume", **{"data.root": folder / "market"})
    assert "mine: is not a run folder" in one_line(["train", *words], capsys)
    assert "mine: exists; choose another --run_dir" in one_line(["train", *words, "--on_existing=error"], capsys)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.docx"]


# --- other keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "now", "before"),
    [
        ("seed", 9, 0),
        ("train.batch_size", 4, 8),
        ("train.group_size", 2, 4),
        ("train.optimizer", "sgd", "adam"),
        ("train.precision", "mixed_bfloat16", "float32"),
        ("data.height", 96, 64),
        ("data.erase", 0.75, 0.25),
        ("data.masks", "none", "files"),
        ("data.name", "dukemtmc_reid", "market1501"),
        ("model.width", 0.5, 0.25),
        ("model.block", "ia", "null"),
    ],
)
@pytest.mark.parametrize("where", ["command", "file", "on_existing"])
def test_edits_that_break_a_resumed_run_are_refused(folder, stopped, capsys, key, now, before, where):
    words = ["train", "--resume", str(stopped), "--train.epochs=2"]
    if where == "command":
        words.append(f"--{key}={now}")
    elif where == "on_existing":
        words = ["train", *arguments(folder, stopped, on_existing="resume", **{"train.epochs": 2, key: now})]
    else:
        config = yaml.safe_load((stopped / "config.yaml").read_text())
        section, _, name = key.rpartition(".")
        (config[section] if section else config)[name] = now
        (stopped / "config.yaml").write_text(yaml.safe_dump(config))
    state = listing(stopped)
    assert f"{stopped}: {key} is {now} now and was {before} so far" in one_line(words, capsys)
    assert {path: time for path, time in listing(stopped).items() if path.is_file()}.items() <= state.items()


@pytest.mark.parametrize("change", ["more", "fewer", "another"])
def test_other_training_data_are_refused(folder, stopped, tmp_path, capsys, change):
    root = tmp_path / "elsewhere"  # moved, which is no change
    shutil.copytree(folder / "market", root)
    images = sorted((root / "bounding_box_train").glob("*.jpg"))
    if change == "more":
        shutil.copy(images[0], images[0].with_name(images[0].name.replace("_00", "_09", 1)))
    elif change == "fewer":
        images[0].unlink()
    else:
        shutil.copy(next((root / "query").glob("*.jpg")), images[0])
    words = ["train", "--resume", str(stopped), "--train.epochs=2", f"--data.root={root}"]
    assert re.search(r"training data is \d+ images of 4 labels, \w+ now and was 16 images", one_line(words, capsys))


@pytest.mark.slow
def test_edits_that_do_not_are_taken_and_said(folder, stopped, tmp_path, capsys, read_history):
    """And a damaged checkpoint gives way to the one before."""
    last, previous = (stopped / "checkpoints" / f"{name}.keras" for name in ("last", "previous"))
    shutil.copy(last, previous)
    with_state(last, {"epoch": -7})
    root = tmp_path / "elsewhere"
    shutil.copytree(folder / "market", root)
    words = ["train.epochs=2", "train.learning_rate=0.001", "eval.rerank=true", "name=other", f"data.root={root}"]
    assert main(["train", "--resume", str(stopped), *(f"--{word}" for word in words)]) == 0
    out = capsys.readouterr().out
    assert "from here on, train.learning_rate is 0.001 instead of 0.008\n" in out and out.count("from here on") == 1
    assert "last.keras: damaged or not an iaunet-tf checkpoint (its state is out of range); resuming from the" in out
    assert len(read_history(stopped)) == 2
    assert set(json.loads((stopped / "metrics.json").read_text())) == {"other", "other, re-ranked"}
    assert "has trained for 2 epochs and 0 steps, more than train.epochs 1" in one_line(
        ["train", "--resume", str(stopped), "--train.epochs=1"], capsys
    )
    assert "run_dir has no effect with --resume" in one_line(
        ["train", "--resume", str(stopped), f"--run_dir={tmp_path / 'b'}"], capsys
    )


def test_checkpoints_of_older_versions_are_compared_with_nothing(stopped):
    with_state(stopped / "checkpoints" / "last.keras", {"depends": {}})
    config, _ = read_run(stopped)
    check_resumable(replace(config, seed=9), Run(stopped))


# --- checkpoints -----------------------------------------------------------------------------------------

INSIDE = {"epoch": 1, "step": 1, "sums": {"loss": 1.5}}


@pytest.mark.parametrize(
    "values",
    [
        {"epoch": -1},
        {"epoch": 1.5},
        {"epoch": "1"},
        {"epoch": None},
        {"epoch": True},
        {**INSIDE, "step": -3},
        {**INSIDE, "step": math.nan},
        {**INSIDE, "step": 0},
        {**INSIDE, "sums": {}},
        {**INSIDE, "sums": {"loss": math.nan}},
        {**INSIDE, "sums": {"loss": "1"}},
        {**INSIDE, "sums": [1]},
        {"best": math.nan},
        {"best": math.inf},
        {"best": "high"},
        {"loss_scale": {"value": 0, "finite_steps": 1}},
        {"loss_scale": {"value": math.inf, "finite_steps": 1}},
        {"loss_scale": {"value": 2.0}},
        {"loss_scale": {"value": 2.0, "finite_steps": -1}},
        {"depends": 5},
        {"another": 1},
    ],
)
def test_states_out_of_range_are_no_states(values, tmp_path):
    State(**INSIDE), State(1, best=0.5), State(loss_scale={"value": 2.0, "finite_steps": 0})
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr(STATE, json.dumps(values))
    with pytest.raises((ValueError, TypeError, AttributeError)):
        read_state(tmp_path / "a.keras")


def with_state(path, changes):
    """Changes the state in a checkpoint."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content[STATE] = json.dumps({**json.loads(content[STATE]), **changes})
    with zipfile.ZipFile(path, "w") as archive:
        for name, each in content.items():
            archive.writestr(name, each)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"epoch": 10**9}, "last.keras: has trained for 1000000000 epochs and 0 steps, more than train.epochs 2"),
        ({"step": 7, "sums": {"loss": 1.0}}, "is at step 8 of an epoch, which has 2"),
        ({"sums": {"loss": 1.0}}, "last.keras: damaged or not an iaunet-tf checkpoint"),
    ],
)
def test_checkpoints_that_cannot_be_are_one_line(stopped, capsys, state, message):
    with_state(stopped / "checkpoints" / "last.keras", state)
    assert message in one_line(["train", "--resume", str(stopped), "--train.epochs=2"], capsys)


# --- evaluation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data.height=96"], "takes 64x32 pixels, not 96x32; leave data.height and data.width out"),
        (["--data.name=mars", "--data.root={folder}/mars"], "embeds images, and mars consists of tracklets"),
        (["--task=classification"], "is a run of task reid; leave the task out"),
        (["--seed=3"], "seed has no effect on an evaluation"),
        (["--data.erase=0"], "data.erase has no effect on an evaluation"),
        (["--eval.expand=1000000"], "eval.expand 1000000 is more than the 7 gallery images of market1501"),
        (["--eval.ensemble=[{folder}/market]"], "market: is not a run folder (it holds no config.yaml)"),
        (["--run_dir={folder}/market"], "market: exists; choose another --run_dir"),
        (["--data.root={folder}/gone"], "no folder bounding_box_train"),
    ],
)
def test_keys_that_do_not_fit_a_run_are_refused_before_anything_is_written(folder, capsys, words, message):
    before = listing(folder)
    words = ["evaluate", str(folder / "stopped"), *(word.format(folder=folder) for word in words)]
    assert message in one_line(words, capsys)
    assert {path: time for path, time in listing(folder).items() if path.is_file()}.items() <= before.items()


def test_what_would_fail_after_training_is_said_before_it(folder, tmp_path, capsys):
    (tmp_path / "damaged.keras").write_bytes(b"PK")
    for options, message in (
        ({"eval.expand": 8}, "eval.expand 8 is more than the 7 gallery images"),
        ({"eval.ensemble": f"[{tmp_path / 'damaged.keras'}]"}, "damaged.keras: damaged or not a .keras file"),
        ({"data.test": "[msmt17=gone]"}, "gone: no list_query.txt"),
        # The folder is looked for first, not weights that would have to be downloaded.
        ({"data.root": "gone", "model.weights": "imagenet"}, "gone: no folder bounding_box_train"),
    ):
        options = {"data.root": folder / "market", **options}
        assert message in one_line(["train", *arguments(tmp_path, "run", **options)], capsys)
        assert not (tmp_path / "run").exists()


def test_metrics_are_kept_if_a_further_ranking_fails(folder, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr(evaluator, "rerank", fail)
    options = {"data.root": folder / "market", "eval.rerank": "true", "eval.expand": 2}
    with pytest.raises(MemoryError):
        run_command(arguments(tmp_path, "run", **options))
    assert set(json.loads((tmp_path / "run" / "metrics.json").read_text())) == {"small", "small, expanded"}
    assert (tmp_path / "run" / "model.keras").is_file()


@pytest.mark.parametrize("k", [0, -1, 4, 10**9, 1.5, None, "2"])
def test_expansion_wants_a_number_within_the_gallery(k):
    with pytest.raises(InputError, match="k must be a whole number from 1 to the 3 gallery images"):
        expand_queries(np.eye(3), np.eye(3), k)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k1": 1.5}, "k2 must be between 1 and k1, both whole"),
        ({"k1": 5, "k2": 6}, "k2 must be between 1 and k1"),
        ({"weight": 1.5}, "weight must be a number, 0 to 1"),
        ({"weight": np.nan}, "weight must be a number, 0 to 1"),
        ({"distance": "manhattan"}, "distance must be one of cosine, euclidean"),
        ({"gallery": np.ones((0, 3))}, "at least one of each"),
        ({"gallery": np.full((2, 3), np.inf)}, "gallery: 2 of 2 embeddings are not finite"),
    ],
)
def test_reranking_wants_sensible_numbers(options, message):
    with pytest.raises(InputError, match=message):
        rerank(**{"query": np.eye(3), "gallery": np.eye(3), **options})


def test_a_run_is_evaluated_from_any_folder(folder, tmp_path, monkeypatch, capsys):
    shutil.copytree(folder / "market", tmp_path / "here" / "market")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run_command(arguments(tmp_path, "run", **{"data.root": "market"}))
    monkeypatch.chdir(tmp_path / "there")
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace(str(tmp_path / "here" / "market"), "market"))  # of an older version
    assert f"{tmp_path}/there/market: no such folder; {tmp_path}/run was trained on it" in one_line(
        ["evaluate", str(tmp_path / "run")], capsys
    )
    assert not list((tmp_path / "there").iterdir())


# --- batches ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "batch_size", "group_size", "message"),
    [
        ([0, 0, 0, 0], 2, 2, "one person to train on"),
        ([0], 1, 1, "one person to train on"),
        ([0, 0, 1, 1], 3, 2, "train.batch_size 3 is not a multiple of train.group_size 2"),
        ([0, 0, 1, 1], 6, 2, "the 2 people make 2 groups of 2 images, a batch of 6 needs 3"),
    ],
)
def test_batches_that_cannot_be_are_refused(people, batch_size, group_size, message):
    with pytest.raises(InputError, match=message):
        check_batches(np.array(people), batch_size, group_size)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train.batch_size": 1, "train.group_size": 1}, "train.batch_size 1 makes steps of a single one"),
        ({"train.batch_size": 2, "train.group_size": 1, "train.accumulate": 2}, "train.batch_size 2 makes"),
        ({"train.batch_size": 4}, "the triplet loss sees one person at a time"),
        ({"train.batch_size": 8, "train.accumulate": 2}, "the triplet loss sees one person at a time"),
        ({"train.group_size": 1}, "the triplet loss seldom sees a person twice"),
    ],
)
def test_batches_from_which_nothing_is_learned(folder, capsys, options, message):
    config = parse(arguments(folder, "run", **options))
    if message.startswith("train."):
        with pytest.raises(InputError, match=message):
            make_task(config, "train")
    else:
        make_task(config, "train")
        assert f"warning: {message}" in capsys.readouterr().out
