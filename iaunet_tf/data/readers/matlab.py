"""MATLAB files, as data sets come with them."""

from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError


def read_matrix(path: str | Path, name: str) -> np.ndarray:
    """A matrix of a `.mat` file: of the old formats, or of MATLAB 7.3, which is HDF5 and has the axes the other way
    round.

    Raises:
        InputError: the file is damaged, or has no such matrix.
    """
    import h5py
    from scipy.io import loadmat

    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return np.array(file[name]).T
        return loadmat(path)[name]
    except KeyError:
        raise InputError(f"{path}: holds no matrix {name}") from None
    except Exception as error:  # whatever h5py and SciPy make of a damaged file
        raise InputError(f"{path}: no readable MATLAB file ({' '.join(str(error).split())[:120]})") from None
