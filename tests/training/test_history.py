"""The history of a run that is continued."""

import pytest

from iaunet_tf.run import Run
from iaunet_tf.training.history import History, read_history, rewind

GOOD = b"epoch,accuracy,loss\r\n0,0.5,2.0\r\n1,0.6,1.5\r\n2,0.7,1.0\r\n"


def continued(folder, content, validation=(), logs=None):
    """A history of which two epochs are kept and a third is written."""
    run = Run(folder)
    if content is not None:
        run.history.write_bytes(content)
    rewind(run.history, 2)
    history = History(run, list(validation), append=True)
    history.on_train_begin()
    history.on_epoch_end(2, {"accuracy": 0.8, "loss": 0.9, **(logs or {})})
    history.on_train_end()
    return run.history


def test_epochs_after_the_checkpoint_are_written_again(tmp_path):
    path = continued(tmp_path, GOOD)
    assert path.read_bytes() == GOOD.replace(b"2,0.7,1.0", b"2,0.8,0.9")
    assert [path.name for path in tmp_path.iterdir()] == ["history.csv"]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (GOOD[:-3], [0, 1]),  # torn in an epoch that is repeated
        (GOOD + b"\r\n\xff\x00\r\n,,\r\n3,x,y\r\n", [0, 1]),
        (GOOD.replace(b"1,0.6,1.5", b"1,0.6"), [0]),
        (GOOD.replace(b"1,0.6,1.5", b"1,0.6,1.5,9"), [0]),
        (GOOD.replace(b"1,0.6,1.5", b"one,0.6,1.5"), [0]),
        (GOOD.replace(b"0,0.5,2.0\r\n1,0.6,1.5", b"1,0.6,1.5\r\n0,0.1,9.0\r\n0,0.5,2.0"), [0, 1]),
        (b"", []),
        (b"epoch", []),
        (b"\xff\xfe\x00garbage", []),
        (GOOD.replace(b",", b";"), []),  # as spreadsheets save it
        (b"\x00" * 300, []),
    ],
)
def test_whole_epochs_of_a_damaged_file_are_kept(tmp_path, capsys, content, kept):
    path = continued(tmp_path, content)
    header, *rows = read_history(path)
    assert header == ["epoch", "accuracy", "loss"]
    assert rows == [["0", "0.5", "2.0"], ["1", "0.6", "1.5"]][: len(kept)] + [["2", "0.8", "0.9"]]
    out, aside = capsys.readouterr().out, tmp_path / "damaged-history.csv"
    if len(kept) < 2:
        assert f"lacks {2 - len(kept)} of 2 epochs; what it was is {aside}" in out and aside.read_bytes() == content
    else:
        assert not out and not aside.exists()


def test_a_folder_in_its_place_is_put_aside(tmp_path):
    (tmp_path / "history.csv").mkdir()
    (tmp_path / "history.csv" / "mine").touch()
    assert len(read_history(continued(tmp_path, None))) == 2
    assert (tmp_path / "damaged-history.csv" / "mine").exists()


def test_metrics_that_come_and_go_have_their_columns(tmp_path):
    path = continued(tmp_path, GOOD, ["val_mAP"], {"val_mAP": 0.25})
    header, *rows = read_history(path)
    assert header == ["epoch", "accuracy", "loss", "val_mAP"]
    assert [row[-1] for row in rows] == ["NA", "NA", "0.25"]
    assert [row[-1] for row in read_history(continued(tmp_path, None))[1:]] == ["NA"] * 3
