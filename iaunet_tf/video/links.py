"""What a page shows or links of the files of a run."""

import base64
import io
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from iaunet_tf.data.decoding import load_image
from iaunet_tf.errors import InputError

SIZE = 96, 192  # width and height of small copies, at most


def link_to(file: str | Path, folder: Path) -> str:
    """The address of a file for a page in `folder`."""
    return quote(os.fsencode(Path(os.path.relpath(file, folder)).as_posix()))


def pictures_of(crops: Sequence[tuple[int, str]], folder: Path, most: int) -> list[tuple[int, str]]:
    """Frame numbers and addresses, for a page in `folder`, of at most `most` pictures of a tracklet, spread over its
    crops.

    Pictures in the folder, or below it, are linked by their place in it; small copies of others become part of the
    page. Those that are missing or cannot be read are left out. Paths may be relative to the folder.
    """
    steps = min(most, len(crops))
    chosen = [crops[step * (len(crops) - 1) // max(steps - 1, 1)] for step in range(steps)]
    found = [(number, _address(file, folder)) for number, file in chosen]
    return [(number, address) for number, address in found if address]


def _address(file, folder):
    inside = Path(os.path.abspath(folder / file))
    if not inside.is_file():
        return _copy(Path(file))
    return link_to(inside, folder) if inside.is_relative_to(os.path.abspath(folder)) else _copy(inside)


def _copy(file):
    """A small copy of a picture as a data URL; None if it cannot be read."""
    try:
        picture = Image.fromarray(load_image(file))
    except InputError:
        return None
    picture.thumbnail(SIZE)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
