"""`iaunet nearest FEATURES --of FOLDER`: who looks most alike, in a file that `iaunet embed` wrote."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from iaunet_tf.commands.arguments import Parser, output
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.evaluation import nearest
from iaunet_tf.files import replacing
from iaunet_tf.vectors import as_vectors, unit_length


def main(arguments: Sequence[str]) -> None:
    """Prints, for each image of a folder, the most similar ones that are not of that folder."""
    parser = Parser("nearest", main.__doc__)
    parser.add_argument("features", help=".npz or .parquet file that iaunet embed wrote")
    parser.add_argument("--of", required=True, metavar="FOLDER", help="which images to look for: a folder, or one file")
    parser.count("--k", 1, 1000, 5, "how many to find for each")
    parser.add_argument("--out", type=output, metavar="FILE", help="write them as a .csv file instead")
    options = parser.parse(arguments)
    if options.out and (options.out.suffix != ".csv" or options.out.is_dir()):
        raise InputError(f"--out {options.out}: must end in .csv")
    paths, embeddings = read_features(options.features)
    of = os.path.abspath(options.of)
    ours = np.array([path == of or path.startswith(os.path.join(of, "")) for path in map(os.path.abspath, paths)], bool)
    if not ours.any() or ours.all():
        raise InputError(f"--of {options.of}: {'all' if ours.any() else 'none'} of the images of {options.features}")
    queries, gallery = np.flatnonzero(ours), np.flatnonzero(~ours)
    # Their rows are the ids of images, so that none is left out as one of the same person in the same camera.
    places, distances = nearest(embeddings[queries], embeddings[gallery], queries, gallery, k=options.k)
    found = list(zip(queries, gallery[places], 1 - distances, strict=True))
    if options.out is None:
        for query, places, values in found:
            print(paths[query])
            for place, value in zip(places, values, strict=True):
                print(f"  {value:.4f}  {paths[place]}")
        return
    with replacing(options.out) as temporary, temporary.open("w", newline="", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(("query", "rank", "similarity", "image"))
        for query, places, values in found:
            for rank, (place, value) in enumerate(zip(places, values, strict=True), 1):
                writer.writerow((paths[query], rank, f"{value:.4f}", paths[place]))
    print(options.out)


def read_features(file: str | Path) -> tuple[list[str], np.ndarray]:
    """Paths, and embeddings of length 1 `(N, D)`, of a file that `iaunet embed` wrote."""
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{path}: no such file; iaunet embed MODEL IMAGES --out {path} writes it")
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet

            table = pyarrow.parquet.read_table(path, columns=["path", "embedding"])
            paths, embeddings = table["path"].to_pylist(), np.stack(table["embedding"].to_numpy())
        else:
            with np.load(path, allow_pickle=False) as arrays:
                paths, embeddings = arrays["paths"].tolist(), arrays["embeddings"]
        if len(paths) != len(embeddings):
            raise ValueError(f"{len(paths)} paths and {len(embeddings)} embeddings")
    except ImportError:
        raise InputError(f"{path}: reading Parquet needs pyarrow: pip install pyarrow") from None
    except Exception as error:  # zipfile, NumPy and pyarrow raise various exceptions for damaged or foreign files
        raise InputError(f"{path}: not features that iaunet embed wrote ({reason_of(error)})") from None
    return [str(each) for each in paths], unit_length(as_vectors(embeddings, str(path)), str(path))
