"""Which reader belongs to which `data.name`."""

from collections.abc import Callable
from dataclasses import replace

from iaunet_tf.data import cuhk03, dukemtmc_videoreid, ls_vid, mars, msmt17, two_cameras
from iaunet_tf.data.datasets import Dataset
from iaunet_tf.data.embedded import ensure_embedded
from iaunet_tf.data.embedded_video import ensure_embedded_video
from iaunet_tf.data.market1501 import PUBLISHED, read_market1501
from iaunet_tf.data.own import read_own
from iaunet_tf.data.tracklets import count_warnings


def _embedded(root, split, cache_dir):
    ensure_embedded(root)
    return read_market1501(root, "embedded")


def _embedded_video(root, split, cache_dir):
    ensure_embedded_video(root)
    return replace(mars.read_mars(root), name="embedded_video")


def _in_market_layout(name):
    return lambda root, split, cache_dir: read_market1501(root, name)


def _cuhk03(boxes):
    return lambda root, split, cache_dir: cuhk03.read_cuhk03(root, boxes, split)


# From name to a function of root, split and cache folder, and the published counts.
IMAGES: dict[str, tuple[Callable[..., Dataset], dict]] = {
    "embedded": (_embedded, {}),
    **{name: (_in_market_layout(name), counts) for name, counts in PUBLISHED.items()},
    **{f"cuhk03_classic_{boxes}": (_cuhk03(boxes), {}) for boxes in cuhk03.IMAGES},
    "msmt17": (lambda root, split, cache_dir: msmt17.read_msmt17(root), msmt17.PUBLISHED),
    "own": (lambda root, split, cache_dir: read_own(root), {}),
}
TRACKLETS: dict[str, tuple[Callable[..., Dataset], dict]] = {
    "embedded_video": (_embedded_video, {}),
    "mars": (lambda root, split, cache_dir: mars.read_mars(root, cache_dir), mars.PUBLISHED),
    "dukemtmc_videoreid": (
        lambda root, split, cache_dir: dukemtmc_videoreid.read_dukemtmc_videoreid(root),
        dukemtmc_videoreid.PUBLISHED,
    ),
    "ilids_vid": (lambda root, split, cache_dir: two_cameras.read_ilids_vid(root, split), two_cameras.ILIDS_PUBLISHED),
    "prid2011": (lambda root, split, cache_dir: two_cameras.read_prid2011(root, split), two_cameras.PRID_PUBLISHED),
    "ls_vid": (lambda root, split, cache_dir: ls_vid.read_ls_vid(root), ls_vid.PUBLISHED),
}
# Data sets that are cut in two several times, and how often.
WITH_SPLITS = {
    "ilids_vid": two_cameras.SPLITS,
    "prid2011": two_cameras.SPLITS,
    **{f"cuhk03_classic_{boxes}": cuhk03.SPLITS for boxes in cuhk03.IMAGES},
}


def read_dataset(name: str, root: str, split: int = 0, cache_dir: str | None = None) -> tuple[Dataset, list[str]]:
    """Reads a data set by its name, of images or of tracklets.

    Args:
        name: a key of `IMAGES` or `TRACKLETS`.
        root: its folder.
        split: which of its splits, for those of `WITH_SPLITS`.
        cache_dir: folder for the index of large data sets.

    Returns:
        The data set, and warnings where its size is not the published one.
    """
    read, published = {**IMAGES, **TRACKLETS}[name]
    dataset = read(root, split, cache_dir)
    return dataset, [*dataset.notes, *(count_warnings(dataset, published) if published else [])]
