"""Embeds images with TensorFlow Serving. REST requires only numpy, gRPC also `pip install tensorflow-serving-api`.

python client.py QUERY.jpg OTHER.jpg ... [--server http://localhost:8501] [--model iaunet]
python client.py --grpc QUERY.jpg OTHER.jpg ... [--server localhost:8500] [--model iaunet]
"""

import argparse
import base64
import http.client
import json
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np

SECONDS = 60  # for the whole answer
LARGEST = 64 << 20  # bytes of an answer


def embed_by_rest(server: str, model: str, pictures: list[bytes]) -> np.ndarray:
    """Returns the embeddings `(N, D)` of images, given the contents of JPEG or PNG files."""
    instances = [{"image_bytes": {"b64": base64.b64encode(picture).decode()}} for picture in pictures]
    body = json.dumps({"signature_name": "encoded", "instances": instances}).encode()
    url = f"{server}/v1/models/{model}:predict"
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    except ValueError:
        request = None
    if request is None or request.type not in ("http", "https"):
        raise SystemExit(f"error: {server}: is not an address such as http://localhost:8501")
    try:
        predictions = json.loads(_in_time(lambda: _post(request)))["predictions"]
        # With part attention, each prediction is a dictionary of outputs.
        embeddings = [p["embedding"] if isinstance(p, dict) else p for p in predictions]
    except (OSError, http.client.HTTPException) as error:
        raise SystemExit(f"error: {server}: {_line(getattr(error, 'reason', error))}") from None
    except (ValueError, TypeError, LookupError, RecursionError):
        raise SystemExit(f"error: {server}: the answer is not that of TensorFlow Serving to a prediction") from None
    return _checked(server, embeddings, len(pictures))


def embed_by_grpc(server: str, model: str, pictures: list[bytes]) -> np.ndarray:
    """The same as `embed_by_rest`."""
    try:
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
    except ImportError:
        raise SystemExit("error: --grpc requires tensorflow-serving-api: pip install tensorflow-serving-api") from None

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "encoded"
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(pictures, dtype=tf.string))
    request.output_filter.append("embedding")
    try:
        with grpc.insecure_channel(server, [("grpc.max_receive_message_length", LARGEST)]) as channel:
            response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=SECONDS)
        embeddings = tf.make_ndarray(response.outputs["embedding"])
    except grpc.RpcError as error:
        raise SystemExit(f"error: {server}: {_line(error.details())}") from None
    except (ValueError, TypeError):
        raise SystemExit(f"error: {server}: the answer has no embeddings") from None
    return _checked(server, embeddings, len(pictures))


def _post(request):
    """The body of the answer, as long as it is not too large."""
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            content = response.read(LARGEST + 1)
    except urllib.error.HTTPError as error:
        raise OSError(f"{error.code} {error.reason}: {error.read(300).decode(errors='replace')}") from None
    if len(content) > LARGEST:
        raise OSError(f"the answer is larger than {LARGEST} bytes")
    return content


def _in_time(work: Callable[[], bytes]) -> bytes:
    """The result of `work`. The timeouts of sockets alone do not end an answer that comes byte by byte."""
    results = queue.SimpleQueue()

    def run():
        try:
            results.put((work(), None))
        except Exception as error:
            results.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = results.get(timeout=SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no whole answer within {SECONDS} seconds") from None
    if error:
        raise error
    return result


def _checked(server, embeddings, count):
    """The embeddings as an array, if they are one of numbers with a row for each image."""
    try:
        array = np.array(embeddings, "float32")
    except (ValueError, TypeError):
        array = np.empty(0, "float32")
    if array.ndim != 2 or len(array) != count or not array.size or not np.isfinite(array).all():
        raise SystemExit(f"error: {server}: the answer is not {count} embeddings of finite numbers")
    return array


def _line(reason):
    return " ".join(str(reason).split())[:300]


def main() -> None:
    """Prints the similarity of each image to the first one."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--grpc", action="store_true", help="use gRPC instead of REST")
    parser.add_argument("--server", help="default: http://localhost:8501, or localhost:8500 with --grpc")
    parser.add_argument("--model", default="iaunet")
    options = parser.parse_args()
    embed, server = (embed_by_grpc, "localhost:8500") if options.grpc else (embed_by_rest, "http://localhost:8501")
    try:
        contents = [Path(path).read_bytes() for path in options.pictures]
    except OSError as error:
        raise SystemExit(f"error: {error.filename}: {error.strerror}") from None
    embeddings = embed(options.server or server, options.model, contents)
    for path, similarity in zip(options.pictures, embeddings @ embeddings[0], strict=True):
        print(f"{similarity:7.4f}  {path}")


if __name__ == "__main__":
    main()
