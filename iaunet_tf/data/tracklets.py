"""Tracklets: consecutive pictures of one person in one camera."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from iaunet_tf.data.datasets import PARTS, Dataset, Entries
from iaunet_tf.errors import InputError
from iaunet_tf.files import state

# Part masks of `a/b/frame.jpg` are `seg_part4/a/b/frame/{head,upper_clothes,lower_clothes,shoes}.png`.
MASK_FOLDER = "seg_part4"
# From this share of the published number of tracklets on, a data set is taken for the whole one.
NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Tracklets(Entries):
    """The tracklets of one part of a data set. Data sets have a million frames: their names are one array.

    Attributes:
        name: `"train"`, `"query"` or `"gallery"`.
        root: folder that frame names are relative to.
        frames: `(F,)` bytes, the names of all frames, those of a tracklet in order.
        starts: `(N,)` first frame of each tracklet.
        lengths: `(N,)` number of frames of each, at least 1.
        pids: `(N,)` person ids.
        camids: `(N,)` camera ids.
        ids: `(N,)` names of the tracklets.
        has_masks: whether there is a folder of part masks.
    """

    name: str
    root: Path
    frames: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    pids: np.ndarray
    camids: np.ndarray
    ids: np.ndarray
    has_masks: bool = False

    @classmethod
    def from_lists(
        cls,
        name: str,
        root: Path,
        tracklets: Sequence[tuple[str, Sequence[str], int, int]],
    ) -> "Tracklets":
        """From `(id, frame names, person, camera)` each.

        Raises:
            InputError: there are none, or one has no frames.
        """
        if not tracklets:
            raise InputError(f"{root}: holds no tracklets for {name}")
        for identifier, frames, _, _ in tracklets:
            if not len(frames):
                raise InputError(f"{root}: tracklet {identifier} has no frames")
        ids, frames, pids, camids = zip(*tracklets, strict=True)
        lengths = np.array([len(names) for names in frames])
        flat = np.array([os.fsencode(name) for names in frames for name in names])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        return cls(name, Path(root), flat, starts, lengths, np.array(pids), np.array(camids), np.array(ids))

    def path(self, frame: int) -> Path:
        """File of a frame, by its place in `frames`."""
        return self.root / os.fsdecode(self.frames[frame])

    def paths(self, tracklet: int) -> list[Path]:
        """Files of a tracklet's frames."""
        start = self.starts[tracklet]
        return [self.path(frame) for frame in range(start, start + self.lengths[tracklet])]

    def masks(self, frame: int) -> Path:
        """Folder of a frame's part masks, whether it is there or not."""
        return (self.root / MASK_FOLDER / os.fsdecode(self.frames[frame])).with_suffix("")

    def take(self, rows: np.ndarray, name: str | None = None) -> "Tracklets":
        """The tracklets at `rows`."""
        columns = {key: getattr(self, key)[rows] for key in ("starts", "lengths", "pids", "camids", "ids")}
        return replace(self, name=name or self.name, **columns)

    def signature(self) -> Iterator:
        """What changes when another frame belongs to a tracklet, or one's first frame does."""
        yield from (hashlib.sha256(each.tobytes()).hexdigest() for each in (self.frames, self.starts, self.lengths))
        yield from (state(self.path(start)) for start in self.starts)

    def with_masks(self) -> "Tracklets":
        """The same, with part masks if there is a folder of them."""
        first = self.path(self.starts[0])
        folder = self.root / MASK_FOLDER / first.relative_to(self.root).parts[0]
        return replace(self, has_masks=folder.is_dir())

    def without_masks(self) -> "Tracklets":
        """The same, their masks forgotten."""
        return replace(self, has_masks=False)

    def summary(self) -> str:
        """Tracklets, people, cameras, frames."""
        masks = f"   with part masks ({', '.join(PARTS)})" if self.has_masks else ""
        return (
            f"  {self.name:8}{len(self):7} tracklets {self.num_people:6} people{len(np.unique(self.camids)):5} cameras"
            f"{self.lengths.sum():9} frames, {self.lengths.min()} to {self.lengths.max()} each{masks}"
        )


def check_frames(tracklets: Tracklets, listed_in: Path) -> None:
    """Makes sure that all frames are files, folder by folder.

    Raises:
        InputError: some are not.
    """
    folders: dict[str, set[str]] = {}
    missing = []
    for start, length in zip(tracklets.starts, tracklets.lengths, strict=True):
        for name in tracklets.frames[start : start + length]:
            folder, _, file = os.fsdecode(name).rpartition("/")
            if folder not in folders:
                path = tracklets.root / folder
                folders[folder] = set(os.listdir(path)) if path.is_dir() else set()
            if file not in folders[folder]:
                missing.append(f"{folder}/{file}")
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise InputError(
            f"{tracklets.root}: {len(missing)} of the {tracklets.lengths.sum()} frames of {listed_in} are not there: "
            f"{shown}"
        )


def count_warnings(dataset: Dataset, published: dict[str, tuple[int | None, int]]) -> list[str]:
    """One line for every split of what seems the whole data set whose size is not the published one.

    Args:
        dataset: with splits of `Tracklets` or of images.
        published: from the split's name to numbers of people (None if it was not) and of tracklets (images).
    """
    if len(dataset.train) < NEARLY_ALL * published["train"][1]:
        return []
    lines = []
    for name, expected in published.items():
        split = getattr(dataset, name)
        found = split.num_people, len(split)
        if expected not in (found, (None, found[1])):
            lines.append(
                f"{dataset.name} {name}: {found[0]} people and {found[1]} entries, published are "
                f"{expected[0] or 'any number of'} people and {expected[1]}"
            )
    return lines
