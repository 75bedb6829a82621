"""What each worker gets of the machines of a cluster."""

from collections.abc import Iterable, Mapping

from iaunet_tf.errors import InputError


def share(nodes: Iterable[Mapping], workers: int | None, device: str) -> tuple[int, int, int]:
    """Number of workers, and CPUs and GPUs of each, so that all find room.

    Args:
        nodes: what `ray.nodes()` returns.
        workers: None for one for each GPU, or else for each machine.
        device: `"cuda"`, `"cpu"`, or `"auto"` for GPUs if there are any.

    Raises:
        InputError: the cluster has no room for that many workers.
    """
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    room = [(int(each.get("CPU", 0)), int(each.get("GPU", 0))) for each in machines if each.get("CPU", 0) >= 1]
    cpus, gpus = (sum(each[kind] for each in room) for kind in (0, 1))
    if device == "cpu":
        gpus = 0
    elif device == "cuda" and not gpus:
        raise InputError("--device cuda: Ray finds no GPU; use device auto or cpu")
    if workers is None:
        workers = gpus or len(room)
    if gpus and workers > gpus:
        raise InputError(f"--workers {workers}: Ray has {gpus} GPUs, one for each; --device cpu takes more workers")
    for each in range(max((cpu for cpu, _ in room), default=0), 0, -1):
        if sum(min(cpu // each, gpu) if gpus else cpu // each for cpu, gpu in room) >= max(workers, 1):
            return workers, each, int(gpus > 0)
    raise InputError(f"--workers {workers}: Ray has {cpus} CPUs, and each worker needs one")
