"""What a data set is, whatever the layout it was read from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from iaunet_tf.files import state

JUNK = -1  # person id of images that evaluation ignores
# Body parts in the network's order, by the names of their mask files.
PARTS = ("head", "upper_clothes", "lower_clothes", "shoes")


class Entries:
    """What the images and the tracklets of a split have in common."""

    pids: np.ndarray
    camids: np.ndarray

    def __len__(self) -> int:
        return len(self.pids)

    @property
    def labels(self) -> np.ndarray:
        """`(N,)` class of each entry: its person's place among the sorted ids."""
        return np.unique(self.pids, return_inverse=True)[1]

    @property
    def num_people(self) -> int:
        return len(np.unique(self.pids))


@dataclass(frozen=True)
class Split(Entries):
    """Images of one part of a data set.

    Attributes:
        name: `"train"`, `"query"` or `"gallery"`.
        paths: `N` image files.
        pids: `(N,)` person ids.
        camids: `(N,)` camera ids.
        masks: `N` folders of part masks, None where an image has none.
    """

    name: str
    paths: list[Path]
    pids: np.ndarray
    camids: np.ndarray
    masks: list[Path | None]

    def take(self, rows: np.ndarray) -> "Split":
        """The images at `rows`."""
        return Split(
            self.name,
            [self.paths[i] for i in rows],
            self.pids[rows],
            self.camids[rows],
            [self.masks[i] for i in rows],
        )

    @property
    def has_masks(self) -> bool:
        """Whether any image has part masks."""
        return any(folder is not None for folder in self.masks)

    def signature(self) -> Iterator:
        """What changes when an image or a mask does."""
        for path, folder in zip(self.paths, self.masks, strict=True):
            for file in (path, *(folder / f"{part}.png" for part in PARTS if folder is not None)):
                yield state(file)

    def without_masks(self) -> "Split":
        """The same images, their masks forgotten."""
        return replace(self, masks=[None] * len(self))

    def summary(self) -> str:
        """Images, people, cameras, masks."""
        masks = sum(folder is not None for folder in self.masks)
        return (
            f"  {self.name:8}{len(self):7} images {self.num_people:6} people{len(np.unique(self.camids)):5} cameras"
            + (f"{masks:7} with part masks" if masks else "")
        )


@dataclass(frozen=True)
class Dataset:
    """A data set for training and for the retrieval protocol.

    Attributes:
        name: of the data set.
        train, query, gallery: each a `Split` of images, or each `Tracklets`.
        notes: what its user should know.
    """

    name: str
    train: Split
    query: Split
    gallery: Split
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line a split."""
        return "\n".join(split.summary() for split in (self.train, self.query, self.gallery))


def join(splits: Sequence[Split]) -> Split:
    """Images of several data sets as those of one; nobody, and no camera, is in two of them."""
    if len(splits) == 1:
        return splits[0]

    def apart(name):
        ids = [np.unique(getattr(split, name), return_inverse=True)[1] for split in splits]
        begins = np.cumsum([0, *(each.max() + 1 for each in ids)])
        return np.concatenate([each + begin for each, begin in zip(ids, begins, strict=False)])

    return Split(
        splits[0].name,
        [path for split in splits for path in split.paths],
        apart("pids"),
        apart("camids"),
        [folder for split in splits for folder in split.masks],
    )


def has_match(query: Entries, gallery: Entries) -> np.ndarray:
    """`(Q,)` whether a query has a match, an entry of the gallery with the same person in another camera."""
    cameras: dict[int, set[int]] = {}
    for pid, camid in zip(gallery.pids, gallery.camids, strict=True):
        cameras.setdefault(pid, set()).add(camid)
    return np.array([bool(cameras.get(p, set()) - {c}) for p, c in zip(query.pids, query.camids, strict=True)])
