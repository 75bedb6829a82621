"""From a configuration to pictures that are ready to read."""

from dataclasses import dataclass

from iaunet_tf.data.datasets import Split
from iaunet_tf.data.embedded import ensure_embedded
from iaunet_tf.data.loading import LoadedSplit, load_split
from iaunet_tf.data.market1501 import read_market1501
from iaunet_tf.errors import InputError
from iaunet_tf.training.config import DataConfig


@dataclass(frozen=True)
class LoadedDataset:
    """The three splits, checked and ready to read."""

    train: LoadedSplit
    query: LoadedSplit
    gallery: LoadedSplit


def load_data(config: DataConfig) -> LoadedDataset:
    """Reads the data set and checks every picture, before any long work."""
    if config.name == "embedded":
        ensure_embedded(config.root)
    dataset = read_market1501(config.root, config.name)
    train = dataset.train
    if config.masks == "none":
        train = train.without_masks()
    print(f"{config.name} in {config.root}\n{dataset.summary()}")
    if all(folder is None for folder in train.masks):
        print("training goes on without part masks and without their loss")
    check_matches(dataset.query, dataset.gallery)
    size = (config.height, config.width)
    options = {"cache_dir": config.cache_dir, "on_corrupt": config.on_corrupt}
    return LoadedDataset(
        load_split(train, size, config.cache, **options),
        load_split(dataset.query, size, "none", **options),
        load_split(dataset.gallery, size, "none", **options),
    )


def check_matches(query: Split, gallery: Split) -> None:
    """Makes sure that there is something to find, before training rather than after.

    Raises:
        InputError: no query has a match.
    """
    cameras: dict[int, set[int]] = {}
    for pid, camid in zip(gallery.pids, gallery.camids, strict=True):
        cameras.setdefault(pid, set()).add(camid)
    if not any(cameras.get(pid, set()) - {camid} for pid, camid in zip(query.pids, query.camids, strict=True)):
        raise InputError(
            f"{query.paths[0].parent}: no query has a match: a gallery image of the same person in another camera"
        )
