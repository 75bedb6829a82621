"""Pages of the repository that stand outside docs/ become pages of the site, and links between them lead there."""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "deploy/README.md": "deploy.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
SOURCES = {page: source for source, page in PAGES.items()}
LINK = re.compile(r"(\]\()([^)\s:#]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"(^ *```.*?^ *```)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    here = page.file.src_uri
    source = PurePosixPath(SOURCES.get(here, f"docs/{here}"))

    def lead(link: re.Match) -> str:
        target = normpath(source.parent / link[2])
        return f"{link[1]}{relpath(place(target, config, files), PurePosixPath(here).parent)}{link[3]}"

    parts = FENCE.split(markdown)
    return "".join(part if part.lstrip().startswith("```") else LINK.sub(lead, part) for part in parts)


def place(target: str, config: MkDocsConfig, files: Files) -> str:
    """Where on the site a file of the repository is; files that are no pages are copied to `repository/`."""
    if target in PAGES:
        return PAGES[target]
    if target.startswith("docs/"):
        inside = target.removeprefix("docs/")
        return inside.removesuffix(".ipynb") + ".md" if inside.endswith(".ipynb") else inside
    if target.endswith(".md"):
        raise PluginError(f"{target}: a page links to it; add it to PAGES in docs/hooks/pages.py, and to mkdocs.yml")
    copy = f"repository/{target}"
    if (ROOT / target).is_file() and files.get_file_from_path(copy) is None:
        files.append(File.generated(config, copy, abs_src_path=str(ROOT / target)))
    return copy
