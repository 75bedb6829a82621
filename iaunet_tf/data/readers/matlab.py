"""Reading of MATLAB files."""

from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError


def read_matrix(path: str | Path, name: str) -> np.ndarray:
    """Reads a matrix from a `.mat` file, in an older format or in that of MATLAB 7.3 (HDF5 with reversed axes).

    Args:
        path: the file.
        name: name of the matrix.

    Raises:
        InputError: the file is damaged or does not contain the matrix.
    """
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
