"""Runs a page from top to end in the current folder: `python -m docs.running PAGE RESULTS.json`.

Commands of `iaunet` and Python scripts run in this process, which imports TensorFlow once, as does the page's Python;
everything else in a shell.
"""

import contextlib
import glob
import io
import json
import os
import re
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from unittest import mock

import yaml
from docs.pages import ROOT, Block, Command, blocks
from docs.table import BEFORE, NAMES, PYTHON_LEFT_OUT, added, ending, left_out, replaced

from iaunet_tf.commands import main
from iaunet_tf.config.parsing import parse
from iaunet_tf.inference.stated import KEYS, read_input
from iaunet_tf.weights.pretrained import CACHE, PRETRAINED

NUMBER = re.compile(r"[-+]?\d[\d.,:e+-]*|\bnan\b")
MARK = "--- variables ---"
SHELL = set("|&;<>$`")


@dataclass
class Result:
    """What became of a command or a block: run, read, left out, shown or wrong, why, and in how many seconds."""

    place: str
    kind: str
    became: str
    why: str = ""
    seconds: float = 0


class Page:
    """A page while it runs: its results, the output of the last command, Python's names, and a service if one runs."""

    def __init__(self, page: Path):
        self.name = page.relative_to(ROOT).as_posix()
        self.blocks = blocks(page)
        self.results: list[Result] = []
        self.said = ""
        self.names: dict[str, object] = {"__name__": "__main__"}
        self.service: subprocess.Popen | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def run(self) -> None:
        """Runs it all; what is wrong becomes a result, and what comes behind is run nevertheless."""
        exec(NAMES, self.names)
        for text in BEFORE.get(self.name, ()):
            self.command(Command(self.name, 0, text))
        for block in self.blocks:
            if block.kind == "commands":
                self.said = ""
                for command in block.commands():
                    self.note(command.place, "command", lambda command=command: self.command(command))
            else:
                self.note(block.place, block.kind, lambda block=block: getattr(self, f"_{block.kind}")(block))
        self.stop()

    def note(self, place, kind, work):
        start = time.perf_counter()
        try:
            became, why = work() or ("run", "")
        except (Exception, SystemExit) as error:
            became, why = "wrong", f"{error}" if isinstance(error, AssertionError) else traceback.format_exc()
        self.results.append(Result(place, kind, became, why, time.perf_counter() - start))
        print(f"{place} {kind}: {became} {why}", file=sys.__stdout__, flush=True)

    def command(self, command: Command) -> tuple[str, str] | None:
        """Runs a command, which must succeed."""
        reason = left_out(command.text)
        if reason:
            return ("read" if "iaunet" in command.text else "left out"), reason
        text, extra = replaced(command.text, port=self.port), added(command.text)
        if text.startswith("iaunet serve"):
            self.serve([*shlex.split(text, comments=True), "--port", str(self.port)])
        elif text.startswith(("iaunet ", "python ")) and not SHELL & set(re.sub(r"'[^']*'|#.*", "", text)):
            words = shlex.split(text, comments=True)
            self.here([word for each in words for word in sorted(glob.glob(each)) or [each]] + extra)
        else:
            assert not extra, f"{text}: needs {extra}, which only a command alone gets"
            self.shell(text)
        return None

    def here(self, words):
        """Runs a command of `iaunet`, or a script, in this process."""
        said = io.StringIO()
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            mock.patch.object(sys, "argv", words[1:]),
        ):
            if words[0] == "iaunet":
                code = main(words[1:])
            elif words[1] == "-m":
                code = main(words[3:]) if words[2] == "iaunet_tf" else _code(lambda: runpy.run_module(words[2]))
            else:
                code = _code(lambda: runpy.run_path(words[1], run_name="__main__"))
        self.said += said.getvalue()
        expected, pattern = ending(shlex.join(words))
        as_expected = code == expected and re.search(pattern, said.getvalue())
        assert as_expected, f"{shlex.join(words)}: ended with {code}:\n{said.getvalue()[-2000:]}"

    def shell(self, text):
        """Runs a line in a shell; what it exports stays, and so does the folder that it changes to."""
        script = f"set -eo pipefail\n{text}\necho; echo {MARK}; env -0"
        done = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said, _, variables = done.stdout.partition(f"\n{MARK}\n")
        self.said += said
        assert done.returncode == 0, f"{text}: ended with {done.returncode}:\n{said[-2000:]}"
        os.environ.update(each.split("=", 1) for each in variables.split("\0") if "=" in each)
        os.chdir(os.environ["PWD"])

    def serve(self, words):
        """Starts a service, which answers until the page ends or starts another one."""
        self.stop()
        command = [sys.executable, "-m", "iaunet_tf", *words[1:]]
        self.service = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.service.stdout:
            self.said += line
            if "Ctrl-C" in line:
                return
        raise AssertionError(f"{shlex.join(words)}: ended with {self.service.wait()}:\n{self.said[-2000:]}")

    def stop(self):
        """Ends the service."""
        if self.service:
            self.service.send_signal(signal.SIGINT)
            self.service.wait(60)
            self.service.stdout.close()
            self.service = None

    def _python(self, block: Block) -> tuple[str, str] | None:
        """Runs Python with the names of the blocks above it."""
        code = compile(replaced(block.text, port=self.port), block.place, "exec")
        for pattern, reason in PYTHON_LEFT_OUT:
            if re.search(pattern, block.text):
                return "read", reason
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(code, self.names)
        self.said = said.getvalue()
        return None

    def _yaml(self, block: Block) -> None:
        """Reads a configuration, or what is stated of a network's input, as the program does."""
        content = yaml.safe_load(block.text)
        file = Path("block.yaml")
        file.write_text(block.text)
        if set(content) <= set(KEYS):
            read_input(file.with_suffix(".onnx"), None)
        else:
            parse(["--config", str(file)])

    def _json(self, block: Block) -> None:
        """Compares an answer with that of the command before: every name in it must be there."""
        for name in dict.fromkeys(re.findall(r'"(\w+)":', block.text)):
            assert f'"{name}":' in self.said, f'there is no "{name}" in the answer: {self.said[:2000]}'

    def _output(self, block: Block) -> None:
        """Compares output with that of the commands before: every line must be there, but for numbers and paths."""
        there = {_shape(line) for line in self.said.split("\n")}
        missing = [line for line in block.text.split("\n") if line.strip() != "..." and _shape(line) not in there]
        assert not missing, "not in the output:\n" + "\n".join(missing) + f"\n--- which is:\n{self.said[-3000:]}"

    def _text(self, block: Block) -> tuple[str, str]:
        """Leaves it."""
        return "shown", "no commands"


def _code(work):
    """The exit code of a script."""
    try:
        work()
    except SystemExit as end:
        return end.code or 0
    return 0


def _shape(line):
    """A line without its numbers, spaces and paths, and without the runtime, which is the machine's choice."""
    line = re.sub(r"(runs in) .*", r"\1", line)
    return " ".join(NUMBER.sub("0", re.sub(r"\S*/\S*", "PATH", line)).split())


def published() -> None:
    """Puts the weights that are given in the place of published ones, which would be downloaded."""
    for name, entry in PRETRAINED.items():
        file = Path(CACHE, f"{entry.network}.safetensors")
        if file.expanduser().is_file():
            PRETRAINED[name] = replace(entry, file=file.name, sha256=None, own_name=None)


if __name__ == "__main__":
    page = Page(ROOT / sys.argv[1])
    published()
    page.run()
    Path(sys.argv[2]).write_text(json.dumps([asdict(each) for each in page.results]))
