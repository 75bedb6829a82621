"""Data sets, in one form for all the layouts that they are read from."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from iaunet_tf.data.packed import PLACE, PackedMasks, PackedPath
from iaunet_tf.errors import InputError
from iaunet_tf.files import state

JUNK = -1  # person id of images that evaluation ignores
DECODING = 2  # rises when files are decoded to other pixels, so that what was stored before is not taken
# Body parts in the network's order, by the names of their mask files.
PARTS = ("head", "upper_clothes", "lower_clothes", "shoes")
# Part masks of the tracklet frame `a/b/frame.jpg` are `seg_part4/a/b/frame/{head,...}.png`.
MASK_FOLDER = "seg_part4"


@dataclass(frozen=True)
class Subset:
    """The images, or the tracklets, of one subset of a data set. An image is a tracklet of one frame.

    Data sets have up to a million frames, so their file names are one array.

    Attributes:
        name: `"train"`, `"query"` or `"gallery"`.
        files: `(F,)` bytes, file names, those of a tracklet in order.
        starts: `(N,)` first frame of each entry, as its place in `files`.
        lengths: `(N,)` number of frames of each entry, at least 1.
        pids: `(N,)` identities.
        camids: `(N,)` camera ids.
        masks: `(F,)` bytes, folders of part masks, empty where a file has none; None if there are no masks at all.
        video: whether entries are tracklets.
        packed: `(F, 1)`, or with masks `(F, 1 + 4)`, records `PLACE` of the image and its part masks in the shard, as
            whose content `files` names them; zeros for files of their own. None if there are no shards.
    """

    name: str
    files: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    pids: np.ndarray
    camids: np.ndarray
    masks: np.ndarray | None = None
    video: bool = False
    packed: np.ndarray | None = None

    @classmethod
    def of_images(
        cls,
        name: str,
        paths: Sequence[Path],
        pids: Sequence[int] | np.ndarray,
        camids: Sequence[int] | np.ndarray,
        masks: Sequence[Path | None] | None = None,
    ) -> "Subset":
        """A subset of images: a path, an identity and a camera id each, and perhaps a folder of part masks."""
        folders = None
        if masks and any(masks):
            folders = np.array([os.fsencode(folder or "") for folder in masks])
        files = np.array([os.fsencode(path) for path in paths])
        starts, lengths = np.arange(len(files)), np.ones(len(files), int)
        return cls(name, files, starts, lengths, np.asarray(pids), np.asarray(camids), folders)

    @classmethod
    def of_tracklets(cls, name: str, root: Path, tracklets: Sequence[tuple[str, Sequence[str], int, int]]) -> "Subset":
        """A subset of tracklets: `(id, frame names relative to root, identity, camera id)` each.

        Raises:
            InputError: there are none, or one has no frames.
        """
        if not tracklets:
            raise InputError(f"{root}: holds no tracklets for {name}")
        for identifier, frames, _, _ in tracklets:
            if not len(frames):
                raise InputError(f"{root}: tracklet {identifier} has no frames")
        _, frames, pids, camids = zip(*tracklets, strict=True)
        lengths = np.array([len(names) for names in frames])
        files = np.array([os.fsencode(root / frame) for names in frames for frame in names])
        starts = np.cumsum(lengths) - lengths
        return cls(name, files, starts, lengths, np.array(pids), np.array(camids), video=True)

    def __len__(self) -> int:
        return len(self.pids)

    @property
    def labels(self) -> np.ndarray:
        """`(N,)` class of each entry: the place of its identity among the sorted ones."""
        return np.unique(self.pids, return_inverse=True)[1]

    @property
    def num_people(self) -> int:
        """Number of identities."""
        return len(np.unique(self.pids))

    @property
    def unit(self) -> str:
        """What an entry is, for people to read."""
        return "tracklets" if self.video else "images"

    def path(self, frame: int) -> Path:
        """File of a frame, by its place in `files`."""
        file = os.fsdecode(self.files[frame])
        place = self._place(frame)
        return Path(file) if place is None else PackedPath.of(file, place[0])

    def _place(self, frame: int) -> np.ndarray | None:
        """Where a frame and its part masks are in a shard, None if it is a file of its own."""
        return self.packed[frame] if self.packed is not None and self.packed[frame, 0]["length"] > 0 else None

    @property
    def in_shards(self) -> bool:
        """Whether all images are in shards, for which they were checked."""
        return self.packed is not None and bool(self.packed[self.starts, 0]["length"].all())

    def paths(self, entry: int) -> list[Path]:
        """Files of an entry's frames."""
        start = self.starts[entry]
        return [self.path(frame) for frame in range(start, start + self.lengths[entry])]

    def mask_folder(self, frame: int) -> Path | PackedMasks | None:
        """Folder of a frame's part masks, None if it has none."""
        folder = os.fsdecode(self.masks[frame]) if self.masks is not None else ""
        place = self._place(frame)
        if folder and place is not None:
            names = [f"{part}.png" for part in PARTS]
            places = zip(names, place[1:], strict=True)
            return PackedMasks({name: PackedPath.of(f"{folder}/{name}", place) for name, place in places})
        return Path(folder) if folder else None

    def names_and_sizes(self) -> Iterator[tuple[str, int]]:
        """Name, without folders, and size in bytes of each entry's first file."""
        for start in self.starts:
            file = os.fsdecode(self.files[start])
            place = self._place(start)
            size = os.stat(file).st_size if place is None else int(place[0]["length"])
            yield os.path.basename(file), size

    def take(self, entries: np.ndarray, name: str | None = None) -> "Subset":
        """Some of the entries; `files` stay as they are."""
        columns = {key: getattr(self, key)[entries] for key in ("starts", "lengths", "pids", "camids")}
        return replace(self, name=name or self.name, **columns)

    def with_masks(self, root: Path) -> "Subset":
        """Adds the part masks of tracklets if there is a folder of them in the data set's root."""
        first = self.path(self.starts[0]).relative_to(root).parts[0]
        if not (root / MASK_FOLDER / first).is_dir():
            return self
        frames = (Path(os.fsdecode(file)).relative_to(root) for file in self.files)
        masks = np.array([os.fsencode((root / MASK_FOLDER / frame).with_suffix("")) for frame in frames])
        return replace(self, masks=masks)

    def without_masks(self) -> "Subset":
        """Leaves out the part masks."""
        return replace(self, masks=None)

    def signature(self) -> Iterator:
        """Values that change when the frames of an entry do, or the file or the masks of its first
        frame, or how files are decoded."""
        yield DECODING
        yield from (hashlib.sha256(each.tobytes()).hexdigest() for each in (self.files, self.starts, self.lengths))
        for start in self.starts:
            folder = self.mask_folder(start)
            yield state(self.path(start))
            yield from (state(folder / f"{part}.png") for part in PARTS if folder is not None)

    def counts(self) -> dict[str, int | str]:
        """Numbers of identities, entries (called what `unit` says) and cameras; of tracklets also of frames; and of
        entries with part masks, where there are any."""
        counts = {"identities": self.num_people, "entries": len(self), "unit": self.unit}
        counts["cameras"] = len(np.unique(self.camids))
        if self.video:
            counts["frames"] = int(self.lengths.sum())
        if self.masks is not None:
            counts["masks"] = int(np.count_nonzero(self.masks[self.starts] != b""))
        return counts

    def summary(self) -> str:
        """One line: entries, identities, cameras, frames, part masks."""
        text = f"  {self.name:8}{len(self):7} {self.unit} {self.num_people:6} identities"
        text += f"{len(np.unique(self.camids)):5} cameras"
        if self.video:
            text += f"{self.lengths.sum():9} frames, {self.lengths.min()} to {self.lengths.max()} each"
        if self.masks is not None:
            masks = np.count_nonzero(self.masks[self.starts] != b"")
            text += "   with part masks" if self.video else f"{masks:7} with part masks"
        return text


@dataclass(frozen=True)
class Dataset:
    """A data set for training and for retrieval; `notes` are lines that its user should know.

    `people` and `cameras` are what its files call those that the reader has numbered, by their ids; empty where ids are
    the numbers of the files.
    """

    name: str
    train: Subset
    query: Subset
    gallery: Subset
    notes: tuple[str, ...] = ()
    people: dict[int, str] = field(default_factory=dict)
    cameras: dict[int, str] = field(default_factory=dict)

    def summary(self) -> str:
        """One line for each subset."""
        return "\n".join(subset.summary() for subset in (self.train, self.query, self.gallery))


@dataclass(frozen=True)
class LabelledImages:
    """Images and their classes: `labels` `(N,)` are places in the names `classes`; `notes` are as in `Dataset`."""

    name: str  # train or val
    paths: list[Path]
    labels: np.ndarray
    classes: list[str]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: np.ndarray, name: str | None = None) -> "LabelledImages":
        """Some of the images."""
        paths = [self.paths[i] for i in rows]
        return replace(self, name=name or self.name, paths=paths, labels=self.labels[rows])


def join(subsets: Sequence[Subset]) -> Subset:
    """Joins subsets of several data sets; no identity and no camera is in two of them."""
    if len(subsets) == 1:
        return subsets[0]

    def apart(name):
        ids = [np.unique(getattr(subset, name), return_inverse=True)[1] for subset in subsets]
        begins = np.cumsum([0, *(each.max() + 1 for each in ids)])
        return np.concatenate([each + begin for each, begin in zip(ids, begins, strict=False)])

    def packed(subset):
        places = np.zeros((len(subset.files), 1 + len(PARTS)), PLACE)
        if subset.packed is not None:
            places[:, : subset.packed.shape[1]] = subset.packed
        return places

    begins = np.cumsum([0, *(len(subset.files) for subset in subsets)])
    masks = [np.zeros(len(s.files), "S1") if s.masks is None else s.masks for s in subsets]
    return replace(
        subsets[0],
        files=np.concatenate([subset.files for subset in subsets]),
        starts=np.concatenate([subset.starts + begin for subset, begin in zip(subsets, begins, strict=False)]),
        lengths=np.concatenate([subset.lengths for subset in subsets]),
        pids=apart("pids"),
        camids=apart("camids"),
        masks=None if all(subset.masks is None for subset in subsets) else np.concatenate(masks),
        packed=None if all(s.packed is None for s in subsets) else np.concatenate([packed(s) for s in subsets]),
    )


def has_match(query: Subset, gallery: Subset) -> np.ndarray:
    """`(Q,)` whether a query has a match: a gallery entry of the same person in another camera."""
    cameras = defaultdict(set)
    for pid, camid in zip(gallery.pids, gallery.camids, strict=True):
        cameras[pid].add(camid)
    queries = zip(query.pids, query.camids, strict=True)
    return np.array([bool(cameras[pid] - {camid}) for pid, camid in queries])
