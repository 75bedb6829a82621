"""A report as one HTML file that holds its pictures."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, PackageLoader
from PIL import Image

from iaunet_tf.files import replacing


@dataclass(frozen=True)
class Picture:
    """A picture file; photographs are `.jpg` and shown in their own size, charts `.png` and shrunk to the page."""

    file: Path
    caption: str = ""

    @property
    def data(self) -> str:
        """The file as a URL."""
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
    """A heading, and what is below it.

    Attributes:
        title: the heading.
        text: a paragraph.
        table: rows of cells, the first the head.
        pictures: in order.
        side: pictures stand side by side where there is room.
    """

    title: str
    text: str = ""
    table: Sequence[Sequence[str]] = ()
    pictures: Sequence[Picture] = field(default_factory=list)
    side: bool = False


def write_page(title: str, lead: Sequence[str], sections: Sequence[Section], path: Path) -> None:
    """Writes the HTML file."""
    environment = Environment(loader=PackageLoader("iaunet_tf.report", "."), autoescape=True)
    page = environment.get_template("page.html").render(title=title, lead=lead, sections=sections)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
