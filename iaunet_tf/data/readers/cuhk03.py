"""CUHK03 (Li et al., CVPR 2014) with its classic protocol. The new one (767/700) uses the Market-1501 layout."""

import re
from pathlib import Path

from PIL import Image

from iaunet_tf.data.dataset import Dataset, Subset
from iaunet_tf.data.readers.common import check_fold, nearby
from iaunet_tf.data.walking import Walker
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.files import making
from iaunet_tf.terminal import in_threads

# People, and images by how boxes were found.
PEOPLE, IMAGES = 1467, {"detected": 14097, "labeled": 14096}
NAME = re.compile(r"(\d+)_(\d+)_([12])_(\d+)\.png")


def read_cuhk03(root: str | Path, boxes: str, fold: int = 0) -> Dataset:
    """Reads one of twenty folds, from 0: a hundred people to test on, all others to train on.

    On first use, the images of `boxes`, "detected" or "labeled", are extracted into a folder. The
    views are the cameras. Query and gallery are all test images; protocol cuhk03 samples from them.
    """
    root = Path(root).expanduser()
    places = root / "cuhk-03.mat", root / "cuhk03_release" / "cuhk-03.mat"
    file = next((path for path in places if path.is_file()), None)
    if file is None:
        raise InputError(f"{root}: no file cuhk-03.mat or cuhk03_release/cuhk-03.mat; {nearby(root, ['cuhk-03.mat'])}")
    import h5py

    folder = root / f"images_{boxes}"
    try:
        with h5py.File(file) as content:
            tests = [content[reference][:].T.astype(int) for reference in content["testsets"][:].reshape(-1)]
            check_fold(fold, len(tests))
            tested = {(int(pair), int(person)) for pair, person in tests[fold]}
            if not folder.is_dir():
                _extract(content, content[boxes][:].reshape(-1), folder)
    except InputError:
        raise
    except (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno:  # no space, no permission
            raise
        raise InputError(f"{file}: not the file of CUHK03 ({reason_of(error, 120)})") from None

    images = [
        (path, (int(match[1]), int(match[2])), int(match[3]))
        for path in Walker(folder).images(folder)
        if (match := NAME.fullmatch(path.name))
    ]
    if not images:
        raise InputError(f"{folder}: contains no images; remove it to extract them again from {file}")
    people = sorted({person for _, person, _ in images})
    unknown = tested.difference(people)
    if unknown:
        raise InputError(f"{folder}: lacks identity {min(unknown)}; remove it to extract the images again from {file}")
    pids = {person: pid for pid, person in enumerate(people)}

    def subset(name, of_test):
        chosen = [image for image in images if (image[1] in tested) == of_test]
        paths, views = [path for path, _, _ in chosen], [view for _, _, view in chosen]
        return Subset.of_images(name, paths, [pids[person] for _, person, _ in chosen], views)

    notes = ()
    if len(people) == PEOPLE and len(images) != IMAGES[boxes]:
        notes = (f"cuhk03 {boxes}: {len(images)} images, but {IMAGES[boxes]} were published",)
    train, query, gallery = subset("train", False), subset("query", True), subset("gallery", True)
    names = {pid: f"{pair}_{person:03d}" for (pair, person), pid in pids.items()}
    return Dataset(f"cuhk03_classic_{boxes}", train, query, gallery, notes, names)


def _extract(content, pairs, folder):
    """Writes `{pair of cameras}_{person}_{view}_{number}.png`. A pair has a table of identities by
    ten images, five per view."""
    references = [
        (f"{pair}_{person:03d}_{1 if number <= 5 else 2}_{number:02d}.png", reference)
        for pair, table in enumerate(pairs, 1)
        for person, row in enumerate(content[table][:].T, 1)
        for number, reference in enumerate(row, 1)
    ]
    with making(folder) as temporary:
        temporary.mkdir()

        def write(index):
            name, reference = references[index]
            pixels = content[reference][:].T  # MATLAB arrays have reversed axes
            if pixels.ndim == 3:  # some identities have fewer than ten images
                Image.fromarray(pixels.astype("uint8")).save(temporary / name)

        in_threads(write, len(references), f"writing {folder.name}")
