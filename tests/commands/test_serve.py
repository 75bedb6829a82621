"""`iaunet serve` as a user types it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from iaunet_tf.commands import main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a small network `people.keras`, its gallery `people.db`, and another's, `other.db`."""
    for package in ("pymilvus", "starlette", "uvicorn"):
        pytest.importorskip(package, reason=f"iaunet serve needs {package}")
    from exporting.networks import network

    from iaunet_tf import Embedder
    from iaunet_tf.gallery import Entry, Gallery

    folder = tmp_path_factory.mktemp("serve")
    network().save(folder / "people.keras")
    with Gallery(folder / "people.db", Embedder(folder / "people.keras")) as gallery:
        gallery.add([Entry(id="a", identity="Ada")], np.eye(1, gallery.dimension))
    with Gallery(folder / "other.db", ("ab" * 32, 16)) as gallery:
        gallery.add([Entry(id="a")], np.eye(1, 16))
    (folder / "text.onnx").write_text("This is no network.")
    return folder


def serve(place, *words, gallery="people.db", model="people.keras"):
    return ["serve", str(place / gallery), "--model", str(place / model), *words]


@pytest.mark.parametrize(
    ("words", "names", "message"),
    [
        (["--host", "0.0.0.0"], {}, "--host 0.0.0.0: others could ask, too; set a token in IAUNET_TOKEN"),
        (["--host", "::"], {}, "--host ::: others could ask, too; set a token in IAUNET_TOKEN"),
        (["--host", "127.0.0.1.evil.example"], {}, "others could ask, too"),
        (["--token", "short"], {}, "the token must be at least 16 ASCII characters"),
        (["--token", "ü" * 20], {}, "the token must be at least 16 ASCII characters"),
        (["--host", "no such host", "--token", "x" * 16], {}, "--host no such host: no such address"),
        (["--host", "192.0.2.1", "--token", "x" * 16], {}, "--host 192.0.2.1: is no address of this machine"),
        (["--port", "70000"], {}, "--port must be a whole number from 0 to 65535; received 70000"),
        (["--threshold", "nan"], {}, "--threshold must be 0 to 2; received nan"),
        (["--max_upload", "0"], {}, "--max_upload must be a whole number from 1 to 1000; received 0"),
        ([], {"gallery": "gone.db"}, "gone.db: no such gallery; iaunet gallery add"),
        ([], {"gallery": "other.db"}, "other.db: holds embeddings of another network"),
        ([], {"gallery": "people.keras"}, "a gallery is a name that ends in .db"),
        ([], {"model": "gone.onnx"}, "gone.onnx: no such file"),
        ([], {"model": "text.onnx"}, "text.onnx: "),
        (["--colour", "red"], {}, "there is no option --colour"),
    ],
)
def test_mistakes(place, capsys, words, names, message):
    words = words if "--port" in words else [*words, "--port", "0"]
    assert main(serve(place, *words, **names)) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said and said.count("\n") == 1


def test_port_that_is_taken(place, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(serve(place, "--port", str(port))) == 1
    assert capsys.readouterr().err == f"error: --port {port}: is taken on 127.0.0.1; choose another\n"


@pytest.mark.parametrize("package", ["Uvicorn", "Starlette"])
def test_package_that_is_missing(place, package, capsys, monkeypatch):
    for name in [*sys.modules]:
        if name.startswith(("iaunet_tf.serving", "starlette", "uvicorn")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package.lower(), None)
    assert main(serve(place)) == 1
    assert capsys.readouterr().err == f"error: iaunet serve: requires {package}: pip install 'iaunet-tf[serve]'\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "last"), [(signal.SIGTERM, 143, "stopped by SIGTERM"), (signal.SIGINT, 130, "interrupted")]
)
def test_start_and_stop(place, number, code, last):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IAUNET_TOKEN": "a-token-of-24-characters"}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    command = [sys.executable, "-m", "iaunet_tf", *serve(place, "--host", "0.0.0.0", "--port", "0")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        port = re.search(r"people\.db: 1 entries at http://0\.0\.0\.0:(\d+); Ctrl-C ends it", line)
        if port:
            break
    connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=30)
    connection.request("GET", "/api/info")
    answer = connection.getresponse()
    assert answer.status == 401 and json.loads(answer.read())["error"]
    # While it is open, nobody else can open the gallery.
    second = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert second.returncode == 1 and "another process has it open" in second.stderr
    # Somebody who never sends the rest does not keep it from ending.
    slow = socket.create_connection(("127.0.0.1", int(port[1])))
    head = "POST /api/search HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nAuthorization: Bearer {IAUNET_TOKEN}\r\n\r\n1"
    slow.sendall(head.format(**environment).encode())
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code and said.strip() == last
    slow.close()
