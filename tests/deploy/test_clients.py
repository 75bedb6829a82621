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


def test_grpc_answers_that_are_none_are_one_line(client, monkeypatch):
    answers = iter([None, [[np.nan, 1]], [[1.0], [2.0]], np.zeros((1, 2, 2)), ["text"], np.zeros((1, 10**6))])

    class Service(services.PredictionServiceServicer):
        def Predict(self, request, context):
            response, answer = predict.PredictResponse(), next(answers)
            if answer is not None:
                response.outputs["embedding"].CopyFrom(tf.make_tensor_proto(answer))
            return response

    server = grpc.server(futures.ThreadPoolExecutor(1))
    services.add_PredictionServiceServicer_to_server(Service(), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    monkeypatch.setattr(client, "LARGEST", 10**6)
    for message in ("has no embeddings", *["not 1 embeddings of finite numbers"] * 4, "larger than max"):
        with pytest.raises(SystemExit, match=f"error: {address}: .*{message}") as caught:
            client.embed_by_grpc(address, "iaunet", [b"picture"])
        assert "\n" not in str(caught.value)
    server.stop(None)
    with pytest.raises(SystemExit, match="refused"):
        client.embed_by_grpc("127.0.0.1:9", "iaunet", [b"picture"])


def test_no_server_is_one_line(tmp_path):
    Image.new("RGB", (20, 40)).save(tmp_path / "a.jpg")
    script = DEPLOY / "tensorflow-serving" / "client.py"
    command = [sys.executable, str(script), str(tmp_path / "a.jpg"), "--server", "http://127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "refused" in done.stderr


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"<html>Welcome</html>", "the answer is not that of TensorFlow Serving"),
        (b"", "the answer is not that of TensorFlow Serving"),
        (b"[" * 5000, "the answer is not that of TensorFlow Serving"),
        (b'{"error": "no"}', "the answer is not that of TensorFlow Serving"),
        (b'{"predictions": 3}', "the answer is not that of TensorFlow Serving"),
        (b'{"predictions": [[0.6, NaN]]}', "not 1 embeddings of finite numbers"),
        (b'{"predictions": [[0.6, 1e300]]}', "not 1 embeddings of finite numbers"),
        (b'{"predictions": [["a", "b"]]}', "not 1 embeddings of finite numbers"),
        (b'{"predictions": [[0.6, 0.8], [1, 0]]}', "not 1 embeddings of finite numbers"),
        (b'{"predictions": [[[0.6, 0.8]]]}', "not 1 embeddings of finite numbers"),
        (b'{"predictions": [[]]}', "not 1 embeddings of finite numbers"),
        (b'{"predictions": []}', "not 1 embeddings of finite numbers"),
        (404, "404 Not Found: no such model"),
        (10**6, "the answer is larger than 1000 bytes"),
        ("slow", "no whole answer within 1 seconds"),
        ("cut", "the answer is not that of TensorFlow Serving"),
    ],
)
def test_every_answer_that_is_none_is_one_line(client, monkeypatch, answer, message):
    monkeypatch.setattr(client, "SECONDS", 1)
    monkeypatch.setattr(client, "LARGEST", 1000 if answer == 10**6 else 10**5)
    stop = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(404 if answer == 404 else 200)
            if answer == "cut":
                self.send_header("Content-Length", "1000")
            self.end_headers()
            if answer == "slow":  # each byte is in time, the whole is not
                while not stop.wait(0.2):
                    self.wfile.write(b" ")
            elif answer != "cut":
                self.wfile.write(b"no such\n model" if answer == 404 else answer if answer != 10**6 else b" " * answer)

        def log_message(self, *arguments): ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with pytest.raises(SystemExit) as caught:
        client.embed_by_rest(f"http://127.0.0.1:{server.server_port}", "iaunet", [b"picture"])
    stop.set()
    server.shutdown()
    text = str(caught.value)
    assert text.startswith("error: http://127.0.0.1") and message in text and "\n" not in text


@pytest.mark.parametrize("server", ["localhost:8501", "file:///etc/passwd", "http://", "http://[", "http://a b"])
def test_servers_that_are_none_are_one_line(client, server):
    with pytest.raises(SystemExit, match="error: "):
        client.embed_by_rest(server, "iaunet", [b"picture"])


def test_compose_names_files_that_exist():
    folder = DEPLOY / "tensorflow-serving"
    services = yaml.safe_load((folder / "docker-compose.yml").read_text())["services"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    assert all((folder / name).is_file() for name in mounted if name.startswith("./"))
    for service in services.values():
        assert all(port.startswith("${ADDRESS:-127.0.0.1}:") for port in service["ports"])
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= set(limits) and service["restart"] and service["healthcheck"]["test"]
    scrape = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scrape["static_configs"] == [{"targets": ["serving:8501"]}]
    assert scrape["metrics_path"] in (folder / "monitoring.config").read_text()


def test_compose_of_milvus():
    folder = DEPLOY / "milvus"
    content = yaml.safe_load((folder / "docker-compose.yml").read_text())
    services = content["services"]
    assert {"etcd", "minio", "milvus"} == set(services) == set(content["volumes"])
    mounted = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    assert all((folder / name).is_file() if name.startswith("./") else name in content["volumes"] for name in mounted)
    for name, service in services.items():
        image, _, tag = service["image"].partition(":")
        assert image and tag.startswith("${") and "latest" not in tag  # pinned
        assert all(port.startswith("${ADDRESS:-127.0.0.1}:") for port in service.get("ports", []))
        assert name == "milvus" or "ports" not in service
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= set(limits) and service["restart"] and service["healthcheck"]["test"]
    assert services["milvus"]["ports"][0].endswith(":19530")
    settings = yaml.safe_load((folder / "user.yaml").read_text())
    assert settings["common"]["security"]["authorizationEnabled"] is False


def test_example_without_tensorflow_finds_the_same_person(exports, tmp_path):
    rng = np.random.default_rng(0)
    for folder, noise in (("query", 0), ("gallery", 3)):
        (tmp_path / folder).mkdir()
        for person in range(3):
            picture = np.random.default_rng(person).integers(0, 256, (80, 40, 3)) + rng.integers(-noise, noise + 1)
            pixels = picture.clip(0, 255).astype("uint8")
            if person == 2:  # grey of 16 bits in one folder, of 8 in the other
                pixels = pixels[..., 0] if noise else pixels[..., 0].astype("uint16") * 257
            Image.fromarray(pixels).save(tmp_path / folder / f"{person}.png")
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
    assert min(float(line.split()[0]) for line in lines if line.startswith(" ")) > 0.99


@pytest.mark.parametrize("fault", ["gone", "damaged", "other", "size", "clips", "image", "empty"])
def test_example_without_tensorflow_ends_in_one_line(exports, tmp_path, fault):
    onnx = pytest.importorskip("onnx")
    (tmp_path / "query").mkdir()
    Image.new("RGB", (20, 40)).save(tmp_path / "query" / "a.png")
    model = tmp_path / "a.onnx"
    proto = onnx.load(exports / "clips" / "clips.onnx" if fault == "clips" else exports / "image" / "image.onnx")
    about = {each.key: each for each in proto.metadata_props}["iaunet_tf"]
    if fault == "other":
        about.value = "{}"
    elif fault == "size":
        about.value = json.dumps({**json.loads(about.value), "height": 1000000})
    elif fault == "image":
        (tmp_path / "query" / "a.png").write_bytes(b"no image")
    elif fault == "empty":
        (tmp_path / "query" / "a.png").unlink()
    if fault != "gone":
        model.write_bytes(b"nothing" if fault == "damaged" else proto.SerializeToString())
    script = str(DEPLOY / "onnxruntime" / "nearest.py")
    done = subprocess.run(
        [sys.executable, script, str(model), "query", "query"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
