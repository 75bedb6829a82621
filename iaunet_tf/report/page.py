"""Reports as single HTML files with embedded images."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
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

    width = property(lambda self: self.size[0])
    height = property(lambda self: self.size[1])


@dataclass(frozen=True)
class Section:
    """A section of a report.

    Attributes:
        title: heading.
        text: paragraph below the heading.
        table: rows of cells; the first row is the header.
        figures: images, in order.
        side: whether images are shown side by side if there is space.
    """

    title: str
    text: str = ""
    table: Sequence[Sequence[str]] = ()
    figures: Sequence[Figure] = field(default_factory=list)
    side: bool = False


def write_page(title: str, lead: Sequence[str], sections: Sequence[Section], path: Path) -> None:
    """Writes a report as an HTML file.

    Args:
        title: title of the page.
        lead: paragraphs below the title.
        sections: sections of the report.
        path: output file.
    """
    environment = Environment(loader=PackageLoader("iaunet_tf.report", "."), autoescape=True)
    page = environment.get_template("page.html").render(title=title, lead=lead, sections=sections)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
