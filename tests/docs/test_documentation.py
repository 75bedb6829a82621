"""What pages name exists: commands and their options, keys, scripts, extras. `test_pages.py` runs what they show."""

import re

import pytest
from docs.checking import CHECKS, check, options
from docs.pages import PAGES, ROOT, Command, blocks, inline

from iaunet_tf.commands import COMMANDS
from iaunet_tf.commands.arguments import with_underscores
from iaunet_tf.config.files import keys
from iaunet_tf.config.parsing import TASKS
from iaunet_tf.errors import InputError

PAGE = pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
ALL = {page: blocks(page) for page in PAGES}


@pytest.fixture(autouse=True)
def _in_the_clone(monkeypatch):
    monkeypatch.chdir(ROOT)


def mistakes(checks):
    """Those of `(place, text, work)` whose work fails, a line each."""
    found = []
    for place, text, work in checks:
        try:
            work()
        except (InputError, AssertionError, ValueError) as error:
            found.append(f"{place}: {text}\n    {error}")
    return "\n".join(found)


@PAGE
def test_commands_are_read_by_their_programs(page, record_property):
    commands = [each for block in ALL[page] if block.kind == "commands" for each in block.commands()]
    record_property("documentation", [(page.relative_to(ROOT).as_posix(), "commands read", len(commands))])
    assert not mistakes((each.place, each.text, lambda each=each: check(each.parts())) for each in commands)


@PAGE
def test_python_is_python(page):
    python = [block for block in ALL[page] if block.kind == "python"]
    assert not mistakes((each.place, "", lambda each=each: compile(each.text, each.place, "exec")) for each in python)


@PAGE
def test_what_is_mentioned_exists(page):
    known = frozenset().union(*options().values()) | {"--reid"}  # of BoxMOT
    names = {key for task in TASKS.values() for key in keys(task)}
    names |= {"model.fit", "model.compile", "model.predict", "model.keras", "model.onnx"}  # of Keras, and of a run
    for text in inline(page):
        ours = text.startswith(("--", "iaunet "))
        options_there = re.findall(r"(?<![\w-])--[a-z][\w.-]*", text) if ours else ()
        unknown = {each for each in options_there if with_underscores(each) not in known}
        assert not unknown, f"`{text}`: no command has {', '.join(unknown)}"
        unknown = set(re.findall(r"(?<![\w./*-])(?:data|model|loss|train|eval)\.[a-z_]+", text)) - names
        assert not unknown, f"`{text}`: there is no key {', '.join(unknown)}"
    mentioned = [text for text in inline(page) if text.split()[:1] and text.split()[0] in CHECKS]
    assert not mistakes((page.name, text, lambda text=text: check_mention(text)) for text in mentioned)


def check_mention(text):
    """Checks a command in a sentence, which may be its beginning alone, such as `iaunet gallery add`."""
    words = Command("", 0, text).parts()[0]
    if " | " in text:
        words = text.split()
    if "|" in words:
        assert set(words[1:]) - {"|"} == set(COMMANDS), "must name all commands"
    elif words[0] == "iaunet" and len(words) > 1:
        name = next((name for name in options() if words[1:3] == name.split() or words[1:2] == name.split()), None)
        several = words[1] in {name.split()[0] for name in options() if " " in name}
        assert name or (words[2:] == [] and several) or words[1] == "weights", f"there is no iaunet {words[1]}"
        try:
            check([words])
        except InputError as error:
            if not re.match(r"missing: |iaunet \w+ needs a |.*: expected one argument", str(error)):
                raise
    elif len(words) > 1 and not set("[]|") & set(text):
        check([words])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("iaunet trian", "no command iaunet trian"),
        ("iaunet train --config configs/own.yaml --data.hight 64", "no key data.hight"),
        ("TF_CONFIG='{}' iaunet train --config configs/none.yaml", "(?i)configs/none.yaml: no such file"),
        ("iaunet evaluate RUN --eval.rerank maybe", "eval.rerank must be"),
        ("iaunet embed a.onnx images --out a.npz --scale none", "takes no --scale"),
        ("iaunet export onnx RUN", "missing: --out"),
        ("iaunet adapt RUN images --round 3", "no key round"),
        ("python export/to_onnx.py RUN --out a.onnx --layout nhwc", "--layout must be"),
        ("python -m benchmarks.nothing", "no module benchmarks.nothing"),
        ("python nothing.py", "no such script"),
        ("make nothing", "no target nothing"),
        ("pip install 'iaunet-tf[cpu,nothing]'", "no extra nothing"),
        ("cd deploy/nothing && docker compose up", "no folder deploy/nothing"),
        ("nothing --at all", "no such program"),
    ],
)
def test_what_is_wrong_is_noticed(text, message):
    with pytest.raises((InputError, AssertionError), match=message):
        check(Command("", 0, text).parts())


def test_blocks_are_told_apart(tmp_path, monkeypatch):
    page = tmp_path / "a.md"
    monkeypatch.setattr("docs.pages.ROOT", tmp_path)
    page.write_text(
        "# A\n```\n# as it is\nA=1 iaunet train \\\n    --seed 3  # again\n\nmake x && make y\n```\n```\n1 of 2\n```\n"
        "- b\n  ```python\n  a = 1\n  ```\n````text\n```\niaunet\n```\n````\n`--x` in\n`two\nlines`\n"
    )
    commands, output, python, text = blocks(page)
    assert [each.kind for each in (commands, output, python, text)] == ["commands", "output", "python", "text"]
    assert [(each.line, each.parts()) for each in commands.commands()] == [
        (4, [["iaunet", "train", "--seed", "3"]]),
        (7, [["make", "x"], ["make", "y"]]),
    ]
    assert python.text == "a = 1\n" and text.text == "```\niaunet\n```\n"
    assert inline(page) == ["--x", "two lines"]
    page.write_text("```fortran\nend\n```\n")
    with pytest.raises(ValueError, match=r"a\.md:1: a block of fortran"):
        blocks(page)
