"""Workers of distributed training, from `TF_CONFIG` or Slurm."""

import json
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from iaunet_tf.errors import InputError

SLURM_PORT = 12355


@dataclass(frozen=True)
class Cluster:
    """Workers of a run, one process per host (or per GPU)."""

    addresses: tuple[str, ...]  # `host:port` of each; the first one is the chief
    index: int  # of this worker

    def tf_config(self) -> str:
        """The value of `TF_CONFIG` for this worker."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": list(self.addresses)}, "task": task})

    def check_port(self) -> None:
        """Checks that the port of this worker is free."""
        port = int(self.addresses[self.index].rsplit(":", 1)[1])
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError as error:
                raise InputError(
                    f"port {port} of this worker, {self.addresses[self.index]}, cannot be used ({error.strerror}); "
                    "choose another one in TF_CONFIG, or stop the process that uses it"
                ) from None

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Exits the process with a message that names the missing workers if the block takes longer than `seconds`."""

        def give_up():
            others = [address for i, address in enumerate(self.addresses) if i != self.index]
            names = ", ".join(address for address in others if not _listens(address)) or "a worker"
            print(f"\nerror: {names} did not appear within {seconds:.0f} s; start all workers", flush=True)
            # The main thread waits inside TensorFlow, where exceptions do not reach it.
            os._exit(1)

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def find_cluster() -> Cluster | None:
    """The cluster given by `TF_CONFIG` or else by Slurm (`srun`); None for a single worker."""
    if os.environ.get("TF_CONFIG"):
        cluster = parse_tf_config(os.environ["TF_CONFIG"])
    elif int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        cluster = from_slurm(os.environ)
    else:
        return None
    return cluster if len(cluster.addresses) > 1 else None


def parse_tf_config(text: str) -> Cluster:
    """Parses the value of `TF_CONFIG`."""
    example = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'

    def malformed(why):
        return InputError(f"TF_CONFIG: {why}; it must look like {example}")

    try:
        config = json.loads(text)
    except ValueError as error:
        raise malformed(f"not valid JSON ({error})") from None
    try:
        hosts, kind, index = config["cluster"], config["task"]["type"], config["task"]["index"]
        jobs = {job: hosts[job] for job in ("chief", "worker") if job in hosts}
        if not all(isinstance(addresses, list) for addresses in jobs.values()):
            raise TypeError
        place = int(index)
    except (KeyError, TypeError, ValueError):
        raise malformed("cluster or task is missing or has the wrong type") from None
    if set(hosts) - {"chief", "worker"}:
        raise malformed(f"jobs must be chief and worker; received {', '.join(hosts)}")
    addresses = [address for job in jobs.values() for address in job]
    for address in addresses:
        if not isinstance(address, str) or not address.rpartition(":")[2].isdigit():
            raise malformed(f"{address!r} is not a host:port")
    if len(set(addresses)) < len(addresses):
        raise malformed("an address is listed twice")
    if kind not in jobs or not 0 <= place < len(jobs[kind]):
        raise malformed(f"there is no {kind} {index} in the cluster")
    return Cluster(tuple(addresses), place + (len(jobs.get("chief", [])) if kind == "worker" else 0))


def from_slurm(environ: Mapping[str, str]) -> Cluster:
    """Derives the cluster of a Slurm step from the variables that `srun` sets for its tasks.

    TensorFlow's own `SlurmClusterResolver` sorts hosts by name, so that node10 gets the rank of node2, and ignores
    hosts without GPUs. `srun` controls which GPUs a task sees (`--gpus-per-task`).
    """
    try:
        hosts = expand_hosts(environ["SLURM_STEP_NODELIST"])
        tasks = []
        for part in environ["SLURM_STEP_TASKS_PER_NODE"].split(","):
            ((count, times),) = re.findall(r"^(\d+)(?:\(x(\d+)\))?$", part)
            tasks += [int(count)] * int(times or 1)
        rank = int(environ["SLURM_PROCID"])
    except (KeyError, AttributeError, ValueError) as error:
        raise InputError(f"the variables of the Slurm step cannot be parsed ({error}); set TF_CONFIG instead") from None
    addresses = [f"{host}:{SLURM_PORT + k}" for host, count in zip(hosts, tasks, strict=True) for k in range(count)]
    return Cluster(tuple(addresses), rank)


def expand_hosts(hosts: str) -> list[str]:
    """Expands a Slurm host list: `"a[01-02,7],b"` becomes `["a01", "a02", "a7", "b"]`."""
    names = []
    for prefix, ranges, suffix in re.findall(r"([^,\[]+)(?:\[([^\]]*)\])?([^,\[]*)", hosts):
        if not ranges:
            names.append(prefix + suffix)
            continue
        for part in ranges.split(","):
            first, _, last = part.partition("-")
            names += [f"{prefix}{n:0{len(first)}}{suffix}" for n in range(int(first), int(last or first) + 1)]
    return names


def _listens(address):
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=3):
            return True
    except OSError:
        return False
