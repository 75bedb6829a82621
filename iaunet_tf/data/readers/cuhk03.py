"""CUHK03 (Li et al., CVPR 2014) with its classic protocol. The new one (767/700) uses the Market-1501 layout."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.dataset import Dataset, Subset
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.terminal import in_threads

# People, and images by how boxes were found.
PEOPLE, IMAGES = 1467, {"detected": 14097, "labeled": 14096}
NAME = re.compile(r"(\d+)_(\d+)_([12])_(\d+)\.png")


def read_cuhk03(root: str | Path, boxes: str, fold: int = 0) -> Dataset:
    """Reads `cuhk-03.mat` (in the root or its folder `cuhk03_release`) and one of its twenty folds: a hundred people
    to test on, all others to train on.

    Expects `cuhk-03.mat` in the root or in its folder `cuhk03_release`. On first use, the images are extracted to
    `images_detected` or `images_labeled` in the root, as `{pair of cameras}_{person}_{view}_{number}.png`. The two
    views are the cameras. Query and gallery are all images of the test identities; `eval.protocol` cuhk03 samples from
    them.

    Args:
        root: folder of the data set.
        boxes: `"detected"` or `"labeled"`.
        fold: number of the fold, from 0.

    Raises:
        InputError: the file is missing or damaged, or there is no such fold.
    """
    root = Path(root).expanduser()
    places = root / "cuhk-03.mat", root / "cuhk03_release" / "cuhk-03.mat"
    file = next((path for path in places if path.is_file()), None)
    if file is None:
        raise InputError(f"{root}: no file cuhk-03.mat or cuhk03_release/cuhk-03.mat; set --data.root")
    import h5py

    folder = root / f"images_{boxes}"
    try:
        with h5py.File(file) as content:
            tests = [content[reference][:].T.astype(int) for reference in content["testsets"][:].reshape(-1)]
            if not folder.is_dir():
                _extract(content, content[boxes][:].reshape(-1), folder)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno:  # no space, no permission
            raise
        raise InputError(f"{file}: not the file of CUHK03 ({' '.join(str(error).split())[:120]})") from None
    if not 0 <= fold < len(tests):
        raise InputError(f"data.fold {fold} does not exist: choose 0 to {len(tests) - 1}, or all")

    found = [(match, path) for path in sorted(folder.iterdir()) if (match := NAME.fullmatch(path.name))]
    if not found:
        raise InputError(f"{folder}: contains no images; remove it to extract them again from {file}")
    who = np.array([(int(match[1]), int(match[2])) for match, _ in found])
    tested = {tuple(person) for person in tests[fold].tolist()}
    unknown = tested - set(map(tuple, who.tolist()))
    if unknown:
        raise InputError(f"{folder}: lacks identity {min(unknown)}; remove it to extract the images again from {file}")
    people = np.unique(who, axis=0, return_inverse=True)[1].reshape(-1)
    views = np.array([int(match[3]) for match, _ in found])
    in_test = np.array([tuple(person) in tested for person in who.tolist()])

    def subset(name, rows):
        return Subset.of_images(name, [found[row][1] for row in rows], people[rows], views[rows])

    notes = ()
    if people.max() + 1 == PEOPLE and len(found) != IMAGES[boxes]:
        notes = (f"cuhk03 {boxes}: {len(found)} images, but {IMAGES[boxes]} were published",)
    test = np.flatnonzero(in_test)
    return Dataset(
        f"cuhk03_classic_{boxes}",
        subset("train", np.flatnonzero(~in_test)),
        subset("query", test),
        subset("gallery", test),
        notes,
    )


def _extract(content, pairs, folder):
    """Extracts all images; each pair of cameras has a table of identities by ten images, five per view."""
    references = [
        (f"{pair}_{person:03d}_{1 if number <= 5 else 2}_{number:02d}.png", reference)
        for pair, table in enumerate(pairs, 1)
        for person, row in enumerate(content[table][:].T, 1)
        for number, reference in enumerate(row, 1)
    ]
    with replacing(folder) as temporary:
        temporary.mkdir()

        def write(index):
            name, reference = references[index]
            pixels = content[reference][:].T  # MATLAB arrays have reversed axes
            if pixels.ndim == 3:  # some identities have fewer than ten images
                Image.fromarray(pixels.astype("uint8")).save(temporary / name)

        in_threads(write, len(references), f"writing {folder.name}", "images")
