"""How commands end when something stops them: one line, nothing left behind."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from iaunet_tf import commands
from iaunet_tf.commands import main

IAUNET = [sys.executable, "-m", "iaunet_tf"]
# Also in another folder, this package and no installed one.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
DRAWING = ["data", "images", "drawn", "--train_people", "200"]


@pytest.fixture
def fails(monkeypatch):
    """Makes `iaunet weights` do something else."""

    def arrange(work):
        monkeypatch.setattr("iaunet_tf.commands.weights.main", lambda arguments: work())

    return arrange


@pytest.mark.parametrize(
    ("name", "whole_group", "wait"),
    [("SIGINT", True, 0.7), ("SIGTERM", False, 0.7), ("SIGTERM", True, 2.5), ("SIGINT", True, 2.5)],
)
def test_drawing_stops_with_all_its_processes(tmp_path, name, whole_group, wait):
    """The terminal sends SIGINT to all processes of a group; they may be starting or drawing."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": ENVIRONMENT}
    process = subprocess.Popen([*IAUNET, *DRAWING], cwd=tmp_path, start_new_session=True, **options)
    while not list(tmp_path.iterdir()) and process.poll() is None:
        time.sleep(0.01)
    time.sleep(wait)
    number = getattr(signal, name)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    _, error = process.communicate(timeout=60)
    line = "interrupted" if name == "SIGINT" else "stopped by SIGTERM"
    assert (process.returncode, error.strip()) == (128 + number, line)
    assert not list(tmp_path.iterdir())


def test_processes_that_draw_do_not_outlive_a_killed_parent(tmp_path):
    process = subprocess.Popen(
        [*IAUNET, *DRAWING], cwd=tmp_path, env=ENVIRONMENT, start_new_session=True, stderr=subprocess.DEVNULL
    )
    while not list(tmp_path.rglob("*.jpg")) and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("again", [False, True])
def test_a_signal_cleans_up_even_when_it_is_sent_twice(fails, tmp_path, capsys, number, again):
    from iaunet_tf.files import replacing

    def work():
        with replacing(tmp_path / "big") as temporary:
            temporary.mkdir()
            for k in range(50):
                (temporary / str(k)).touch()
            try:
                os.kill(os.getpid(), number)
            finally:
                if again:
                    os.kill(os.getpid(), number)

    fails(work)
    before = signal.getsignal(number)
    assert main(["weights"]) == 128 + number
    assert capsys.readouterr().err.strip() in ("interrupted", "stopped by SIGTERM")
    assert not list(tmp_path.iterdir()) and signal.getsignal(number) is before


def resource_exhausted():
    import tensorflow as tf

    tf.zeros([2**40, 2**20]) + 1


@pytest.mark.parametrize(
    "work",
    [
        lambda: bytearray(2**60),
        lambda: np.zeros((2**40, 2**10)),
        pytest.param(resource_exhausted, marks=pytest.mark.slow),  # TensorFlow waits for memory for 10 s
        lambda: (_ for _ in ()).throw(RuntimeError("bfc_arena.cc Failed to allocate memory for requested buffer of 9")),
    ],
)
def test_no_memory_is_one_line(fails, capsys, work):
    fails(work)
    assert main(["weights"]) == 1
    line = capsys.readouterr().err.strip()
    assert line.startswith("error: out of memory") and "\n" not in line and "smaller batches" in line


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_names_the_file_and_the_remedy(fails, tmp_path, capsys, number):
    from iaunet_tf.files import write_json

    fails(lambda: write_json(tmp_path / "a.json", Full(number)))
    assert main(["weights"]) == 1
    line = capsys.readouterr().err
    assert line.startswith(f"error: {tmp_path / 'a.json'}: {os.strerror(number)}; free some space")
    assert not list(tmp_path.iterdir())


class Full(dict):
    """What cannot be written for want of space."""

    def __init__(self, number):
        super().__init__(a=1)
        self.number = number

    def items(self):
        raise OSError(self.number, os.strerror(self.number))


def test_faults_of_the_program_are_not_hidden(fails):
    for error in (ZeroDivisionError, KeyError("x"), RuntimeError("shape")):
        fails(lambda error=error: (_ for _ in ()).throw(error))
        with pytest.raises((ZeroDivisionError, KeyError, RuntimeError)):
            main(["weights"])


@pytest.mark.parametrize(
    "arguments", [["--help"], ["data", "--help"], ["data", "images", "--help"], ["train", "--help"]]
)
def test_a_closed_pipe_is_silent_and_a_full_output_one_line(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*IAUNET, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
    with open("/dev/full", "w") as full:
        done = subprocess.run([*IAUNET, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: standard output: No space left on device;")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("environment", [{}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}])
def test_names_that_are_not_unicode_can_be_told(tmp_path, environment):
    name = os.fsencode(tmp_path) + b"/caf\xe9-\xc3\xa9\xff"
    os.mkdir(name)
    command = [*map(os.fsencode, IAUNET), b"data", b"images", name + b"/x.jpg/y"]
    (tmp_path / os.fsdecode(name) / "x.jpg").touch()
    done = subprocess.run(command, capture_output=True, env={**ENVIRONMENT, **environment})
    assert done.returncode == 1 and done.stderr.startswith(b"error: ") and done.stderr.count(b"\n") == 1
    assert b"caf" in done.stderr


def test_every_command_has_its_module():
    assert all(
        callable(commands.importlib.import_module(f"iaunet_tf.commands.{name}").main) for name in commands.COMMANDS
    )


def test_a_folder_that_was_removed(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert main(["data", "images", "x"]) == 1
    assert capsys.readouterr().err == "error: the current folder was removed; change to another one\n"
