"""Progress bars, for whoever looks on."""

import contextlib
import fcntl
import os
import struct
import sys
import termios
import types

from iaunet_tf.terminal import in_threads, progress


def work():
    done = []
    in_threads(done.append, 30, "decoding")
    assert sorted(done) == list(range(30))
    with progress("embedding", 5) as bar:
        bar.update(3)
        bar.update(2)


def test_none_in_a_log(capsys):
    work()
    assert capsys.readouterr() == ("", "")


def test_in_a_notebook(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    work()
    shown = capsys.readouterr().err
    assert "decoding: 100%" in shown and "30/30" in shown and "embedding: 100%" in shown and "5/5" in shown
    with progress("embedding", 5, shown=False) as bar:
        bar.update(5)
    assert not capsys.readouterr().err


def test_in_a_terminal(monkeypatch):
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        work()
        monkeypatch.undo()
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as screen, contextlib.suppress(OSError):  # EIO: the terminal is closed
        while piece := screen.read(10_000):
            shown += piece
    assert b"decoding: 100%" in shown and b"embedding: 100%" in shown
