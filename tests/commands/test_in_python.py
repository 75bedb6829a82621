"""Training and export as functions."""

import json

import pytest

import iaunet_tf
from iaunet_tf.commands import main
from iaunet_tf.config.files import read_file
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.errors import InputError


@pytest.mark.slow
def test_trains_as_the_command_does(tmp_path):
    people = tmp_path / "people"
    ensure_images(people, ImageOptions(train_people=4, test_people=3, cameras_per_person=2, distractors=0))
    keys = {
        "data.name": "market1501",
        "data.root": people,  # a Path
        "data.height": 32,
        "data.width": 16,
        "model.width": 0.25,
        "model.depths": [1, 1, 1, 1],
        "model.block": None,
        "model.weights": None,
        "model.neck": False,
        "train.batch_size": 8,
        "train.milestones": [2, 3],
        "train.epochs": 0,
    }
    words = [f"--{key}={str(value).lower() if value in (None, False) else value}" for key, value in keys.items()]
    words = [word.replace("=none", "=null") for word in words]
    config = tmp_path / "run.yaml"
    config.write_text("name: own\n")
    assert main(["train", "--config", str(config), *words, f"--run_dir={tmp_path / 'by command'}"]) == 0
    run = iaunet_tf.train({**keys, "run_dir": tmp_path / "by function"}, config=config)
    assert run == tmp_path / "by function"
    ours, theirs = (read_file(each / "config.yaml") for each in (run, tmp_path / "by command"))
    assert {**ours, "run_dir": None} == {**theirs, "run_dir": None} and ours["name"] == "own"
    assert ours["model.neck"] is False and ours["model.block"] is None and ours["train.milestones"] == [2, 3]
    metrics = [json.loads((each / "metrics.json").read_text()) for each in (run, tmp_path / "by command")]
    assert metrics[0] == metrics[1]
    with pytest.raises(InputError, match="exists; continue it"):
        iaunet_tf.train({**keys, "run_dir": run}, config=config)


@pytest.mark.slow
def test_exports_as_the_command_does(tmp_path):
    pytest.importorskip("ai_edge_litert")
    network = tmp_path / "network.keras"
    iaunet_tf.IAUNet(input_shape=(32, 16, 3), width=0.25, block=None).save(network)
    iaunet_tf.export(network, tmp_path / "people.tflite", unit_length=False, dtype="uint8")
    metadata = json.loads((tmp_path / "people.json").read_text())["metadata"]
    assert (metadata["unit_length"], metadata["dtype"]) == (False, "uint8")
    assert iaunet_tf.Embedder(tmp_path / "people.tflite").runtime == "LiteRT"


def test_mistakes_are_raised(tmp_path):
    with pytest.raises(InputError, match=r"there is no key train\.epoch; did you mean"):
        iaunet_tf.train({"train.epoch": 3})
    with pytest.raises(InputError, match=r"train\.epochs must be"):
        iaunet_tf.train({"train.epochs": 1.5})
    with pytest.raises(InputError, match="no such file"):
        iaunet_tf.export(tmp_path / "none.keras", tmp_path / "people.onnx")
    with pytest.raises(InputError, match="there is no option --precison"):
        iaunet_tf.export(tmp_path / "none.keras", tmp_path / "people.tflite", precison="int8")
