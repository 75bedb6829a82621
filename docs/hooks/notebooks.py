"""Notebooks become pages: their text, code and stored outputs. Nothing is executed here; the tests do that.

mkdocs-jupyter does it too, with Jupyter's tools to install and keep up to date, and a style of its own.
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

LINK = re.compile(r"\]\((\w+)\.ipynb")  # to another notebook
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path in Path(config.docs_dir, "notebooks").glob("*.ipynb"):
        name, pictures = f"notebooks/{path.stem}", []
        text = "\n\n".join(blocks(json.loads(path.read_text(encoding="utf-8")), path.stem, pictures))
        text = text.replace("\n", f"\n\n[Download this notebook]({path.name})\n", 1)  # below the title
        files.append(File.generated(config, f"{name}.md", content=text))
        for number, content in enumerate(pictures):
            files.append(File.generated(config, f"{name}-{number}.png", content=content))
    return files


def blocks(notebook: dict, name: str, pictures: list[bytes]) -> Iterator[str]:
    """Markdown of every cell and output; the pictures among them are appended to `pictures`."""
    for cell in notebook["cells"]:
        text = joined(cell["source"])
        yield LINK.sub(r"](\1.md", text) if cell["cell_type"] == "markdown" else fenced(text, "python")
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                yield f"![Output of the cell above]({name}-{len(pictures)}.png)"
                pictures.append(base64.b64decode(joined(data["image/png"])))
            elif "text/html" in data:
                yield joined(data["text/html"])
            elif text := joined(data.get("text/plain", output.get("text", ""))):
                yield fenced(printed(text), "text")


def joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def fenced(text: str, language: str) -> str:
    return f"````{language}\n{text.rstrip()}\n````"


def printed(text: str) -> str:
    """What a terminal shows in the end: without colours, and of lines that were written over the last state."""
    return "\n".join(line.rstrip("\r").split("\r")[-1] for line in ESCAPES.sub("", text).split("\n"))
