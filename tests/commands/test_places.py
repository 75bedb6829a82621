"""What is already where a command is to write."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.commands import main, session
from iaunet_tf.config.parsing import parse
from iaunet_tf.errors import InputError
from iaunet_tf.exporting.savedmodel import _content
from iaunet_tf.files import replacing
from iaunet_tf.run import Run, claim
from iaunet_tf.training.history import rewind


@pytest.mark.parametrize("notes", ['{"my": "notes"}', "not JSON", "[1]"])
def test_an_export_does_not_replace_notes_beside_it(notes, tmp_path, capsys):
    (tmp_path / "a.json").write_text(notes)
    for kind, suffix in (("onnx", "onnx"), ("litert", "tflite")):
        assert main(["export", kind, "run", "--out", str(tmp_path / f"a.{suffix}")]) == 1
        assert "a.json: is in the way of the comparison, and not one" in capsys.readouterr().err
    assert (tmp_path / "a.json").read_text() == notes


def test_links_to_nowhere_are_in_the_way(tmp_path, capsys):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(ValueError, match="link: exists; choose another --run_dir"):
        Run(link).require_new()
    assert main(["report", "run", "--out", str(link)]) == 1
    assert "link: exists and is not a report" in capsys.readouterr().err


@pytest.mark.parametrize("name", [".", "..", "", "a/b"])
def test_served_models_stay_in_their_folder(name, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("iaunet_tf.commands.export._load", lambda options: (None, None))
    assert main(["export", "savedmodel", "run", "--out", str(tmp_path / "a"), "--name", name]) == 1
    assert "a served model's name has letters" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"a": {"mAP": 0.1}}'])
def test_folds_are_finished_with_metrics_of_all_their_epochs(content, tmp_path, monkeypatch, capsys):
    config = parse(
        ["--data.name=prid2011", "--data.fold=all", f"--data.root={tmp_path}", "--train.epochs=2", "--model.width=1"]
    )
    run, worked = Run(tmp_path / "run"), []
    for number, (epochs, text) in enumerate([(2, content), (1, '{"a": {"mAP": 0.9}}')]):
        fold = run.fold(number)
        fold.path.mkdir(parents=True)
        fold.config.write_text(json.dumps({"train": {"epochs": epochs}}))
        fold.metrics.write_text(text)

    def work(config, fold, source):
        worked.append(fold)
        assert not fold.metrics.exists()
        return {"mAP": 0.5}

    monkeypatch.setattr(session, "train_run", work)
    session.cross_validate(config, run, run, work)
    first = 0.1 if "mAP" in content else 0.5
    folds = json.loads(run.metrics.read_text())[config.name]["mAP"]["folds"]
    assert folds == [first, *[0.5] * (len(folds) - 1)] and (run.fold(0) in worked) == (first == 0.5)
    assert ("damaged, made anew" in capsys.readouterr().out) == (first == 0.5)


def test_a_history_that_is_gone_is_said(tmp_path, capsys):
    rewind(tmp_path / "history.csv", 0)
    assert not capsys.readouterr().out
    rewind(tmp_path / "history.csv", 3)
    assert "history.csv: is gone; it begins anew after 3 epochs" in capsys.readouterr().out


@pytest.mark.parametrize(("kind", "kept"), [("JPEG", True), ("PNG", True), ("BMP", False), ("GIF", False)])
def test_samples_are_what_they_hold_and_not_what_they_are_called(kind, kept, tmp_path):
    Image.fromarray(np.full((8, 4, 3), 90, "uint8")).save(tmp_path / "a.jpg", kind)
    assert (_content(tmp_path / "a.jpg") == (tmp_path / "a.jpg").read_bytes()) == kept


def test_a_folder_that_is_only_read_names_what_was_to_be_written(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(arguments[0]))

    (tmp_path / "run").mkdir()
    monkeypatch.setattr(Path, "mkdir", lambda path, *_, **options: options or refuse(path))
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OSError, match="Read-only") as raised, replacing(tmp_path / "run" / "report") as temporary:
        temporary.mkdir()
    assert raised.value.filename == str(tmp_path / "run" / "report")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"run: cannot be written .Read-only.*; give another --run_dir"):
        claim(Run(tmp_path / "run")).__enter__()
