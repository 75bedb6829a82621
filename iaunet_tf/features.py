"""Files of embeddings, as `iaunet embed` writes them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.files import printable
from iaunet_tf.vectors import as_vectors, unit_length


def check_parquet(out: Path) -> None:
    """Refuses to write Parquet without pyarrow."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise InputError(f"{out}: writing Parquet needs pyarrow: pip install pyarrow") from None


def write_parquet(file: Path, paths: Sequence[str], embeddings: np.ndarray, network: str, **notes: str) -> None:
    """Writes `N` paths, embeddings `(N, D)`, and the fingerprint of their network, with `notes` beside it."""
    import pyarrow
    import pyarrow.parquet

    vectors = pyarrow.FixedSizeListArray.from_arrays(embeddings.ravel(), embeddings.shape[1])
    columns = {"path": pyarrow.array([*map(printable, paths)], pyarrow.string()), "embedding": vectors}
    pyarrow.parquet.write_table(pyarrow.table(columns, metadata={"network": network, **notes}), file)


def read_features(file: str | Path) -> tuple[list[str], np.ndarray, str | None]:
    """Paths, embeddings of length 1 `(N, D)`, and the fingerprint of their network, of a file that `iaunet embed` or
    `Gallery.export` wrote; None if an older iaunet-tf wrote it.

    Raises:
        InputError: there is no such file, it is something else, or embeddings in it cannot be used.
    """
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{path}: no such file; iaunet embed MODEL IMAGES --out {path} writes it")
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet

            table = pyarrow.parquet.read_table(path, columns=["path", "embedding"])
            network = (table.schema.metadata or {}).get(b"network", b"").decode()
            paths, embeddings = table["path"].to_pylist(), np.stack(table["embedding"].to_numpy())
        else:
            with np.load(path, allow_pickle=False) as arrays:
                paths, embeddings = arrays["paths"].tolist(), arrays["embeddings"]
                network = str(arrays["network"]) if "network" in arrays else ""
        if len(paths) != len(embeddings):
            raise ValueError(f"{len(paths)} paths and {len(embeddings)} embeddings")
    except ImportError:
        raise InputError(f"{path}: reading Parquet needs pyarrow: pip install pyarrow") from None
    except Exception as error:  # zipfile, NumPy and pyarrow raise various exceptions for damaged or foreign files
        raise InputError(f"{path}: not features that iaunet embed wrote ({reason_of(error)})") from None
    return [str(each) for each in paths], unit_length(as_vectors(embeddings, str(path)), str(path)), network or None
