"""Small pictures of the people in a gallery."""

import io

from PIL import Image

from iaunet_tf.data.decoding import load_image
from iaunet_tf.errors import InputError
from iaunet_tf.gallery.entries import Entry

SIZE = 96, 192  # width and height, at most


def thumbnail(entry: Entry, size: tuple[int, int] = SIZE) -> bytes | None:
    """A JPEG picture of up to `size`, width and height, of who an entry is of: its thumbnail, or its file cropped to
    its box; None if there is none that can be read, as for frames of videos."""
    if entry.thumbnail is None and (entry.file is None or entry.frame is not None):
        return None
    try:
        picture = Image.fromarray(load_image(entry.thumbnail or entry.file or ""))
        if entry.thumbnail is None and entry.box is not None:
            left, top, right, bottom = entry.box
            width, height = picture.size
            picture = picture.crop((max(left, 0), max(top, 0), min(right, width), min(bottom, height)))
        picture.thumbnail(size)
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=85)
    except (InputError, ValueError, SystemError):  # ValueError: the box is outside
        return None
    return content.getvalue()
