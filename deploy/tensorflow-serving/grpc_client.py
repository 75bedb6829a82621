"""Embeds images with TensorFlow Serving through gRPC. Requires `pip install tensorflow-serving-api`.

python grpc_client.py QUERY.jpg OTHER.jpg ... [--server localhost:8500] [--model iaunet]
"""

import argparse
import sys

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def embed(server: str, model: str, pictures: list[bytes]) -> np.ndarray:
    """Returns the embeddings `(N, D)` of images, given the contents of JPEG or PNG files."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "encoded"
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(pictures, dtype=tf.string))
    request.output_filter.append("embedding")
    with grpc.insecure_channel(server) as channel:
        response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    return tf.make_ndarray(response.outputs["embedding"])


def main() -> int:
    """Prints the similarity of each image to the first one."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--server", default="localhost:8500")
    parser.add_argument("--model", default="iaunet")
    options = parser.parse_args()
    contents = []
    for path in options.pictures:
        with open(path, "rb") as file:
            contents.append(file.read())
    try:
        embeddings = embed(options.server, options.model, contents)
    except grpc.RpcError as error:
        print(f"error: {options.server}: {error.details()}", file=sys.stderr)
        return 1
    for path, similarity in zip(options.pictures, embeddings @ embeddings[0], strict=True):
        print(f"{similarity:7.4f}  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
