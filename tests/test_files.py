"""Files of which nothing half-written stays, and derived files that are made anew when they are damaged."""

import errno
import os
import resource

import numpy as np
import pytest

from iaunet_tf.errors import InputError
from iaunet_tf.files import intact, making, new_array, printable, remove_unfinished, replacing


def test_only_own_temporaries_are_removed(tmp_path):
    """Two processes with one id, as in two containers, write one file; one of them fails."""
    with replacing(tmp_path / "a.txt") as mine:
        with pytest.raises(RuntimeError), replacing(tmp_path / "a.txt") as other:
            other.write_text("other")
            raise RuntimeError
        assert mine != other and not other.exists()
        mine.write_text("mine")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_text() == "mine"
    for name in (".unfinished-0123456789abcdef-a.txt", ".12-notes", ".hidden", "b.txt"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".12-notes", ".hidden", "a.txt", "b.txt"]


def test_the_second_of_two_takes_the_folder_of_the_first(tmp_path):
    with making(tmp_path / "set") as second:
        second.mkdir()
        (second / "a").write_text("second")
        with making(tmp_path / "set") as first:
            first.mkdir()
            (first / "a").write_text("first")
    assert (tmp_path / "set" / "a").read_text() == "first" and len(list(tmp_path.iterdir())) == 1
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError), making(tmp_path / "file") as other:
        other.mkdir()


@pytest.mark.parametrize("name", ["a.weights.h5", "x" * 240 + ".keras", "é" * 120 + ".npz", b"\xff\xfe.onnx"])
def test_names_keep_their_ending(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    with replacing(path) as temporary:
        assert temporary.name.endswith(path.name[-6:])
        temporary.touch()
    assert path.exists() and len(list(tmp_path.iterdir())) == 1


def test_errors_name_the_file_and_not_the_temporary_one(tmp_path):
    (tmp_path / "folder").mkdir()
    for work in (
        lambda temporary: temporary.touch(),  # and then a file cannot replace a folder
        lambda temporary: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")),
        lambda temporary: (temporary / "inside.txt").write_text(""),
    ):
        with pytest.raises(OSError, match="folder") as error, replacing(tmp_path / "folder") as temporary:
            work(temporary)
        assert error.value.filename == str(tmp_path / "folder")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("allocate", ["posix_fallocate", "zeros", "neither"])
def test_a_full_disk_is_an_error_before_anything_is_mapped(tmp_path, monkeypatch, allocate):
    """As a limit on the size of files, which needs no disk of its own; "zeros" is a system that cannot allocate."""
    if allocate == "zeros":
        monkeypatch.delattr(os, "posix_fallocate")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        with pytest.raises(OSError) as error, replacing(tmp_path / "big.npy") as temporary:
            new_array(temporary, (2**18, 2), "float32")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.errno == errno.EFBIG and error.value.filename == str(tmp_path / "big.npy")
    assert not list(tmp_path.iterdir())
    with replacing(tmp_path / "small.npy") as temporary:
        array = new_array(temporary, (300, 5), "float32")
        array[:] = 7
        array.flush()
    read = np.load(tmp_path / "small.npy")
    assert read.shape == (300, 5) and (read == 7).all()
    assert (tmp_path / "small.npy").stat().st_blocks * 512 >= 6000


def test_what_cannot_be_read_is_made_anew_and_a_folder_is_named(tmp_path, capsys):
    path = tmp_path / "x.npy"
    assert intact(lambda: np.load(path), path) is None and not capsys.readouterr().out
    for content in (b"", b"\x93NUMPY", b"garbage" * 99):
        path.write_bytes(content)
        assert intact(lambda: np.load(path), path) is None
        assert f"{path}: damaged, made anew" in capsys.readouterr().out
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"x.npy: is a folder .* remove it"):
        intact(lambda: np.load(path), path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.jpg", "a.jpg"),
        ("é 人.jpg", "é 人.jpg"),
        (os.fsdecode(b"caf\xe9.jpg"), "caf\\xe9.jpg"),
        (os.fsdecode(b"\xff\xfe"), "\\xff\\xfe"),
    ],
)
def test_names_can_be_printed(name, shown):
    assert printable(name) == shown
