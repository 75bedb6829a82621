"""Searches for people with ONNX Runtime. Requires numpy, Pillow and onnxruntime, but not TensorFlow or iaunet-tf.

python nearest.py MODEL.onnx QUERY_FOLDER GALLERY_FOLDER [--top 5]

The model must be exported by `export/to_onnx.py` with layout image.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

BATCH = 32


def read(path: Path, height: int, width: int) -> np.ndarray:
    """Reads an image as RGB in 0..255, resized as in evaluation: first horizontally, then vertically."""
    picture = Image.open(path).convert("RGB")
    picture = picture.resize((width, picture.height), Image.Resampling.BICUBIC)
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def embed(session: onnxruntime.InferenceSession, folder: str) -> tuple[list[Path], np.ndarray]:
    """Returns the image files in a folder and their unit-length embeddings `(N, D)`."""
    about = json.loads(session.get_modelmeta().custom_metadata_map["iaunet_tf"])
    if about["layout"] != "image" or about["video"]:
        raise SystemExit("error: this example requires an image network exported with layout image")
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise SystemExit(f"error: {folder}: contains no images (.jpg, .jpeg, .png)")
    parts = []
    for start in range(0, len(paths), BATCH):
        pixels = np.stack([read(path, about["height"], about["width"]) for path in paths[start : start + BATCH]])
        parts.append(session.run(["embedding"], {"images": pixels.astype(about["dtype"])})[0])
    return paths, np.concatenate(parts)


def main() -> None:
    """Prints the most similar gallery images for each query."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("model")
    parser.add_argument("query")
    parser.add_argument("gallery")
    parser.add_argument("--top", type=int, default=5)
    options = parser.parse_args()
    session = onnxruntime.InferenceSession(options.model, providers=onnxruntime.get_available_providers())
    queries, wanted = embed(session, options.query)
    gallery, found = embed(session, options.gallery)
    for query, similarities in zip(queries, wanted @ found.T, strict=True):
        print(query)
        for row in np.argsort(-similarities, kind="stable")[: options.top]:
            print(f"  {similarities[row]:.4f}  {gallery[row]}")


if __name__ == "__main__":
    main()
