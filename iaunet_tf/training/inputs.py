"""From a configuration to pictures that are ready to read."""

from dataclasses import dataclass

from iaunet_tf.data.embedded import ensure_embedded
from iaunet_tf.data.loading import LoadedSplit, load_split
from iaunet_tf.data.market1501 import read_market1501
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
    size = (config.height, config.width)
    options = {"cache_dir": config.cache_dir, "on_corrupt": config.on_corrupt}
    return LoadedDataset(
        load_split(train, size, config.cache, **options),
        load_split(dataset.query, size, "none", **options),
        load_split(dataset.gallery, size, "none", **options),
    )
