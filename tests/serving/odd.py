"""Pictures and names that are out of the ordinary."""

import io

import numpy as np
from PIL import Image

NAMES = ["<script>alert('x')</script>", 'a "quoted" name & more', "Łukasz 李 🙂", "../..", "b/c?d=1#e"]


def encoded(array: np.ndarray, format: str = "PNG", **options) -> bytes:
    """The content of an image file."""
    content = io.BytesIO()
    Image.fromarray(array).save(content, format, **options)
    return content.getvalue()
