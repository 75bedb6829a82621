"""Files of embeddings, as `iaunet embed` writes them."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.files import printable
from iaunet_tf.vectors import as_vectors, unit_length

MANIFEST = "_manifest.json"  # readers of folders of Parquet take no file whose name begins so


def check_parquet(file: str | Path) -> None:
    """Refuses to read or write Parquet without pyarrow."""
    with needed(str(file)):
        import pyarrow.parquet  # noqa: F401


def write_parquet(file: Path, paths: Sequence[str], embeddings: np.ndarray, network: str, **notes: str) -> None:
    """Writes `N` paths, embeddings `(N, D)`, and the fingerprint of their network, with `notes` beside it."""
    import pyarrow
    import pyarrow.parquet

    vectors = pyarrow.FixedSizeListArray.from_arrays(embeddings.ravel(), embeddings.shape[1])
    columns = {"path": pyarrow.array([*map(printable, paths)], pyarrow.string()), "embedding": vectors}
    pyarrow.parquet.write_table(pyarrow.table(columns, metadata={"network": network, **notes}), file)


def read_features(file: str | Path) -> tuple[list[str], np.ndarray, str | None]:
    """Paths, embeddings of length 1 `(N, D)`, and the fingerprint of their network, of a file that `iaunet embed` or
    `Gallery.export` wrote, or of the folder of `iaunet embed --engine ray`; None if an older iaunet-tf wrote it.

    Raises:
        InputError: there is no such file, it is something else, or embeddings in it cannot be used.
    """
    path = Path(file)
    parts = part_files(path) if path.is_dir() else None
    if not parts and not path.is_file():
        raise InputError(f"{path}: no such file; iaunet embed MODEL IMAGES --out {path} writes it")
    by_parquet = bool(parts) or path.suffix == ".parquet"
    if by_parquet:
        check_parquet(path)
    try:
        if by_parquet:
            import pyarrow.parquet

            table = pyarrow.parquet.read_table(parts or path, columns=["path", "embedding"])
            network = (table.schema.metadata or {}).get(b"network", b"").decode()
            paths, embeddings = table["path"].to_pylist(), np.stack(table["embedding"].to_numpy())
        else:
            with np.load(path, allow_pickle=False) as arrays:
                paths, embeddings = arrays["paths"].tolist(), arrays["embeddings"]
                network = str(arrays["network"]) if "network" in arrays else ""
        if len(paths) != len(embeddings):
            raise ValueError(f"{len(paths)} paths and {len(embeddings)} embeddings")
    except Exception as error:  # zipfile, NumPy and pyarrow raise various exceptions for damaged or foreign files
        raise InputError(f"{path}: not features that iaunet embed wrote ({reason_of(error)})") from None
    return [str(each) for each in paths], unit_length(as_vectors(embeddings, str(path)), str(path)), network or None


def part_file(folder: Path, number: int) -> Path:
    """The file of a part."""
    return folder / f"part-{number:05}.parquet"


def read_manifest(folder: Path) -> dict | None:
    """What a folder of parts says of itself; None if it is none.

    Raises:
        InputError: it is damaged.
    """
    file = folder / MANIFEST
    if not file.is_file():
        return None
    try:
        manifest = json.loads(file.read_bytes())
        kinds = {"network": str, "runtime": str, "sources": list, "images": int, "images_sha256": str, "part_size": int}
        if any(type(manifest[key]) is not kind for key, kind in kinds.items()) or manifest["part_size"] < 1:
            raise ValueError("a value of another type")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{file}: damaged ({reason_of(error, 80)}); choose another folder") from None
    return manifest


def part_files(folder: Path) -> list[Path]:
    """The files of a folder of parts, in order.

    Raises:
        InputError: it is none, or not finished.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(f"{folder}: holds no {MANIFEST}; name a file or folder that iaunet embed wrote")
    if type(manifest.get("embedded")) is not int:
        raise InputError(f"{folder}: is not finished; repeat the iaunet embed that began it")
    return [part_file(folder, number) for number in range(-(-manifest["images"] // manifest["part_size"]))]
