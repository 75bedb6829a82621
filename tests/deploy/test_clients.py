"""Tests of the client examples with minimal servers that implement the protocols of TensorFlow Serving."""

import base64
import http.server
import importlib.util
import io
import json
import subprocess
import sys
import threading
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from exporting.networks import embeddings, network
from PIL import Image

grpc = pytest.importorskip("grpc")
predict = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
services = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="module")
def client():
    spec = importlib.util.spec_from_file_location("client", DEPLOY / "tensorflow-serving" / "client.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(exports):
    return tf.saved_model.load(str(exports / "served" / "iaunet" / "1"))


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    contents = []
    for _ in range(3):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (64, 32, 3)).astype("uint8")).save(file, "PNG")
        contents.append(file.getvalue())
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(content))) for content in contents])
    return contents, embeddings(network(), pixels.astype("float32"))


def test_rest(client, model, pictures):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/models/iaunet:predict"
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            contents = [base64.b64decode(instance["image_bytes"]["b64"]) for instance in body["instances"]]
            result = model.signatures[body["signature_name"]](image_bytes=tf.constant(contents))
            rows = [{key: value[row].numpy().tolist() for key, value in result.items()} for row in range(len(contents))]
            answer = json.dumps({"predictions": rows}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments): ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    got = client.embed_by_rest(f"http://127.0.0.1:{server.server_port}", "iaunet", pictures[0])
    server.shutdown()
    np.testing.assert_allclose(got, pictures[1], atol=1e-5)


def test_grpc(client, model, pictures):
    class Service(services.PredictionServiceServicer):
        def Predict(self, request, context):
            inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
            result = model.signatures[request.model_spec.signature_name](**inputs)
            response = predict.PredictResponse()
            for name in request.output_filter:
                response.outputs[name].CopyFrom(tf.make_tensor_proto(result[name].numpy()))
            return response

    server = grpc.server(futures.ThreadPoolExecutor(1))
    services.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    got = client.embed_by_grpc(f"127.0.0.1:{port}", "iaunet", pictures[0])
    server.stop(None)
    np.testing.assert_allclose(got, pictures[1], atol=1e-5)


def test_no_server_is_one_line(tmp_path):
    Image.new("RGB", (20, 40)).save(tmp_path / "a.jpg")
    script = DEPLOY / "tensorflow-serving" / "client.py"
    command = [sys.executable, str(script), str(tmp_path / "a.jpg"), "--server", "http://127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "refused" in done.stderr


def test_compose_names_files_that_exist():
    folder = DEPLOY / "tensorflow-serving"
    services = yaml.safe_load((folder / "docker-compose.yml").read_text())["services"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    assert all((folder / name).is_file() for name in mounted if name.startswith("./"))
    scrape = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scrape["static_configs"] == [{"targets": ["serving:8501"]}]
    assert scrape["metrics_path"] in (folder / "monitoring.config").read_text()


def test_example_without_tensorflow_finds_the_same_person(exports, tmp_path):
    rng = np.random.default_rng(0)
    for folder, noise in (("query", 0), ("gallery", 3)):
        (tmp_path / folder).mkdir()
        for person in range(3):
            picture = np.random.default_rng(person).integers(0, 256, (80, 40, 3)) + rng.integers(-noise, noise + 1)
            Image.fromarray(picture.clip(0, 255).astype("uint8")).save(tmp_path / folder / f"{person}.png")
    script = f"""
import runpy, sys
sys.modules["tensorflow"] = sys.modules["keras"] = sys.modules["iaunet_tf"] = None
sys.argv = ["nearest.py", {str(exports / "image" / "image.onnx")!r}, "query", "gallery", "--top", "1"]
runpy.run_path({str(DEPLOY / "onnxruntime" / "nearest.py")!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    lines = done.stdout.split("\n")
    assert [line.split()[-1] for line in lines if line] == [
        name for person in range(3) for name in (f"query/{person}.png", f"gallery/{person}.png")
    ], done.stderr
