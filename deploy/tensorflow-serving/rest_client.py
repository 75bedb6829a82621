"""Embeds images with TensorFlow Serving through REST. Requires only numpy.

python rest_client.py QUERY.jpg OTHER.jpg ... [--server http://localhost:8501] [--model iaunet]
"""

import argparse
import base64
import json
import sys
import urllib.error
import urllib.request

import numpy as np


def embed(server: str, model: str, pictures: list[bytes]) -> np.ndarray:
    """Returns the embeddings `(N, D)` of images, given the contents of JPEG or PNG files."""
    instances = [{"image_bytes": {"b64": base64.b64encode(picture).decode()}} for picture in pictures]
    body = json.dumps({"signature_name": "encoded", "instances": instances}).encode()
    request = urllib.request.Request(f"{server}/v1/models/{model}:predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        predictions = json.load(response)["predictions"]
    # With part attention, each prediction is a dictionary of outputs.
    return np.array([p["embedding"] if isinstance(p, dict) else p for p in predictions], "float32")


def main() -> int:
    """Prints the similarity of each image to the first one."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--server", default="http://localhost:8501")
    parser.add_argument("--model", default="iaunet")
    options = parser.parse_args()
    contents = []
    for path in options.pictures:
        with open(path, "rb") as file:
            contents.append(file.read())
    try:
        embeddings = embed(options.server, options.model, contents)
    except urllib.error.HTTPError as error:
        print(f"error: {options.server}: {error.read().decode()[:300]}", file=sys.stderr)
        return 1
    except urllib.error.URLError as error:
        print(f"error: {options.server}: {error.reason}", file=sys.stderr)
        return 1
    for path, similarity in zip(options.pictures, embeddings @ embeddings[0], strict=True):
        print(f"{similarity:7.4f}  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
