"""Reports as single HTML files with embedded images."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, PackageLoader
from PIL import Image

from iaunet_tf.files import replacing


@dataclass(frozen=True)
class Figure:
    """An image file of a report: photographs (`.jpg`) keep their size, plots (`.png`) are shrunk to fit the page."""

    file: Path
    caption: str = ""

    @property
    def data(self) -> str:
        """Content of the file as a data URL."""
        kind = "jpeg" if self.file.suffix == ".jpg" else "png"
        return f"data:image/{kind};base64,{base64.b64encode(self.file.read_bytes()).decode()}"

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        with Image.open(self.file) as picture:
            return picture.size


@dataclass(frozen=True)
class Section:
    """A section of a report, with what the page shows below its title."""

    title: str
    text: str = ""
    table: Sequence[Sequence[str]] = ()  # the first row is the header
    figures: Sequence[Figure] = ()
    side: bool = False  # whether figures stand side by side if there is space


def write_page(title: str, lead: Sequence[str], sections: Sequence[Section], path: Path) -> None:
    """Writes a report as an HTML file, with `lead` as paragraphs below the title."""
    environment = Environment(loader=PackageLoader("iaunet_tf.report", "."), autoescape=True)
    page = environment.get_template("page.html").render(title=title, lead=lead, sections=sections)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
