"""The page's searches under load, over HTTP on this machine: `python -m benchmarks.serving MODEL [ENTRIES [SECONDS]]`.

Searches of 50 programs at once, each of which sends another picture as soon as the last one is answered.
"""

import http.client
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf import Embedder
from iaunet_tf.gallery import Entry, Gallery

AT_ONCE, ENTRIES, SECONDS = 50, 100_000, 60.0
CAMERAS, PEOPLE, BATCH = 8, 2000, 10_000


def main(model: str, entries: int = ENTRIES, seconds: float = SECONDS) -> None:
    """Prints how long searches take, one after another and many at once, and how many fail."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "people.db"
        start = time.perf_counter()
        fill(place, Embedder(model), entries)
        print(f"{entries} entries added in {time.perf_counter() - start:.1f} s", flush=True)
        command = [sys.executable, "-m", "iaunet_tf", "serve", str(place), "--model", model, "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                    break
            port = int(found[1])
            for what, path in (("/api/info", "/api/info"), ("a path", "/api/identity?name=7")):
                start = time.perf_counter()
                ask(http.client.HTTPConnection("127.0.0.1", port), "GET", path)
                print(f"{what}: {time.perf_counter() - start:.3f} s", flush=True)
            for count, duration in ((1, min(10.0, seconds)), (AT_ONCE, seconds)):
                start = time.perf_counter()
                times, errors = load(port, count, duration)
                report(count, time.perf_counter() - start, times, errors)
            print(f"memory of the service: {memory(process.pid) / 2**20:.0f} MiB")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def fill(place: Path, embed: Embedder, entries: int) -> None:
    """A gallery of random embeddings."""
    rng = np.random.default_rng(0)
    with Gallery(place, embed) as gallery:
        for start in range(0, entries, BATCH):
            count = min(BATCH, entries - start)
            vectors = rng.standard_normal((count, gallery.dimension), "float32")
            gallery.add(
                [
                    Entry(id=str(i), identity=str(i % PEOPLE), camera=str(i % CAMERAS), time=1.7e9 + i)
                    for i in range(start, start + count)
                ],
                vectors,
            )


def load(port: int, count: int, seconds: float) -> tuple[list[float], list[str]]:
    """Searches `count` at once for some seconds: how long each took, and what was wrong with those that failed."""
    times, errors, until = [], [], time.monotonic() + seconds

    def search(seed):
        rng = np.random.default_rng(seed)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while time.monotonic() < until:
            picture = io.BytesIO()
            Image.fromarray(rng.integers(0, 255, (256, 128, 3), "uint8")).save(picture, "JPEG")
            start = time.perf_counter()
            try:
                status = ask(connection, "POST", "/api/search?threshold=0.5", picture.getvalue())
            except OSError as error:
                status = str(error)
            if status == 200:
                times.append(time.perf_counter() - start)
            else:
                errors.append(str(status))

    threads = [threading.Thread(target=search, args=(seed,)) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, errors


def ask(connection, method, path, body=None):
    """Asks, reads the answer to its end, and returns the status."""
    connection.request(method, path, body)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def report(count, seconds, times, errors):
    middle, high = np.percentile(times, [50, 95]) if times else (np.nan, np.nan)
    print(
        f"{count} at once for {seconds:.1f} s: {len(times)} searches, {len(times) / seconds:.1f} a second, "
        f"p50 {middle:.3f} s, p95 {high:.3f} s, errors {len(errors)}{': ' if errors else ''}"
        f"{', '.join(sorted(set(errors)))[:200]}",
        flush=True,
    )


def memory(process: int) -> int:
    """Resident bytes of a process."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(sys.argv[1], *(kind(word) for kind, word in zip((int, float), sys.argv[2:], strict=False)))
