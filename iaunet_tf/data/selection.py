"""The data sets that a configuration selects: to train on, and to find people in."""

from iaunet_tf.data.dataset import Dataset, Subset, has_match, join
from iaunet_tf.data.readers.table import read_dataset
from iaunet_tf.errors import InputError


def read_selected(data, training: bool = True) -> tuple[Subset, list[Dataset]]:
    """Reads what to train on, and the data sets to find people in, from the `data` section of a
    configuration. Prints what they hold and, if `training`, how training goes about part masks.

    Raises:
        InputError: a data set cannot be read, or no query has a match.
    """

    def read(name, root, fold=0):
        dataset, warnings = read_dataset(name, root, fold, data.cache_dir)
        print("\n".join([f"{name} in {root}", dataset.summary(), *warnings]))
        return dataset

    own = read(data.name, data.root, data.fold)
    more, tests = ([read(*entry.split("=", 1)) for entry in entries] for entries in (data.more, data.test))
    for test in tests or [own]:
        if not has_match(test.query, test.gallery).any():
            raise InputError(f"{test.name}: no query has a match, a gallery entry of the same person in another camera")
    train = join([own.train, *(dataset.train for dataset in more)])
    if more:
        print(f"together\n{train.summary()}")
    if data.masks != "files":
        train = train.without_masks()
    if training and data.masks == "prior":
        print("part masks are guesses, the same for everybody")
    elif training and train.masks is None:
        print("no part masks found: training without the part-mask loss; --data.masks prior uses guessed masks")
    return train, tests or [own]
