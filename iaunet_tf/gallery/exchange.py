"""Galleries as Parquet files."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.files import replacing
from iaunet_tf.gallery.entries import Entry

TEXTS = ("id", "identity", "camera", "tracklet", "thumbnail", "attributes")


def write_parquet(
    path: Path,
    batches: Iterable[tuple[list[Entry], np.ndarray]],
    network: str,
    dimension: int,
    update: Callable[[int], object],
) -> int:
    """Writes entries and their embeddings `(N, dimension)`, as `iaunet embed` does, with a column for each thing that
    is known of an entry; returns how many."""
    if path.suffix != ".parquet" or path.is_dir():
        raise InputError(f"{path}: must end in .parquet")
    with needed(str(path)):
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    schema = pyarrow.schema(
        [
            ("path", pyarrow.string()),
            ("embedding", pyarrow.list_(pyarrow.float32(), dimension)),
            *((name, pyarrow.string()) for name in TEXTS),
            ("time", pyarrow.float64()),
            ("frame", pyarrow.int64()),
            ("box", pyarrow.list_(pyarrow.float64())),
        ],
        metadata={"network": network},
    )
    count = 0
    with replacing(path) as temporary, ParquetWriter(temporary, schema) as file:
        for entries, vectors in batches:
            columns = {
                "path": [entry.file or "" for entry in entries],
                "embedding": pyarrow.FixedSizeListArray.from_arrays(vectors.ravel(), dimension),
                "attributes": [json.dumps(dict(entry.attributes)) if entry.attributes else None for entry in entries],
            }
            for name in schema.names:
                columns.setdefault(name, [getattr(entry, name, None) for entry in entries])
            file.write_table(pyarrow.table({name: columns[name] for name in schema.names}, schema))
            count += len(entries)
            update(len(entries))
    return count


def read_entries(path: Path) -> list[Entry] | None:
    """The entries in a Parquet file that `write_parquet` wrote; None if it is one of embeddings alone."""
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            if "id" not in file.schema_arrow.names:
                return None
            rows = file.read(columns=[name for name in file.schema_arrow.names if name != "embedding"]).to_pylist()
        for row in rows:
            row["file"] = row.pop("path") or None
            row["attributes"] = json.loads(row["attributes"] or "{}")
        return [Entry(**row) for row in rows]
    except InputError as error:
        reason = str(error)
    except Exception as error:  # pyarrow raises various exceptions for damaged files, and others may have other columns
        reason = reason_of(error)
    raise InputError(f"{path}: not the entries of a gallery ({reason})")
