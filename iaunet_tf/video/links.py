"""What a page shows or links of the files of a run."""

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from iaunet_tf.gallery.entries import Entry
from iaunet_tf.gallery.thumbnails import thumbnail


def link_to(file: str | Path, folder: Path) -> str:
    """The address of a file for a page in `folder`."""
    return quote(os.fsencode(Path(os.path.relpath(file, folder)).as_posix()))


def pictures_of(crops: Sequence[tuple[int, str]], folder: Path, most: int) -> list[tuple[int, str]]:
    """Numbers of frames and addresses of at most so many pictures of a tracklet, spread over its crops, for a page in
    `folder`.

    Pictures in the folder, or below it, are linked by their place in it; small copies of others become part of the
    page. Those that are missing or cannot be read are left out. Paths may be relative to the folder.
    """
    steps = min(most, len(crops))
    chosen = [crops[step * (len(crops) - 1) // max(steps - 1, 1)] for step in range(steps)]
    found = [(number, _address(file, folder)) for number, file in chosen]
    return [(number, address) for number, address in found if address]


def _address(file, folder):
    inside = Path(os.path.abspath(folder / file))
    if inside.is_relative_to(os.path.abspath(folder)) and inside.is_file():
        return link_to(inside, folder)
    content = thumbnail(Entry(file=str(file)))
    return content and f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
