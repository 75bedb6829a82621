"""The documentation as `make docs` builds it."""

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Title\n", "See [data](../data.md)."]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": ["10%\r", "100%\n", "\x1b[31mred\x1b[0m\n"]},
                {"output_type": "display_data", "data": {"image/png": "aGVsbG8=", "text/plain": "<Figure>"}},
                {"output_type": "execute_result", "data": {"text/plain": ["(2, 512)"]}},
            ],
        },
    ]
}


class Page(HTMLParser):
    """The ids of a page, its links, and what it loads."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids.add(attributes.get("id"))
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif tag == "link" and attributes.get("rel") not in ("prev", "next", "canonical"):
            self.loads.append(attributes["href"])
        if "src" in attributes:
            self.loads.append(attributes["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(["make", "docs", f"ARGS=--site-dir {folder}"], cwd=ROOT, text=True, capture_output=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert not re.search(r"^(WARNING|ERROR) +-", said, re.MULTILINE), said
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}


@pytest.mark.slow
def test_every_page_is_there(site, pages):
    built = {path.relative_to(site).with_suffix("").as_posix() for path in pages}
    written = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    notebooks = {f"notebooks/{path.stem}" for path in (ROOT / "docs" / "notebooks").glob("*.ipynb")}
    assert built == written | notebooks | {"index", "deploy", "changelog", "contributing", "security"}


@pytest.mark.slow
def test_links_and_anchors_lead_somewhere(pages):
    wrong = []
    for path, page in pages.items():
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in pages[target].ids):
                wrong.append(f"{path.name}: {link}")
    assert not wrong


@pytest.mark.slow
def test_nothing_is_loaded_from_other_hosts(site, pages):
    assert not [load for page in pages.values() for load in page.loads if urlsplit(load).netloc]
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.slow
def test_formulas_are_mathml(site):
    page = (site / "blocks.html").read_text(encoding="utf-8")
    assert page.count("<math") > 50
    assert "arithmatex" not in page
    assert "$$" not in page


@pytest.mark.slow
def test_the_search_knows_the_reference(site):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert any("evaluate_retrieval" in entry["title"] for entry in index["docs"])


@pytest.mark.slow
def test_a_notebook_becomes_a_page(site):
    code = (
        "import json, sys; sys.path.insert(0, 'docs/hooks'); import notebooks; pictures = []; "
        "print(json.dumps([list(notebooks.blocks(json.load(sys.stdin), 'name', pictures)), pictures[0].decode()]))"
    )
    done = subprocess.run(
        [ROOT / ".venv-docs/bin/python", "-c", code],
        cwd=ROOT,
        input=json.dumps(NOTEBOOK),
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        [
            "# Title\nSee [data](../data.md).",
            "````python\nprint(1)\n````",
            "````text\n100%\nred\n````",
            "![Output of the cell above](name-0.png)",
            "````text\n(2, 512)\n````",
        ],
        "hello",
    ]
