"""What drawn images and drawn tracklets have in common: the cast, the cameras, and a folder written whole."""

import contextlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from itertools import chain, repeat
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.dataset import PARTS
from iaunet_tf.data.synthetic.pedestrians import BACKGROUND, HEAD, HEIGHT, WIDTH, Camera, Person
from iaunet_tf.errors import InputError
from iaunet_tf.files import making, write_json
from iaunet_tf.terminal import progress

DESCRIPTION, OLD_DESCRIPTION = "synthetic.json", "embedded.json"
FILES, KINDS = "files", (".jpg", ".png", ".txt", ".mat")  # in the description, their number in each folder
ENDS = (signal.SIGINT, signal.SIGTERM)
ANGLES = (0.0, np.pi, np.pi / 2, -np.pi / 2, 0.7, np.pi - 0.7)


def cast(seed: int, alike: int, first: int, count: int) -> list[Person]:
    """People `first` to `first + count`: in every six, the first `alike` wear the same clothes."""
    people = []
    for index in range(first, first + count):
        person = Person.random(np.random.default_rng((seed, 1, index)))
        place = (index - first) % 6
        if 0 < place < alike:
            person = person.dressed_like(people[-place])
        people.append(person)
    return people


@lru_cache(maxsize=2)
def cameras(seed: int, dusk: bool = False) -> list[Camera]:
    """The six cameras."""
    drawn = [Camera.random(np.random.default_rng((seed, 2, index)), angle) for index, angle in enumerate(ANGLES)]
    return [camera.at_dusk() for camera in drawn] if dusk else drawn


def ensure_drawn(
    root: Path,
    description: dict,
    folders: Iterable[str],
    walks: list,
    draw: Callable[[object, Path], None],
    count: int,
    finish: Callable[[Path], None] = lambda root: None,
) -> None:
    """Draws `count` images into `root`, whole or not at all, unless one so described is there.

    `draw`, which can be pickled, draws one of `walks`; `finish` writes what else belongs to them.
    """
    root = root.expanduser().resolve()
    if _is_drawn(root, description):
        return
    print(f"Drawing {count} images of pedestrians into {root}", flush=True)
    with making(root) as temporary:
        for folder in folders:
            (temporary / folder).mkdir(parents=True)
        in_processes(draw, walks, temporary)
        finish(temporary)
        write_json(temporary / DESCRIPTION, {**description, FILES: _files(temporary)})
    _is_drawn(root, description)  # by whichever process was faster


def _is_drawn(root, description):
    """Whether the data set is there, whole; an InputError if something else is."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    found = None
    for name in (DESCRIPTION, OLD_DESCRIPTION):
        with contextlib.suppress(OSError, ValueError):
            found = found or json.loads((root / name).read_text())
    if not isinstance(found, dict):
        raise InputError(
            f"{root}: exists and is not a synthetic data set; set another --data.root; to train on your own images: "
            f"--config configs/own.yaml --data.root {root}"
        )
    drawn = found.pop(FILES, {})  # older versions did not count
    if found != description:
        raise InputError(
            f"{root}: holds a synthetic data set drawn with other options; read it by --data.name market1501 or mars, "
            "or set another --data.root"
        )
    there = _files(root) if drawn else {}
    for folder, count in drawn.items():
        if there.get(folder, 0) < count:
            raise InputError(
                f"{root / folder}: holds {there.get(folder, 0)} of the {count} files that were drawn; remove the data "
                "set to draw it anew, or set another --data.root"
            )
    return True


def _files(root):
    """Number of images, masks and tables in each of a data set's folders; hidden files are the system's."""
    counts = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        names = chain.from_iterable(files for _, _, files in os.walk(folder))
        counts[folder.name] = sum(name.endswith(KINDS) and not name.startswith(".") for name in names)
    return counts


def in_processes(draw: Callable[[object, Path], None], walks: list, folder: Path, shown: bool = True) -> None:
    """Draws each of `walks` into `folder` on all cores, with progress if `shown`. If it is interrupted or fails, the
    walks that were begun are finished, no more."""
    # "spawn": the caller may already hold TensorFlow's threads, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=context, initializer=_end_with_parent) as pool:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # which the processes inherit
        try:
            drawn = pool.map(draw, walks, repeat(folder))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            with progress("drawing", len(walks), shown) as bar:
                for _ in drawn:
                    bar.update()
        except BrokenProcessPool:
            reason = "short of memory, or started by a script without `if __name__ == '__main__':`"
            raise InputError(f"drawing ended early: a process was {reason}") from None


def _end_with_parent():
    """Leaves signals to the parent, and does not outlive it."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def save_masks(folder: Path, labels: np.ndarray) -> None:
    """Writes the part masks of an image's labels."""
    folder.mkdir(parents=True)
    masks = {part: labels == index for index, part in enumerate(PARTS, start=HEAD)}
    masks["foreground"] = labels != BACKGROUND
    for part, mask in masks.items():
        Image.fromarray(mask).save(folder / f"{part}.png")


def sheet(rows: list[list[Image.Image]], columns: int) -> Image.Image:
    """Pictures in rows of up to `columns`, two white pixels apart."""
    step_x, step_y = WIDTH + 2, HEIGHT + 2
    page = Image.new("RGB", (columns * step_x - 2, len(rows) * step_y - 2), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            page.paste(picture, (x * step_x, y * step_y))
    return page
