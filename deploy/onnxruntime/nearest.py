"""Searches for people with ONNX Runtime. Requires numpy, Pillow and onnxruntime, but not TensorFlow or iaunet-tf.

python nearest.py MODEL.onnx QUERY_FOLDER GALLERY_FOLDER [--top 5]

The model must be exported by `export/to_onnx.py` with layout image.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

BATCH = 32
SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm")
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM")  # others of Pillow may run programs
DROPPINGS = (".", "@eaDir", "__MACOSX")


def images_in(folder: str) -> list[Path]:
    """The images in a folder and those below, also behind links; without hidden files and those of systems."""
    found = []
    for current, folders, names in os.walk(folder, followlinks=True):
        path = Path(current)
        above = [each.resolve() for each in (path, *path.absolute().parents)]  # where no link may lead back to
        wanted = [name for name in folders if not name.startswith(DROPPINGS)]
        folders[:] = [name for name in wanted if (path / name).resolve() not in above]
        files = [path / name for name in names if not name.startswith(".")]
        found += [file for file in files if file.suffix.lower() in SUFFIXES and file.is_file()]
    return sorted(found)


def read(path: Path, height: int, width: int, interpolation: str = "bicubic") -> np.ndarray:
    """Reads an image as RGB in 0..255, upright, resized as in evaluation: first horizontally, then vertically."""
    try:
        opened = Image.open(path, formats=FORMATS)
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I;16") or (picture.mode == "I" and opened.format in ("PNG", "PPM")):
            # Pillow would clip 16-bit values at 255 instead of scaling them.
            grey = np.asarray(picture, "float32") / 257
            picture = Image.fromarray(np.clip(grey.round(), 0, 255).astype("uint8"))
        if picture.mode in ("I", "F"):
            raise ValueError("the range of pixels of 32 bits is not known; convert them to 8 bits")
        picture = picture.convert("RGB")
    except Exception as error:  # Pillow raises various exceptions for damaged files
        raise SystemExit(f"error: {path}: not a readable image ({' '.join(str(error).split())[:160]})") from None
    kind = Image.Resampling[interpolation.upper()]
    return np.asarray(picture.resize((width, picture.height), kind).resize((width, height), kind))


def open_model(path: str) -> tuple[onnxruntime.InferenceSession, dict]:
    """Opens a model; returns it and its metadata."""
    try:
        # From bytes, not from the path: weights in other files, which could be any on this machine, are then refused.
        content = Path(path).read_bytes()
        session = onnxruntime.InferenceSession(content, providers=onnxruntime.get_available_providers())
        about = json.loads(session.get_modelmeta().custom_metadata_map["iaunet_tf"])
        layout, shape = about["layout"], [about["height"], about["width"], 3]
    except Exception as error:  # ONNX Runtime raises various exceptions of its own
        reason = " ".join(str(error).split())[:160]
        raise SystemExit(f"error: {path}: not a readable ONNX file of iaunet-tf ({reason})") from None
    (model_input,) = session.get_inputs()[:1]
    fixed = isinstance(model_input.shape[0], int)
    if layout != "image" or fixed or (model_input.name, model_input.shape[1:]) != ("images", shape):
        raise SystemExit(
            f"error: {path}: this example requires an image network exported with layout image and without --batch"
        )
    return session, about


def embed(session: onnxruntime.InferenceSession, about: dict, folder: str) -> tuple[list[Path], np.ndarray]:
    """Returns the image files in a folder and their unit-length embeddings `(N, D)`."""
    paths = images_in(folder)
    if not paths:
        raise SystemExit(f"error: {folder}: contains no images ({', '.join(SUFFIXES)})")
    kind = session.get_inputs()[0].type
    dtype = {"tensor(uint8)": "uint8", "tensor(float16)": "float16"}.get(kind, "float32")
    parts = []
    for start in range(0, len(paths), BATCH):
        size = about["height"], about["width"], about.get("interpolation", "bicubic")
        pixels = np.stack([read(path, *size) for path in paths[start : start + BATCH]])
        parts.append(session.run(["embedding"], {"images": pixels.astype(dtype)})[0])
    embeddings = np.concatenate(parts)
    if not np.isfinite(embeddings).all():
        raise SystemExit("error: the model gives embeddings that are not finite")
    return paths, embeddings


def main() -> None:
    """Prints the most similar gallery images for each query."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("model")
    parser.add_argument("query")
    parser.add_argument("gallery")
    parser.add_argument("--top", type=int, default=5)
    options = parser.parse_args()
    if options.top < 1:
        raise SystemExit(f"error: --top must be at least 1; received {options.top}")
    session, about = open_model(options.model)
    queries, wanted = embed(session, about, options.query)
    gallery, found = embed(session, about, options.gallery)
    for query, similarities in zip(queries, wanted @ found.T, strict=True):
        print(query)
        for row in np.argsort(-similarities, kind="stable")[: options.top]:
            print(f"  {similarities[row]:.4f}  {gallery[row]}")


if __name__ == "__main__":
    main()
