import http.client
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from serving.odd import NAMES

from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images


@dataclass
class Running:
    """A service that runs: `running(method, path, body)` asks it."""

    port: int
    service: object
    gallery: object
    network: object
    files: list

    def __call__(self, method, path, body=None, host=None, **headers):
        """Status, headers and content, of JSON what it says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, dict | list):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        connection.putrequest(method, path, skip_host=host is not None)
        if host:
            connection.putheader("Host", host)
        if body is not None:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.headers.get_content_type() == "application/json":
            content = json.loads(content)
        return answer.status, answer.headers, content

    def search(self, body, **query):
        status, _, content = self("POST", f"/api/search?{urlencode(query, doseq=True)}", body)
        return status, content

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def needed():
    """Skips what depends on it where a package is missing."""
    for package in ("pymilvus", "starlette", "uvicorn"):
        pytest.importorskip(package, reason=f"iaunet serve needs {package}")


@pytest.fixture(scope="session")
def network(needed):
    from exporting.networks import network

    from iaunet_tf import Embedder

    return Embedder(network())


@pytest.fixture(scope="session")
def pictures(needed, tmp_path_factory):
    """Files of drawn people, by name."""
    folder = tmp_path_factory.mktemp("people")
    ensure_images(folder / "market", ImageOptions(train_people=1, test_people=6, cameras_per_person=3, distractors=0))
    return sorted((folder / "market").glob("[bq]*/*.jpg"))


@pytest.fixture(scope="session")
def run(network, pictures, tmp_path_factory):
    """`with run(...) as running`: a service of a gallery of pictures, people of which have odd names."""
    from iaunet_tf.gallery import Entry, Gallery
    from iaunet_tf.serving.app import Service
    from iaunet_tf.serving.server import Server, listen

    vectors = network(pictures)

    @contextmanager
    def start(embed=network, **options):
        folder = tmp_path_factory.mktemp("gallery")
        entries = [
            Entry(
                file=file,
                identity=NAMES[(i // 4) % len(NAMES)] if i % 4 else None,
                camera=str(i % 3) if i % 5 else None,
                time=1.7e9 + 40 * i if i % 6 else None,
            )
            for i, file in enumerate(pictures)
        ]
        with Gallery(folder / "people.db", embed) as gallery, listen("127.0.0.1", 0) as listening:
            gallery.add(entries, vectors)
            service = Service(gallery, embed, **options)
            server = Server(service)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            try:
                yield Running(listening.getsockname()[1], service, gallery, embed, pictures)
            finally:
                server.should_exit = True
                thread.join()
                service.close()

    return start


@pytest.fixture(scope="module")
def running(run):
    with run(threshold=0.05) as service:
        yield service
