import re
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from iaunet_tf.config.files import CONFIGS, keys, save_config
from iaunet_tf.config.parsing import TASKS, build_parser, parse
from iaunet_tf.errors import InputError


def test_no_arguments_means_the_demo():
    config = parse([])
    assert config.name == "demo" and config.task == "reid" and config.data.name == "synthetic"


def test_another_task_does_not_start_from_the_demo():
    assert parse(["--task", "classification"]).data.root == "datasets/synthetic"
    with pytest.raises(InputError, match=r"triplet_weight.*it is a key of task reid, not of classification"):
        parse(["--task=classification", "--loss.triplet_weight=3"])


def test_market1501_is_the_authors_recipe():
    config = parse(["--config", str(CONFIGS / "market1501.yaml")])
    data, loss, train = config.data, config.loss, config.train
    assert (data.height, data.width, data.flip, data.erase) == (256, 128, 0.5, 0.5)
    assert (config.model.block, config.model.width) == ("iau", 1.0)
    assert (loss.label_smoothing, loss.margin, loss.distance, loss.mask_weight) == (0.1, 0.3, "cosine", 0.5)
    assert (train.epochs, train.batch_size, train.group_size) == (60, 64, 4)
    assert (train.learning_rate, train.schedule, train.milestones) == (3.5e-4, "step", [20, 40])
    assert (train.optimizer, train.weight_decay) == ("adam", 5e-4)


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_every_configuration_is_valid_and_named_after_its_file(name):
    assert parse(["--config", str(CONFIGS / f"{name}.yaml")]).name == name


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "market1501"))
def test_configurations_name_only_what_differs_from_the_defaults(name):
    content = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    defaults = asdict(TASKS[content.get("task", "reid")]())
    for section, values in content.items():
        if isinstance(values, dict):
            same = [key for key, value in values.items() if value == defaults[section][key] and key != "name"]
            assert not same, section


@pytest.mark.parametrize("name", ["mars", "dukemtmc_videoreid", "ls_vid", "ilids_vid", "prid2011"])
def test_recipe_of_clips_is_the_authors(name):
    config = parse(["--config", str(CONFIGS / f"{name}.yaml")])
    data, loss, train = config.data, config.loss, config.train
    assert (data.height, data.width, data.flip, data.erase) == (256, 128, 0.5, 0)
    assert (data.clip_length, data.clip_stride, loss.margin) == (4, 8, 0.4)
    assert (train.epochs, train.batch_size, train.learning_rate) == (150, 32, 3e-4)
    assert (train.schedule, train.milestones, config.eval.clips) == ("step", [40, 80, 120], 0)
    assert config.data.fold == ("all" if name in ("ilids_vid", "prid2011") else 0)


def test_demo_baseline_is_the_demo_without_blocks():
    demo, baseline = (asdict(parse(["--config", str(CONFIGS / f"{n}.yaml")])) for n in ("demo", "demo_baseline"))
    assert demo.pop("name") != baseline.pop("name")
    assert demo["model"].pop("block") == "iau" and baseline["model"].pop("block") is None
    assert demo == baseline


def test_command_line_wins_over_files_and_later_files_over_earlier(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("train:\n  epochs: 7\n  batch_size: 8\n  clip_norm: 2\n")
    second.write_text("train:\n  batch_size: 16\n")
    config = parse(["--config", str(first), f"--config={second}", "--train.epochs", "3"])
    assert (config.train.epochs, config.train.batch_size, config.train.clip_norm) == (3, 16, 2)
    assert type(config.train.epochs) is int and type(config.train.clip_norm) is float


@pytest.mark.parametrize("words", [["--model.block", "null", "--seed", "5"], ["--task=classification", "--seed=5"]])
def test_stored_configuration_repeats_itself(tmp_path, words):
    config = parse(words, default=None)
    save_config(config, tmp_path / "config.yaml")
    assert parse(["--config", str(tmp_path / "config.yaml")]) == config
    assert parse([], run=str(tmp_path)) == config


@pytest.mark.parametrize("task", TASKS)
def test_help_explains_every_key_of_the_task_and_no_other(task):
    text = " ".join(build_parser(task).format_help().split())
    mine = set(keys(TASKS[task]))
    for key in mine:
        assert f"--{key} " in text
    others = {key for other in TASKS.values() for key in keys(other)} - mine
    assert others and not [key for key in others if f"--{key} " in text]


REID, CLASSIFICATION = [], ["--config", str(CONFIGS / "classify.yaml")]
MARS, MARKET = (["--config", str(CONFIGS / f"{name}.yaml")] for name in ("mars", "market1501"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # Keys of the other task.
        (
            [*REID, "--data.eval_crop=0.5"],
            "eval_crop.*it is a key of task classification, not of reid",
        ),
        ([*REID, "--data.crop=0.5"], "data.crop.*of task classification"),
        ([*CLASSIFICATION, "--loss.triplet_weight=3"], "loss.triplet_weight.*it is a key of task reid"),
        ([*CLASSIFICATION, "--model.width=0.5"], "model.width.*of task reid"),
        ([*CLASSIFICATION, "--data.cache=disk"], "data.cache.*of task reid"),
        ([*CLASSIFICATION, "--train.group_size=2"], "train.group_size.*of task reid"),
        # Keys that another key switches off.
        ([*MARKET, "--train.optimizer=sgd", "--train.epsilon=1e-4"], "epsilon has no effect with train.optimizer sgd"),
        ([*MARKET, "--loss.triplet=weighted", "--loss.margin=1"], "margin has no effect with loss.triplet weighted"),
        ([*MARKET, "--loss.circle_scale=8"], "circle_scale has no effect with loss.circle_weight 0"),
        (["--train.milestones=[3]"], "train.milestones has no effect with train.schedule cosine"),
        (["--data.clip_length=8"], "data.clip_length has no effect with data.name synthetic"),
        (["--eval.clips=1"], "eval.clips has no effect with"),
        (["--data.fold=1"], "data.fold has no effect with data.name synthetic"),
        ([*MARS, "--data.more=[msmt17=a]"], "data.more has no effect with data.name mars"),
        (["--loss.triplet_weight=0", "--loss.margin=0.5"], "loss.margin has no effect with"),
        (["--model.block=null", "--model.recompute=true"], "model.recompute has no effect with"),
        (["--model.block=ia", "--data.masks=prior"], "data.masks has no effect with"),
        (["--data.masks=none", "--loss.mask_weight=1"], "loss.mask_weight has no effect with"),
        (["--eval.protocol=cuhk03", "--eval.expand=3"], "eval.expand has no effect with"),
        ([*CLASSIFICATION, "--model.block=null", "--model.blocks_after=[a]"], "model.blocks has no effect with"),
    ],
)
def test_keys_that_do_nothing_are_refused(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        parse(arguments)
    assert "\n" not in str(caught.value)


def test_a_key_of_a_file_gives_way_to_a_switch_of_the_command_line(tmp_path):
    config = parse([*MARS, "--train.schedule=cosine", "--train.warmup_epochs=2"])
    assert config.train.milestones == [20, 40]  # the default again
    config = parse([*CLASSIFICATION, "--model.block=null"])
    assert config.model.block is None
    # But not to a switch of the same file.
    (tmp_path / "a.yaml").write_text("train: {schedule: cosine, milestones: [3]}")
    with pytest.raises(InputError, match=r"train.milestones has no effect with"):
        parse(["--config", str(tmp_path / "a.yaml")])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--train.epoch", "3"], "did you mean train.epochs?"),
        (["--learning_rate", "3"], "did you mean train.learning_rate?"),
        (["--train.epochs", "many"], "train.epochs.*many"),
        (["--data.name", "markt1501"], "market1501.*markt1501"),
        (["--config", "gone.yaml"], "gone.yaml: no such file"),
        (["--task", "sorting"], "task must be reid or classification; received sorting"),
        (["--foo"], "there is no key foo"),
        (["-train.epochs", "3"], "-train.epochs: keys have two hyphens; write --train.epochs"),
        (["--resume", "a"], "there is no key resume; --resume is an option of iaunet train"),
        (["--data", "{height: 64}"], "there is no key data; its keys have a dot, such as data.root"),
        (["configs/mars.yaml"], "configs/mars.yaml: belongs to no key; write --config configs/mars.yaml"),
        (["--train.milestones", "20", "40"], r"40: belongs to no key; write --train.epochs 3, lists '\[3, 4\]'"),
        (["--train.epochs"], "--train.epochs: expected one argument"),
        # Another data set than the demo's under the demo's configuration.
        (["--data.name=market1501", "--data.root=a"], r"demo's small network; add --config configs/market1501.yaml"),
        (["--data.name=mars"], r"add --config configs/mars.yaml, or --model.width 0\.25 for the demo's small network"),
        (["--data.name=occluded_duke"], r"add --config configs/market1501.yaml"),
        # What several keys say together.
        (["--model.width", "0.3"], "model.width 0.3 is impossible"),
        (["--model.depths", "[1, 1]"], r"model.depths: give four, one for each stage; received \[1, 1\]"),
        (["--model.depths", "[1, 1, 1, 1]", "--model.backbone", "osnet_x0_25"], "model.depths has no effect"),
        ([*MARKET, "--train.milestones", "[20, 10]"], r"train.milestones must rise; received \[20, 10\]"),
        ([*MARKET, "--train.milestones", "[2, 2]"], "train.milestones must rise"),
        (["--train.profile", "[20, 10]"], "train.profile is a first and a last step"),
        *((["--name", name], "name must do for a folder") for name in ("a/b", "..", ".a", "a\nb", 101 * "a")),
    ],
)
def test_mistakes_are_explained_in_one_line(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        parse(arguments)
    assert "\n" not in str(caught.value)


COUNT, POSITIVE = "a whole number from 0 to 1000000", "a whole number from 1 to 1000000"
AMOUNT, SHARE, SIDE = "a number from 0 up", "a number from 0 to 1", "a whole number from 16 to 4096"
SEED, WIDTH = "a whole number from 0 to 4294967295", "a number above 0, up to 8"
NO_COUNT = ["-1", "1.5", "1e3", "nan", "many", "[1]", "null", "true", "99999999999999999999999"]


@pytest.mark.parametrize(
    ("key", "takes", "values"),
    [
        ("train.epochs", COUNT, NO_COUNT),
        ("train.batch_size", POSITIVE, ["0", *NO_COUNT]),
        ("data.height", SIDE, ["0", "15", "4097", "1e9", "1000000000"]),
        ("seed", SEED, ["-1", "0.5", "4294967296"]),
        ("data.fold", f"{COUNT} or all", ["-1", "every", "null"]),
        (
            "loss.margin",
            f"{AMOUNT} or soft",
            ["-0.1", "nan", ".nan", "inf", ".inf", "-inf", "1e400", "x", "[1]", "null", "true"],
        ),
        ("loss.triplet_weight", AMOUNT, ["-1", "inf"]),
        ("loss.label_smoothing", SHARE, ["-1", "2", "nan"]),
        ("train.learning_rate", "a number above 0", ["0", "-1", "inf"]),
        ("model.width", WIDTH, ["0", "-1", "nan", "100"]),
        ("model.depths", "a list [a whole number from 1 to 100, ...]", ["50", "[0, 1, 1, 1]", "[1, 1, 1, 101]"]),
        ("train.milestones", rf"a list [{POSITIVE}, ...]", ["5", "[-1]", "[0]", "[10, 0]", "[1.5]", "[a]", "[true]"]),
        ("data.test", "a list [text, ...]", ["market1501=a", "3"]),
        ("train.jit_compile", "true or false", ["1", "maybe", "null"]),
        ("train.strategy", "auto, default, mirrored or multi_worker", ["all", "3", "null"]),
        ("train.precision", "float32, mixed_bfloat16 or mixed_float16", ["fp16", "true"]),
        ("model.block", "iau, ia, channel, spatial_temporal, spatial, temporal or null", ["none", "3"]),
        ("model.sync_batch_norm", "true, false or auto", ["1", "null"]),
        ("run_dir", "text or null", ["", " "]),
        ("data.root", "text", [""]),
    ],
)
def test_a_value_that_its_key_does_not_take(key, takes, values, tmp_path):
    """From the command line, from a file, and from the configuration that is stored with a run."""
    for value in values:
        message = f"{key} must be {takes}; received {value.strip() or 'nothing'}"
        with pytest.raises(InputError) as caught:
            parse([f"--{key}={value}"], default=None)
        assert str(caught.value) == message
        (tmp_path / "config.yaml").write_text(f"{key}: {value.strip() or chr(39) * 2}")
        for arguments, run in ((["--config", str(tmp_path / "config.yaml")], None), ([], str(tmp_path))):
            with pytest.raises(InputError) as caught:
                parse(arguments, run)
            assert str(caught.value) == f"{tmp_path / 'config.yaml'}: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train:\n  epohcs: 3\n", "epohcs.*did you mean train.epochs?"),
        ("trian:\n  epochs: 3\n", "trian.*did you mean train"),
        ("epochs: 3\n", "epochs.*did you mean train.epochs?"),
        ("train: [\n", "is not a readable YAML file"),
        ("train: 3\n", "there is no key train; its keys have a dot, such as train.epochs"),
        ("name: 3\n", "name must be text; received 3, put it in quotes"),
        ("run_dir: 2026\n", "run_dir must be text or null; received 2026, put it in quotes"),
        ('data: {root: "a\\0b"}\n', "data.root must be text"),
        ("task: [reid]\n", r"task must be reid or classification; received \[reid\]"),
        (f"loss: {{margin: 1{400 * '0'}}}\n", "loss.margin must be a number from 0 up or soft; received 1000"),
        ("train:\n  epochs: 3\n  epochs: 4\n", "epochs is given twice"),
        ("train: {epochs: 3}\ntrain.epochs: 4\n", "bad.yaml: train.epochs is given twice"),
        ("data: {split: 1, fold: 2}\n", "data.fold is given twice"),
        ("seed: 010\n", "010 would be read as 8; write a plain number"),
        ("train: {epochs: 1:30}\n", "1:30 would be read as 90"),
        ("resume: runs/a\n", "bad.yaml: there is no key resume; --resume is an option of iaunet train"),
        ("- 1\n", "is not a configuration of sections and keys"),
        ("task: classification\nmodel: {width: 0.5}\n", "width.*it is a key of task reid"),
    ],
)
def test_mistakes_in_files_are_explained(tmp_path: Path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        parse(["--config", str(tmp_path / "bad.yaml")])
    assert "\n" not in str(caught.value)


def test_a_section_without_keys_is_empty(tmp_path):
    (tmp_path / "a.yaml").write_text("name: mine\ntrain:\n  # epochs: 3\n")
    assert parse(["--config", str(tmp_path / "a.yaml")]).train.epochs == 60


def test_the_demo_is_announced_and_help_names_it(capsys):
    parse([])
    assert "no --config: keys that are not given are those of the demo" in capsys.readouterr().out
    parse(MARKET)
    assert not capsys.readouterr().out
    parse(["--data.name=market1501", "--model.width=0.25"])  # the small network was asked for
    text = " ".join(build_parser().format_help().split())
    assert "Without --config, configs/demo.yaml is read: a small network" in text
    assert "height of the network's input in pixels (a whole number from 16 to 4096; default: 256)" in text
    assert not re.search("Positive|NonNegative|Literal|Union|type:| CONFIG", text)


def test_our_own_configurations_are_found_from_any_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert parse(["--config", "configs/mars.yaml"]).name == "mars"
    assert f"configs/mars.yaml: not in this folder; it is iaunet-tf's own, {CONFIGS / 'mars.yaml'}" in (
        capsys.readouterr().out
    )
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mars.yaml").write_text("name: mine\n")
    assert parse(["--config", "./configs/mars.yaml"]).name == "mine"
    assert not capsys.readouterr().out
    for name in ("configs/mers.yaml", "mars.yaml"):
        with pytest.raises(
            InputError, match=rf"^{name}: no such file, .*, which are configs/classify.yaml, .*mars.yaml"
        ):
            parse(["--config", name])


def test_names_of_older_versions_still_work(tmp_path):
    """A stored configuration named every key, those of the other task as well, and data sets by their old names."""
    old = {
        "name": "demo",
        "task": "reid",
        "run_dir": "runs/a",
        "data": {
            "name": "embedded_video",
            "root": "datasets/embedded_video",
            "split": 0,
            "masks": "auto",
            "crop": 0.08,
        },
        "model": {"block": None, "backbone": "ResNet50", "blocks_after": [], "recompute": False},
        "train": {"schedule": "cosine", "milestones": [7], "epochs": 3},
        "loss": {"mask_weight": 0.25},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(old))
    config = parse([], run=str(tmp_path))
    assert (config.data.name, config.data.root) == ("synthetic_tracklets", "datasets/embedded_video")
    assert (config.data.fold, config.data.masks, config.train.milestones) == (0, "files", [20, 40])
    (tmp_path / "mine.yaml").write_text("data: {name: embedded, test: ['embedded=a', 'msmt17=embedded']}")
    data = parse(["--config", str(tmp_path / "mine.yaml")]).data
    assert (data.name, data.test) == ("synthetic", ["synthetic=a", "msmt17=embedded"])
    for words in (["--data.name", "embedded_video", "--data.root=embedded"], ["--data.name=embedded_video"]):
        assert parse(words, default=None).data.name == "synthetic_tracklets"
    folds = parse(["--config", str(CONFIGS / "prid2011.yaml"), "--data.split=3"])
    assert folds.data.fold == 3
    with pytest.raises(InputError, match="nowhere: is not a run folder"):
        parse([], run="nowhere")


LAUGHS = (
    "[&a [x,x,x,x,x,x,x,x,x]," + ",".join(f"&{b} [{','.join([f'*{a}'] * 9)}]" for a, b in pairwise("abcdefghi")) + "]"
)
HOSTILE = {
    "aliases": "seed: " + LAUGHS,
    "merge": "a: &a {x: 1}\ntrain:\n  <<: *a",
    "itself": "&a [*a]",
    "tag": "seed: !!python/object/apply:os.system [ls]",
    "deep": "seed: " + "[" * 5000 + "]" * 5000,
    "nested": "seed: " + "[" * 100 + "]" * 100,
    "mapping": "train: {epochs: {a: {b: 1}}}",
    "large": "name: " + "x" * (2 << 20),
    "date": "seed: 2001-01-01",
    "set": "seed: !!set {a, b}",
    "integer": "seed: !!int ''",
    "boolean": "seed: !!bool maybe",
    "time": "seed: !!timestamp x",
    "no mapping": "train: !!map [1]",
    "digits": "seed: " + "9" * 5000,
    "control": "a\0b",
    "documents": "a: 1\n---\nb: 2",
    "quoted": f"seed: '{LAUGHS}'",
    "quoted list": f"train: {{milestones: '{LAUGHS}'}}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line_at_once(name, tmp_path):
    (tmp_path / "config.yaml").write_text(HOSTILE[name])
    for read in (lambda: parse(["--config", str(tmp_path / "config.yaml")]), lambda: parse([], run=str(tmp_path))):
        with pytest.raises(InputError, match=r"config\.yaml: ") as caught:
            read()
        assert "\n" not in str(caught.value)


def test_strings_are_not_read_as_yaml_with_aliases(tmp_path):
    (tmp_path / "config.yaml").write_text(f"data:\n  root: '{LAUGHS}'")  # it would take gigabytes
    assert parse(["--config", str(tmp_path / "config.yaml")]).data.root == LAUGHS
    assert parse([f"--data.root={LAUGHS}"]).data.root == LAUGHS
