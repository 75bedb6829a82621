"""The data sets for re-identification, by the name that configurations give them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from iaunet_tf.data.dataset import Dataset
from iaunet_tf.data.readers.cuhk03 import read_cuhk03
from iaunet_tf.data.readers.dukemtmc_videoreid import read_dukemtmc_videoreid
from iaunet_tf.data.readers.ls_vid import read_ls_vid
from iaunet_tf.data.readers.market1501 import read_market1501
from iaunet_tf.data.readers.mars import read_mars
from iaunet_tf.data.readers.msmt17 import read_msmt17
from iaunet_tf.data.readers.own import read_own
from iaunet_tf.data.readers.packed import read_packed
from iaunet_tf.data.readers.synthetic import read_synthetic, read_synthetic_tracklets
from iaunet_tf.data.readers.two_cameras import read_ilids_vid, read_prid2011
from iaunet_tf.data.synthetic.drawing import DESCRIPTION, OLD_DESCRIPTION
from iaunet_tf.errors import InputError

# From this share of the published number of entries on, a data set is taken for the whole one.
NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Reader:
    """How a data set is read."""

    read: Callable[..., Dataset]  # from its root, `fold` if it has folds, `cache_dir` if `indexed`
    summary: str = ""  # what it is, for the help
    video: bool = False  # consists of tracklets
    # Published numbers of identities (None if unknown) and entries of train, query and gallery.
    sizes: tuple[tuple[int | None, int], ...] = ()
    folds: int = 0  # 0 for a fixed division
    indexed: bool = False  # an index is kept, since reading takes long


def _market(name, summary, *sizes):
    return Reader(partial(read_market1501, name=name), summary, sizes=sizes)


def _cuhk03(boxes):
    return Reader(partial(read_cuhk03, boxes=boxes), "classic protocol, cuhk-03.mat", folds=20)


READERS: dict[str, Reader] = {
    "synthetic": Reader(read_synthetic, "pedestrians, drawn into an empty root"),
    # Distractors count as a person.
    "market1501": _market("market1501", "and others in its layout", (751, 12936), (750, 3368), (751, 15913)),
    "dukemtmc_reid": _market("dukemtmc_reid", "", (702, 16522), (702, 2228), (1110, 17661)),
    "occluded_duke": _market("occluded_duke", "", (702, 15618), (519, 2210), (1110, 17661)),
    "cuhk03_detected": _market("cuhk03_detected", "new protocol", (767, 7365), (700, 1400), (700, 5332)),
    "cuhk03_labeled": _market("cuhk03_labeled", "new protocol", (767, 7368), (700, 1400), (700, 5328)),
    "cuhk03_classic_detected": _cuhk03("detected"),
    "cuhk03_classic_labeled": _cuhk03("labeled"),
    "msmt17": Reader(read_msmt17, "either release", sizes=((1041, 32621), (3060, 11659), (3060, 82161))),
    "own": Reader(read_own, "a table, or a folder per person"),
    "packed": Reader(read_packed, "images in shards, by iaunet data pack"),
    "synthetic_tracklets": Reader(read_synthetic_tracklets, "tracklets of them", True),
    "mars": Reader(read_mars, "and others in its layout", True, ((625, 8298), (626, 1980)), indexed=True),
    "dukemtmc_videoreid": Reader(read_dukemtmc_videoreid, "", True, ((702, 2196), (702, 702), (1110, 2636))),
    "ilids_vid": Reader(read_ilids_vid, "", True, ((150, 300), (150, 150), (150, 150)), folds=10),
    "prid2011": Reader(read_prid2011, "", True, ((89, 178), (89, 89), (89, 89)), folds=10),
    # The gallery with the queries.
    "ls_vid": Reader(read_ls_vid, "", True, ((842, 2831), (None, 3504), (2730, 11333))),
}


def read_dataset(
    name: str, root: str, fold: int = 0, cache_dir: str | None = None, key: str = "root"
) -> tuple[Dataset, list[str]]:
    """Reads a data set of `READERS`; returns it and warnings, also of sizes other than published.

    `fold` is for data sets that have folds, `cache_dir` for those that keep an index; `key` of the `data` section
    gives the root, and messages name it.
    """
    reader = READERS[name]
    options: dict[str, Any] = {"fold": fold} if reader.folds else {}
    if reader.indexed:
        options["cache_dir"] = cache_dir
    try:
        dataset = reader.read(root, **options)
    except InputError as error:
        raise InputError(str(error).replace("--data.root", f"--data.{key}")) from None
    return dataset, [*dataset.notes, *size_warnings(dataset, reader.sizes)]


def described_as(name: str, root: str | Path) -> str:
    """What a data set is called to others: drawn ones, read in the layout of a public one, are still drawn."""
    if not any((Path(root).expanduser() / file).is_file() for file in (DESCRIPTION, OLD_DESCRIPTION)):
        return name
    return "synthetic_tracklets" if READERS[name].video else "synthetic"


def size_warnings(dataset: Dataset, sizes: tuple[tuple[int | None, int], ...]) -> list[str]:
    """One line for each subset, of what seems to be the whole data set, whose size is not the published one."""
    if not sizes or len(dataset.train) < NEARLY_ALL * sizes[0][1]:
        return []
    lines = []
    for subset, (people, entries) in zip((dataset.train, dataset.query, dataset.gallery), sizes, strict=False):
        if len(subset) != entries or people not in (None, subset.num_people):
            published = "any number of" if people is None else people
            lines.append(
                f"{dataset.name} {subset.name}: {subset.num_people} identities and {len(subset)} {subset.unit}; "
                f"published are {published} identities and {entries} {subset.unit}"
            )
    return lines
