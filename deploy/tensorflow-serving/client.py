"""Embeds images with TensorFlow Serving. REST requires only numpy, gRPC also `pip install tensorflow-serving-api`.

python client.py QUERY.jpg OTHER.jpg ... [--server http://localhost:8501] [--model iaunet]
python client.py --grpc QUERY.jpg OTHER.jpg ... [--server localhost:8500] [--model iaunet]
"""

import argparse
import base64
import json
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np


def embed_by_rest(server: str, model: str, pictures: list[bytes]) -> np.ndarray:
    """Returns the embeddings `(N, D)` of images, given the contents of JPEG or PNG files."""
    instances = [{"image_bytes": {"b64": base64.b64encode(picture).decode()}} for picture in pictures]
    body = json.dumps({"signature_name": "encoded", "instances": instances}).encode()
    request = urllib.request.Request(f"{server}/v1/models/{model}:predict", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            predictions = json.load(response)["predictions"]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"error: {server}: {error.read().decode()[:300]}") from None
    except urllib.error.URLError as error:
        raise SystemExit(f"error: {server}: {error.reason}") from None
    # With part attention, each prediction is a dictionary of outputs.
    return np.array([p["embedding"] if isinstance(p, dict) else p for p in predictions], "float32")


def embed_by_grpc(server: str, model: str, pictures: list[bytes]) -> np.ndarray:
    """The same as `embed_by_rest`."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "encoded"
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(pictures, dtype=tf.string))
    request.output_filter.append("embedding")
    try:
        with grpc.insecure_channel(server) as channel:
            response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    except grpc.RpcError as error:
        raise SystemExit(f"error: {server}: {error.details()}") from None
    return tf.make_ndarray(response.outputs["embedding"])


def main() -> None:
    """Prints the similarity of each image to the first one."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--grpc", action="store_true", help="use gRPC instead of REST")
    parser.add_argument("--server", help="default: http://localhost:8501, or localhost:8500 with --grpc")
    parser.add_argument("--model", default="iaunet")
    options = parser.parse_args()
    embed, server = (embed_by_grpc, "localhost:8500") if options.grpc else (embed_by_rest, "http://localhost:8501")
    contents = [Path(path).read_bytes() for path in options.pictures]
    embeddings = embed(options.server or server, options.model, contents)
    for path, similarity in zip(options.pictures, embeddings @ embeddings[0], strict=True):
        print(f"{similarity:7.4f}  {path}")


if __name__ == "__main__":
    main()
