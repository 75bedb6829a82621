import itertools
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

NETWORK, DIMENSION = "ab" * 32, 16


@pytest.fixture(scope="module")
def milvus_server(tmp_path_factory):
    """A real Milvus server, whose program the package `milvus` carries; it takes half a minute to start."""
    milvus = pytest.importorskip("milvus", reason="pip install milvus==2.3.5 brings the program of a Milvus server")
    folder, here = tmp_path_factory.mktemp("milvus"), os.getcwd()
    server = milvus.MilvusServer(milvus.MilvusServerConfig(data_dir=str(folder)), wait_for_started=False)
    with FileLock(Path(tempfile.gettempdir()) / "iaunet-milvus.lock"):  # a machine has ports for one of them
        try:
            server.start()
            server.wait_started(60_000)
        except (OSError, RuntimeError, TimeoutError) as error:
            _kill(server)
            pytest.skip(f"the Milvus server of package milvus does not run here: {error}")
        finally:
            os.chdir(here)
        yield server
        _kill(server)


def _kill(server):
    """Its own `stop` waits 3 seconds at most, and leaves it behind on a busy machine."""
    if server.server_proc:
        server.server_proc.kill()
        server.server_proc.wait(60)


@pytest.fixture(scope="module", params=["lite", pytest.param("server", marks=pytest.mark.slow)])
def make(request, tmp_path_factory):
    """`make()` is a new gallery, in Milvus Lite or on the server; `make(again=gallery)` opens it once more."""
    pytest.importorskip("pymilvus")
    from iaunet_tf import Gallery

    numbers, opened = itertools.count(), []

    def new(network=(NETWORK, DIMENSION), again=None, **options):
        if again:
            place, options["collection"] = again.uri, again.collection
        elif request.param == "lite":
            place = tmp_path_factory.mktemp("gallery") / "people.db"
        else:
            server = request.getfixturevalue("milvus_server")
            place, options["collection"] = f"http://127.0.0.1:{server.listen_port}", f"people{next(numbers)}"
        opened.append(Gallery(place, network, **options))
        return opened[-1]

    yield new
    for gallery in opened:
        gallery.close()


@pytest.fixture
def people():
    """`people(n)`: entries and their embeddings, `(n, 16)` of length 1."""
    from iaunet_tf.gallery import Entry

    def draw(count, seed=0):
        rng = np.random.default_rng(seed)
        vectors = rng.normal(size=(count, DIMENSION)).astype("float32")
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        entries = [
            Entry(
                file=f"/data/{seed}/{i}.jpg",
                identity=f"person {i % 40}" if i % 4 else None,
                camera=str(i % 3) if i % 5 else None,
                time=1.7e9 + i / 8 if i % 2 else None,
            )
            for i in range(count)
        ]
        return entries, vectors

    return draw
