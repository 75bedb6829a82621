from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from iaunet_tf.config.common import CONFIGS
from iaunet_tf.config.files import keys, save_config
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
            [*REID, "--model.backbone=EfficientNetV2B0"],
            "backbone.*it is a key of task classification, not of reid",
        ),
        ([*REID, "--data.crop=0.5"], "data.crop.*of task classification"),
        ([*CLASSIFICATION, "--loss.triplet_weight=3"], "loss.triplet_weight.*it is a key of task reid"),
        ([*CLASSIFICATION, "--model.width=0.5"], "model.width.*of task reid"),
        ([*CLASSIFICATION, "--data.cache=disk"], "data.cache.*of task reid"),
        ([*CLASSIFICATION, "--train.group_size=2"], "train.group_size.*of task reid"),
        # Keys that another key switches off.
        ([*MARKET, "--train.warmup_epochs=5"], "warmup_epochs has no effect with train.schedule step"),
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
        ([*CLASSIFICATION, "--model.block=null", "--model.blocks_after=[a]"], "blocks_after has no effect with"),
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
        (["--config", "gone.yaml"], "gone.yaml: No such file"),
        (["--task", "sorting"], "task must be one of reid, classification; received sorting"),
        # Ranges.
        (["--train.epochs", "-1"], "train.epochs.*-1 does not conform to restriction v>=0"),
        (["--train.batch_size", "null"], "train.batch_size"),
        (["--seed", "-1"], "seed.*-1 does not conform"),
        (["--data.flip", "2"], "data.flip.*2 does not conform to restriction v>=0 and v<=1"),
        (["--data.height", "1e9"], "data.height"),
        (["--data.height", "1000000000"], "data.height.*v<=4096"),
        (["--data.clip_length", "0"], "data.clip_length"),
        (["--loss.label_smoothing", "2"], "loss.label_smoothing"),
        (["--loss.label_smoothing", "-1"], "loss.label_smoothing"),
        (["--loss.margin", "-0.1"], "loss.margin"),
        (["--loss.triplet_weight", "-1"], "loss.triplet_weight"),
        (["--model.width", "0"], "model.width"),
        (["--model.width", "0.3"], "model.width 0.3 is impossible"),
        ([*MARKET, "--train.milestones", "[-1]"], "train.milestones|-1 does not conform"),
        ([*MARKET, "--train.milestones", "[0]"], "0 does not conform"),
        ([*MARKET, "--train.milestones", "[20, 10]"], r"train.milestones must rise; received \[20, 10\]"),
        (["--train.profile", "[20, 10]"], "train.profile is a first and a last step"),
    ],
)
def test_mistakes_are_explained_in_one_line(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        parse(arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train:\n  epohcs: 3\n", "epohcs.*did you mean train.epochs?"),
        ("trian:\n  epochs: 3\n", "trian.*did you mean train"),
        ("epochs: 3\n", "epochs.*did you mean train.epochs?"),
        ("train: [\n", "is not a readable YAML file"),
        ("train:\n  batch_size: null\n", "train.batch_size cannot be null"),
        ("train: 3\n", "there is no key train"),
        ("train:\n  epochs: 3\n  epochs: 4\n", "epochs is given twice"),
        ("resume: runs/a\n", "there is no key resume"),
        ("- 1\n", "is not a configuration of sections and keys"),
        ("task: classification\nmodel: {width: 0.5}\n", "width.*it is a key of task reid"),
    ],
)
def test_mistakes_in_files_are_explained(tmp_path: Path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        parse(["--config", str(tmp_path / "bad.yaml")])
    assert "\n" not in str(caught.value) and "bad.yaml" in str(caught.value)


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
    words = ["--data.name", "embedded_video", "--data.root=embedded"]
    assert parse(words).data.name == parse(["--data.name=embedded_video"]).data.name == "synthetic_tracklets"
    folds = parse(["--config", str(CONFIGS / "prid2011.yaml"), "--data.split=3"])
    assert folds.data.fold == 3
    with pytest.raises(InputError, match="nowhere: is not a run folder"):
        parse([], run="nowhere")
