from pathlib import Path

import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.training.config import CONFIGS, Config, as_dict, build_parser, keys, parse, save_config


def test_no_arguments_means_the_demo():
    config, modes = parse([])
    assert config.name == "demo" and config.data.name == "embedded"
    assert modes.resume is None and modes.evaluate is None


def test_market1501_is_the_authors_recipe():
    config, _ = parse(["--config", str(CONFIGS / "market1501.yaml")])
    data, loss, train = config.data, config.loss, config.train
    assert (data.height, data.width, data.flip, data.erase) == (256, 128, 0.5, 0.5)
    assert (config.model.block, config.model.width) == ("iau", 1.0)
    assert (loss.label_smoothing, loss.margin, loss.distance, loss.mask_weight) == (0.1, 0.3, "cosine", 0.5)
    assert (train.epochs, train.batch_size, train.group_size) == (60, 64, 4)
    assert (train.learning_rate, train.schedule, train.milestones) == (3.5e-4, "step", [20, 40])
    assert train.weight_decay == 5e-4


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_every_configuration_is_valid_and_named_after_its_file(name):
    assert parse(["--config", str(CONFIGS / f"{name}.yaml")])[0].name == name


@pytest.mark.parametrize("name", ["mars", "dukemtmc_videoreid", "ls_vid", "ilids_vid", "prid2011"])
def test_recipe_of_clips_is_the_authors(name):
    config, _ = parse(["--config", str(CONFIGS / f"{name}.yaml")])
    data, loss, train = config.data, config.loss, config.train
    assert (data.height, data.width, data.flip, data.erase) == (256, 128, 0.5, 0)
    assert (data.clip_length, data.clip_stride, loss.margin) == (4, 8, 0.4)
    assert (train.epochs, train.batch_size, train.learning_rate) == (150, 32, 3e-4)
    assert (train.schedule, train.milestones, config.eval.clips) == ("step", [40, 80, 120], 0)
    assert config.data.split == ("all" if name in ("ilids_vid", "prid2011") else 0)


def test_demo_baseline_is_the_demo_without_blocks():
    demo, baseline = (as_dict(parse(["--config", str(CONFIGS / f"{n}.yaml")])[0]) for n in ("demo", "demo_baseline"))
    assert demo.pop("name") != baseline.pop("name")
    assert demo["model"].pop("block") == "iau" and baseline["model"].pop("block") is None
    assert demo == baseline


def test_command_line_wins_over_files(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("train:\n  epochs: 7\n  batch_size: 8\n")
    config, _ = parse(["--config", str(file), "--train.epochs", "3"])
    assert (config.train.epochs, config.train.batch_size) == (3, 8)


def test_stored_configuration_repeats_itself(tmp_path):
    config, _ = parse(["--model.block", "null", "--seed", "5"])
    save_config(config, tmp_path / "config.yaml")
    assert parse(["--config", str(tmp_path / "config.yaml")])[0] == config
    assert parse(["--evaluate", str(tmp_path)])[0] == config


def test_help_explains_every_key():
    text = " ".join(build_parser().format_help().split())
    for key in keys():
        assert f"--{key} " in text
    assert "(type: int, default: 60)" in text
    assert all(line.strip() for line in (Config.__doc__ or "").splitlines()[:1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--train.epoch", "3"], "did you mean train.epochs?"),
        (["--learning_rate", "3"], "did you mean train.learning_rate?"),
        (["--train.epochs", "many"], "train.epochs.*int.*many"),
        (["--data.name", "markt1501"], "market1501.*markt1501"),
        (["--config", "gone.yaml"], "gone.yaml"),
        (["--train.epochs", "-1"], "train.epochs must be at least 0; received -1"),
        (["--data.flip", "2"], "data.flip is in 0..1; received 2"),
        (["--resume", "nowhere"], "nowhere: is no run folder"),
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
        ("train: [\n", "config"),
    ],
)
def test_mistakes_in_files_are_explained(tmp_path: Path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        parse(["--config", str(tmp_path / "bad.yaml")])
    assert "\n" not in str(caught.value)
