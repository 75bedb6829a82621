"""Which images or frames an epoch shows: pure functions of seed and epoch.

Functions of an epoch return one entry for each of its places, so that any epoch, and any place in it, can be replayed.
"""

from dataclasses import dataclass

import numpy as np

from iaunet_tf.data.dataset import Subset
from iaunet_tf.errors import InputError

# Independent streams of random numbers for one (seed, epoch).
ORDER, AUGMENTATION, CROPS, CLIPS, SHIFTS, COLOURS, PATCHES, POLICY = range(8)


@dataclass(frozen=True)
class Share:
    """Which part of an epoch's batches one worker feeds to its replicas.

    Every batch is cut into equal parts, one for each worker, and these into equal parts for its
    replicas, in order, so that no image is seen twice and groups of a person stay together.
    """

    skip: int = 0  # batches of the epoch that are done already
    worker: int = 0
    workers: int = 1
    replicas: int = 1  # of each worker

    def places(self, count: int, batch_size: int) -> np.ndarray:
        """Places of this share among the `count` of an epoch, in the order of its batches."""
        places = np.arange(count).reshape(-1, self.workers, batch_size // self.workers)
        return places[self.skip :, self.worker].reshape(-1)

    def batch_size(self, batch_size: int) -> int:
        """Images of a replica in a batch of `batch_size`."""
        return batch_size // (self.workers * self.replicas)


WHOLE = Share()


def groups_per_epoch(labels: np.ndarray, group_size: int) -> int:
    """How many groups of `group_size` images of one person an epoch has."""
    counts = np.bincount(labels)
    return int(np.maximum(counts[counts > 0] // group_size, 1).sum())


def people_of_hosts(labels: np.ndarray, hosts: int) -> list[np.ndarray]:
    """The entries of each host if every one has people of its own, those of neighbouring labels."""
    people = np.unique(labels, return_inverse=True)[1]
    return [np.flatnonzero(people * hosts // (people.max() + 1) == host) for host in range(hosts)]


def check_batches(labels: np.ndarray, batch_size: int, group_size: int, hosts: int = 1) -> int:
    """Number of batches of an epoch, to which each of `hosts` with people of its own contributes equally.

    Raises:
        InputError: batches do not consist of whole groups, an epoch is shorter than a batch, or there is one person.
    """
    if hosts > 1:
        parts = people_of_hosts(labels, hosts)
        return min(check_batches(labels[part], batch_size // hosts, group_size) for part in parts)
    if batch_size % group_size:
        raise InputError(f"train.batch_size {batch_size} is not a multiple of train.group_size {group_size}")
    people, groups = len(np.unique(labels)), groups_per_epoch(labels, group_size)
    if people < 2:
        raise InputError("there is one person to train on, and nobody to tell them from; set --data.root")
    if groups * group_size < batch_size:
        raise InputError(
            f"the {people} people make {groups} groups of {group_size} images, a batch of "
            f"{batch_size} needs {batch_size // group_size}; lower --train.batch_size"
        )
    return groups * group_size // batch_size


def epoch_order(
    labels: np.ndarray,
    batch_size: int,
    group_size: int,
    seed: int,
    epoch: int,
    hosts: int = 1,
    balanced: bool = False,
    cameras: np.ndarray | None = None,
) -> np.ndarray:
    """The order in which an epoch shows images, int `(steps · batch_size,)`.

    The recipe's sampler: each person's shuffled images are cut into groups of `group_size`; a person with fewer gives
    one group drawn with replacement, a remainder is dropped. Groups are shuffled; the last short batch is dropped.
    Each of `hosts` has its part of every batch from people of its own. `balanced` gives everybody equally many groups,
    as many in all as otherwise, from images shuffled again where they do not last. With `cameras` `(N,)`, neighbours
    in a group are of different cameras as far as there are.
    """
    if hosts > 1:
        size, parts = batch_size // hosts, people_of_hosts(labels, hosts)
        batches = []
        for part in parts:
            own = None if cameras is None else cameras[part]
            order = epoch_order(labels[part], size, group_size, seed, epoch, balanced=balanced, cameras=own)
            batches.append(part[order].reshape(-1, size))
        steps = min(map(len, batches))
        return np.stack([each[:steps] for each in batches], axis=1).reshape(-1)
    steps = check_batches(labels, batch_size, group_size)
    rng = np.random.default_rng((seed, epoch, ORDER))

    def groups_of(rows):
        """Groups of one person's images."""
        if len(rows) < group_size:
            return rng.choice(rows, group_size)[None]
        rows = rng.permutation(rows)
        if cameras is not None:
            rows = rows[np.argsort(_turns(cameras[rows]), kind="stable")]
        return rows[: len(rows) // group_size * group_size].reshape(-1, group_size)

    _, begins = np.unique(np.sort(labels), return_index=True)
    people = np.split(np.argsort(labels, kind="stable"), begins[1:])
    if not balanced:
        groups = [group for rows in people for group in groups_of(rows)]
        return rng.permutation(groups).reshape(-1)[: steps * batch_size]
    total = groups_per_epoch(labels, group_size)
    wanted = total // len(people) + (rng.permutation(len(people)) < total % len(people))
    groups = []
    for rows, count in zip(people, wanted, strict=True):
        own = groups_of(rows)
        while len(own) < count:
            own = np.concatenate([own, groups_of(rows)])
        groups.extend(own[:count])
    return rng.permutation(groups).reshape(-1)[: steps * batch_size]


def _turns(values):
    """How often each of the values has come before, `(N,)`."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) != 0])
    turns = np.empty(len(values), int)
    turns[order] = np.arange(len(values)) - np.repeat(starts, np.diff(np.r_[starts, len(values)]))
    return turns


def shuffled_order(count: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """The images of an epoch without groups: every one once, the last short batch dropped."""
    order = np.random.default_rng((seed, epoch, ORDER)).permutation(count)
    return order[: count // batch_size * batch_size]


def epoch_clips(lengths: np.ndarray, frames: int, stride: int, seed: int, epoch: int) -> np.ndarray:
    """The recipe's clips of tracklets of `lengths` `(count,)`, int `(count, frames)`: every
    `stride`-th frame from a random start; of a tracklet that is too short for that, random frames
    in order, with replacement if it has fewer than `frames`."""
    rng = np.random.default_rng((seed, epoch, CLIPS))
    clips = np.empty((len(lengths), frames), int)
    for place, length in enumerate(lengths):
        if length >= frames * stride:
            clips[place] = rng.integers(length - (frames - 1) * stride) + stride * np.arange(frames)
        else:
            clips[place] = np.sort(rng.choice(length, frames, replace=length < frames))
    return clips


def all_clips(length: int, frames: int) -> np.ndarray:
    """All frames in order as consecutive clips, the last one filled up by repeating its own: `(clips, frames)`."""
    places = np.arange(-(-length // frames) * frames)
    last = length - length % frames  # where an incomplete clip begins
    places[length:] = last + (places[length:] - last) % max(1, length - last)
    return places.reshape(-1, frames)


def spaced_clips(length: int, frames: int, clips: int) -> np.ndarray:
    """`clips` of `all_clips`, evenly spaced; all if there are no more: `(up to clips, frames)`."""
    every = all_clips(length, frames)
    if len(every) <= clips:
        return every
    return every[((np.arange(clips) + 0.5) * len(every) / clips).astype(int)]


def clip_rows(subset: Subset, frames: int, clips: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The images, or the clips of `frames` frames, that embed every entry of a subset: their places
    in `subset.files`, `(N,)` or `(M, T)`, and the entry of each, `(N,)` or `(M,)`. A tracklet gives
    `clips` evenly spaced clips; 0 takes all its frames."""
    entries = np.arange(len(subset))
    if not subset.video:
        return subset.starts, entries
    within = [spaced_clips(length, frames, clips) if clips else all_clips(length, frames) for length in subset.lengths]
    rows = np.concatenate([start + each for start, each in zip(subset.starts, within, strict=True)])
    return rows, np.repeat(entries, [len(each) for each in within])
