"""Embedding by workers of Ray: `iaunet embed --engine ray`."""

import contextlib
import logging
import os
import secrets
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

import iaunet_tf
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.inference import Embedder
from iaunet_tf.inference.alike import all_alike
from iaunet_tf.many.parts import LEFT_OUT, Parts
from iaunet_tf.many.shares import share
from iaunet_tf.many.sources import is_remote
from iaunet_tf.many.workers import Attempts, Order, Worker, fetch
from iaunet_tf.terminal import progress, quietly
from iaunet_tf.weights.pretrained import is_published

WAIT = 5  # seconds for a cluster to answer
NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}


def import_ray(address: str | None) -> None:
    """Imports Ray, quiet and closed; refuses, before anything takes long, to go on without it, or with an `address`
    where nothing answers."""
    # Read when Ray is imported, also by the processes that it starts. Its ports are open to the network, and run any
    # code: on this machine alone, only for who knows a token.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if address is None:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    with needed("--engine ray"):
        import ray.data  # noqa: F401
    if address in (None, "auto"):
        return
    if address.startswith("ray://"):
        remedy = "on a machine of the cluster, give --address auto"
        raise InputError(f"--address {address}: Ray's client does not do for Ray Data; {remedy}")
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal() and 0 < int(port) < 65536) or "/" in host:
        raise InputError(f"--address must be auto or host:port; received {address}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), WAIT).close()
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"--address {address}: does not answer ({reason}); is Ray started there?") from None


def embed_on_ray(
    model: str | Path,
    paths: Sequence[str],
    out: Path,
    *,
    sources: Sequence[str],
    part_size: int,
    address: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    skip: bool = False,
    **options,
) -> None:
    """Embeds images by workers of Ray into the folder `out`, see `Parts`; goes on where it was ended.

    Args:
        model: as of `Embedder`, a network for single images.
        paths: files, which every machine has under these names, and addresses in object storage.
        address: of a cluster, or None to start Ray on this machine alone.
        workers: their number, by default one for each GPU, or else for each machine.
        skip: leave images out that cannot be read, and write down which; otherwise the first one ends it.
        options: `batch_size`, `input` and `runtime` of `Embedder`.

    Raises:
        InputError: something of this cannot be used, or `out` holds something else.
    """
    # On no GPU, whose memory the workers need.
    with _variables(**NO_GPU):
        embed = Embedder(model, device="cpu", **options)
    if embed.metadata.video:
        raise InputError(f"{model}: is a network for clips, which are embedded without --engine ray")
    print(embed.fed)
    parts = Parts(out, embed.fingerprint, embed.runtime, embed.metadata.embedding, sources, paths, part_size)
    with parts.begun() as missing:
        if missing:
            _fill(parts, missing, embed, model, options, address, workers, device, skip)
        embedded, left = parts.finish()
    if left:
        print(f"{left} of {len(paths)} images cannot be used and are left out: {out / LEFT_OUT}")
    print(f"{embedded} embeddings of {embed.metadata.embedding} numbers: {out}")


def _fill(parts, missing, embed, model, options, address, workers, device, skip):
    """Embeds the images of the parts that are missing."""
    images, whole, doubt = sum(len(parts.paths_of(number)) for number in missing), len(parts.paths), None
    if images < whole:
        print(f"{parts.folder}: goes on after {whole - images} of {whole}")
    with _connected(address) as ray, progress("embedding", whole) as bar:
        bar.update(whole - images)
        shares = share(ray.nodes(), workers, device)
        for number, rows, reasons in _answers(ray, embed, model, parts, missing, shares, options):
            count = len(parts.paths_of(number))
            if reasons and not skip:
                faults = f"{reasons[min(reasons)]}; {len(reasons)} of {count} images cannot be used"
                raise InputError(f"{faults}; --on_corrupt skip leaves such images out")
            if embed.stated and number == missing[0]:
                doubt = all_alike(rows)
            parts.write(number, rows, reasons)
            bar.update(count)
    if doubt:
        print(f"warning: {doubt}")


def _answers(ray, embed, model, parts, missing, shares, options) -> Iterator[tuple[int, np.ndarray, dict[int, str]]]:
    """Number, embeddings `(N, D)` and faults of the images by their places, of the parts as they are finished."""
    workers, cores, gpus = shares
    data = ray.data.DataContext.get_current()
    data.enable_progress_bars = data.print_on_execution_start = False
    order = Order(
        *_files(ray, embed, model),
        batch_size=embed.batch_size,
        device="cuda" if gpus else "cpu",
        input=embed.stated,
        runtime=options["runtime"] if gpus else _runtime(embed),
        runs_in=None if gpus else embed.runtime,
        cores=cores,
        version=iaunet_tf.__version__,
        attempts=ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote(),
    )
    rows = [{"part": number, "paths": [*map(_place, parts.paths_of(number))]} for number in missing]
    # Reading takes no CPU from those that embed, which may have them all; they decode. Workers that die are started
    # again, and what they had begun is begun again.
    flow = (
        ray.data.from_items(rows, override_num_blocks=len(rows))
        .map(fetch, num_cpus=0, compute=ray.data.TaskPoolStrategy(size=workers))
        .map(
            Worker,
            fn_constructor_args=(order,),
            num_cpus=cores,
            num_gpus=gpus or None,
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
        )
    )
    try:
        for row in flow.iter_rows():
            if row["error"]:
                raise InputError(row["error"])
            number, places = int(row["part"]), {int(place) for place in row["places"]}
            names = parts.paths_of(number)
            if row["absent"] == len(names) > 1:  # more than images that somebody has removed
                raise InputError(f"{row['reasons'][0]}; nor any other of {len(names)}: has every machine this folder?")
            rows = np.frombuffer(row["rows"], "float32").reshape(len(places), embed.metadata.embedding)
            yield number, rows, {at: row["reasons"][at] for at in range(len(names)) if at not in places}
    except (ray.exceptions.RaySystemError, ray.exceptions.RayActorError, ray.exceptions.ObjectLostError) as error:
        raise InputError(f"Ray: {reason_of(error)}; repeat the command to go on") from None


def _files(ray, embed, model):
    """What an `Order` has as `network` and `files`. The contents travel, so that other machines need no copy."""
    if is_published(model):
        return str(model), None
    folder = embed.path if embed.path.is_dir() else embed.path.parent
    contents = {file.relative_to(folder).as_posix(): file.read_bytes() for file in embed.files}
    return "" if embed.path.is_dir() else embed.path.name, ray.put(contents)


def _runtime(embed):
    """The runtime that every worker has to take: `auto` could choose another on another machine."""
    onnx = embed.path and embed.path.suffix == ".onnx"
    return ("openvino" if embed.runtime.startswith("OpenVINO") else "onnxruntime") if onnx else "auto"


def _place(path):
    """Where a worker finds an image, in bytes, since names of files need not be Unicode."""
    return os.fsencode(path if is_remote(path) else os.path.abspath(path))


@contextlib.contextmanager
def _connected(address):
    """Yields the module `ray`, connected to a cluster, or to one of its own on this machine."""
    import ray
    import ray.data

    before = signal.getsignal(signal.SIGTERM)
    alone = {} if address else {"include_dashboard": False}
    try:
        with quietly():
            ray.init(address or "local", logging_level="error", log_to_driver=False, **alone)
            logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    except (Exception, SystemExit) as error:  # of the latter, when it has waited in vain
        remedy = "is Ray of the same version started there?" if address else "is there space in /tmp, and memory?"
        where = f"--address {address}: cannot connect" if address else "Ray does not start here"
        raise InputError(f"{where} ({reason_of(error)}); {remedy}") from None
    finally:
        if before is not None and signal.getsignal(signal.SIGTERM) is not before:
            signal.signal(signal.SIGTERM, before)
    # What it says of workers that died goes to standard output.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        try:
            yield ray
        finally:
            with quietly():
                ray.shutdown()


@contextlib.contextmanager
def _variables(**values: str) -> Iterator[Mapping[str, str]]:
    """Sets environment variables until the block ends."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield os.environ
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
