"""`iaunet nearest FEATURES --of FOLDER`: who looks most alike, in a file that `iaunet embed` wrote."""

import csv
import os
from collections.abc import Sequence

import numpy as np

from iaunet_tf.commands.arguments import Parser, output
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import nearest
from iaunet_tf.features import read_features
from iaunet_tf.files import replacing


def main(arguments: Sequence[str]) -> None:
    """Prints, for each image of a folder, the most similar ones that are not of that folder."""
    parser = Parser("nearest", main.__doc__)
    parser.add_argument("features", help=".npz or .parquet file, or folder, that iaunet embed wrote")
    parser.add_argument("--of", required=True, metavar="FOLDER", help="which images to look for: a folder, or one file")
    parser.count("--k", 1, 1000, 5, "how many to find for each")
    parser.add_argument("--out", type=output, metavar="FILE", help="write them as a .csv file instead")
    options = parser.parse(arguments)
    if options.out and (options.out.suffix != ".csv" or options.out.is_dir()):
        raise InputError(f"--out {options.out}: must end in .csv")
    paths, embeddings, _ = read_features(options.features)
    of = os.path.abspath(options.of)
    ours = np.array([path == of or path.startswith(os.path.join(of, "")) for path in map(os.path.abspath, paths)], bool)
    if not ours.any() or ours.all():
        all_of_them = "all of the images of {}; give one file, or one of its folders"
        none_of_them = "none of the images of {}; embed it with the others"
        raise InputError(f"--of {options.of}: {(all_of_them if ours.any() else none_of_them).format(options.features)}")
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
