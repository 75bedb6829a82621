"""The pages, and the fenced blocks of one."""

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "deploy/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
PAGES = [page for page in PAGES if page.is_file()]
FENCE = re.compile(
    r"^(?P<indent> *)(?P<marks>`{3,}|~{3,}) *(?P<language>[\w+-]*)[^\n]*\n(?P<text>.*?)^ *(?P=marks) *$", re.M | re.S
)
# The first words of commands.
PROGRAMS = frozenset(
    (
        ".venv/bin/python",
        "cd",
        "cp",
        "curl",
        "docker",
        "export",
        "git",
        "iaunet",
        "ls",
        "make",
        "mkdir",
        "mv",
        "openssl",
    )
    + ("pip", "python", "python3", "rm", "source", "srun", "ssh", "tensorboard", "tritonserver", "deploy/c/embed")
)


@dataclass(frozen=True)
class Block:
    """A fenced block: `kind` is commands, python, yaml, json, output or text; `line` is that of its fence."""

    page: str
    line: int
    kind: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list["Command"]:
        """The commands of a block of them."""
        text = re.sub(r"\\\n", lambda match: "\0", self.text)  # keeps the count of lines
        found, line = [], self.line
        for each in text.split("\n"):
            line, first = line + 1 + each.count("\0"), line + 1
            words = re.sub(r"\0 *", " ", each).strip()
            if words and not words.startswith("#"):
                found.append(Command(self.page, first, words))
        return found


@dataclass(frozen=True)
class Command:
    """A line of a shell, with those that a backslash joins to it."""

    page: str
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    def parts(self) -> list[list[str]]:
        """The words of each program that the line runs, without comments and variables set for it."""
        words = shlex.shlex(self.text, posix=True, punctuation_chars="&|;")
        words.whitespace_split = True
        parts: list[list[str]] = [[]]
        for word in words:
            if set(word) <= set("&|;"):
                parts.append([])
            elif parts[-1] or not re.match(r"[A-Z_]+=", word):
                parts[-1].append(word)
        return [part for part in parts if part]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order, by one rule:

    - `python`, `yaml` and `json` are what they say, `sh`, `bash`, `shell` and `console` are commands, `text` is neither
      run nor compared: layouts of files, synopses;
    - a block without a language is commands if its first line, comments aside, begins with one of `PROGRAMS` or sets a
      variable for one; otherwise it is the output of the commands before it.

    Anything else is an error.
    """
    content, name = page.read_text(), page.relative_to(ROOT).as_posix()
    found = []
    for match in FENCE.finditer(content):
        text, language = textwrap.dedent(match["text"]), match["language"]
        block = Block(name, content.count("\n", 0, match.start()) + 1, _kind(text, language), text)
        if block.kind == "unknown":
            raise ValueError(f"{block.place}: a block of {language}, of which tests/docs/pages.py knows nothing")
        found.append(block)
    return found


def _kind(text, language):
    if language in ("python", "yaml", "json", "text"):
        return language
    if language in ("sh", "bash", "shell", "console"):
        return "commands"
    if language:
        return "unknown"
    first = next((line for line in text.split("\n") if line.strip() and not line.startswith("#")), "")
    words = first.split() or [""]
    return "commands" if words[0] in PROGRAMS or re.match(r"[A-Z_]+=", words[0]) else "output"


def prose(page: Path) -> str:
    """A page without its blocks."""
    return FENCE.sub("", page.read_text())


def inline(page: Path) -> list[str]:
    """What a page has in `backquotes` outside of its blocks, on one line each."""
    return [" ".join(each.split()) for each in re.findall(r"`([^`]+)`", prose(page))]
