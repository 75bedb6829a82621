"""What several readers do: they look for files, read lists and matrices and check folds."""

import io
import re
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import Subset
from iaunet_tf.errors import InputError, reason_of

# What people call subsets, letters alone.
SUBSETS = {
    "train": r"train(ing)?",
    "query": r"quer(y|ies)|probes?",
    "gallery": r"galler(y|ies)",
    "test": r"test(ing)?",
    "val": r"val(id(ation)?)?",
}
AFFIXED = r"(data|images?|my)?({})(set|all|val|data|images?|imgs|people|ids|split|crops)?"


def subset_called(name: str) -> str | None:
    """The subset that a name stands for: one of `SUBSETS` or none."""
    letters = re.sub(r"[\W\d_]", "", name.lower())
    return next((subset for subset, names in SUBSETS.items() if re.fullmatch(AFFIXED.format(names), letters)), None)


def subset_folders(root: Path, names: Iterable[str]) -> dict[str, str]:
    """The folders of a root that are named like subsets, by these."""
    folders: dict[str, str] = {}
    for name in sorted(names):
        subset = subset_called(name)
        if subset and folders.setdefault(subset, name) != name:
            raise InputError(
                f"{root}: folders {folders[subset]} and {name} are both for {subset}; keep one of them, or rename them "
                "if they are no subsets"
            )
    return folders


def require(root: Path, names: Iterable[str], kind: str, data_set: str, layout: str) -> None:
    """Refuses a root that lacks some of its files or folders; `kind` is "file" or "folder"."""
    exists = Path.is_dir if kind == "folder" else Path.is_file
    lacking = ", ".join(name for name in names if not exists(root / name))
    if lacking:
        expected = f"the layout of {data_set} is {layout}"
        raise InputError(f"{root}: no {kind} {lacking}; {expected}; {nearby(root, names)}")


def nearby(root: Path, *choices: Iterable[str]) -> str:
    """The remedy for a root that lacks files or folders; it names a folder around or below the root that has all of
    one of the choices, as after unpacking an archive into a folder of its own name."""
    below = (path for path in islice(chain(root.glob("*"), root.glob("*/*")), 10_000) if path.is_dir())
    for folder in chain([root.parent], below):
        if any(all((folder / name).exists() for name in names) for names in choices):
            return f"it is in {folder}: set --data.root"
    return "set --data.root"


def zero_notes(subsets: dict[str, Subset]) -> list[str]:
    """A line for each subset in which identity 0, a distractor in the gallery, is taken for a person."""
    counts = {name: np.count_nonzero(subsets[name].pids == 0) for name in ("train", "query")}
    return [
        f"{name}: {count} {subsets[name].unit} have identity 0, which is a person there and a distractor in the gallery"
        for name, count in counts.items()
        if count
    ]


def same_people(subsets: dict[str, Subset]) -> list[str]:
    """A line about the people of train that are to be found as well, if there are any."""
    trained = np.unique(subsets["train"].pids)
    both = np.intersect1d(trained, subsets["query"].pids)
    if not len(both):
        return []
    first = np.flatnonzero(np.isin(subsets["query"].pids, both))[0]
    return [
        f"{len(both)} of {len(trained)} identities in train are in query as well, so results are too good "
        f"({subsets['query'].paths(first)[0]}, ...)"
    ]


def check_fold(fold: int, count: int) -> None:
    """Refuses a fold that is not among `count`."""
    if not 0 <= fold < count:
        raise InputError(f"data.fold {fold} does not exist: choose 0 to {count - 1}, or all")


def read_text(path: Path) -> str:
    """Reads a text file in UTF-8, with or without a byte order mark."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
        wrong = text.find("\0")
    except UnicodeDecodeError as error:
        text, wrong = content.decode("latin-1"), error.start
    if wrong >= 0:
        raise InputError(f"{path}: line {text.count(chr(10), 0, wrong) + 1} is not UTF-8 text; save the file as UTF-8")
    return text


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers from 1."""
    lines = enumerate(io.StringIO(read_text(path), newline=None), 1)  # takes the line ends of all systems
    return [(number, line.strip()) for number, line in lines if line.strip()]


def read_matrix(path: Path, name: str) -> np.ndarray:
    """Reads a matrix of whole numbers, `(M, N)`, from a `.mat` file, older ones or of MATLAB 7.3 (HDF5 with reversed
    axes)."""
    import h5py
    from scipy.io import loadmat
    from scipy.sparse import issparse

    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                matrix = np.array(file[name][()]).T  # fails for a group
        else:
            matrix = loadmat(path)[name]
            matrix = matrix.toarray() if issparse(matrix) else matrix
    except KeyError:
        raise InputError(f"{path}: contains no matrix {name}") from None
    except Exception as error:  # h5py and SciPy raise various exceptions for damaged files
        raise InputError(f"{path}: not a readable MATLAB file ({reason_of(error, 120)})") from None
    matrix = np.atleast_2d(matrix)
    whole = matrix.dtype.kind in "iufb" and (matrix == np.round(matrix)).all() and (abs(matrix) < 2**53).all()
    if not whole or matrix.ndim > 2:
        raise InputError(f"{path}: {name} is not a matrix of whole numbers ({matrix.dtype}, shape {matrix.shape})")
    return matrix.astype(int)
