"""What several readers do: they look for files, list images, read matrices and check folds."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.errors import InputError


def require(root: Path, names: Iterable[str], kind: str, data_set: str, layout: str) -> None:
    """Refuses a root that lacks some of its files or folders; `kind` is "file" or "folder"."""
    exists = Path.is_dir if kind == "folder" else Path.is_file
    missing = ", ".join(name for name in names if not exists(root / name))
    if missing:
        expected = f"the layout of {data_set} is {layout}"
        raise InputError(f"{root}: no {kind} {missing}; {expected}; set --data.root")


def images_in(folder: Path, pattern: str = "*") -> list[Path]:
    """The images of a folder, sorted by name; none if there is no such folder."""
    return sorted(path for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES)


def check_fold(fold: int, count: int) -> None:
    """Refuses a fold that is not among `count`."""
    if not 0 <= fold < count:
        raise InputError(f"data.fold {fold} does not exist: choose 0 to {count - 1}, or all")


def read_matrix(path: Path, name: str) -> np.ndarray:
    """Reads a matrix from a `.mat` file, older ones or of MATLAB 7.3 (HDF5 with reversed axes)."""
    import h5py
    from scipy.io import loadmat

    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return np.array(file[name]).T
        return loadmat(path)[name]
    except KeyError:
        raise InputError(f"{path}: contains no matrix {name}") from None
    except Exception as error:  # h5py and SciPy raise various exceptions for damaged files
        raise InputError(f"{path}: not a readable MATLAB file ({' '.join(str(error).split())[:120]})") from None
