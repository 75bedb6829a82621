"""`iaunet embed MODEL IMAGES... --out features.npz` (or `.parquet`)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from iaunet_tf.commands.arguments import Parser
from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.inference import Embedder


def main(arguments: Sequence[str]) -> None:
    """Embeds images, or for a video network the images of each folder as a clip."""
    parser = Parser("embed", main.__doc__)
    parser.add_argument("model", help=".onnx, .tflite or .keras file, or the folder of a SavedModel or of a run")
    parser.add_argument("images", nargs="+", help="image files, and folders of them")
    out_help = ".npz or .parquet file to write: paths, and embeddings of length 1"
    parser.add_argument("--out", required=True, metavar="FILE", help=out_help)
    parser.add_argument("--batch_size", type=int, default=32, help="images or clips at a time (default: 32)")
    parser.choice("--device", ("auto", "cpu", "cuda"))
    options = parser.parse(arguments)
    write = _writer(Path(options.out))
    # The images first: a mistyped folder should not wait for the network.
    folders = _folders(options.images)
    embed = Embedder(options.model, options.batch_size, options.device)
    if embed.metadata.video:
        paths, items = list(folders), list(folders.values())
    else:
        paths = items = [path for files in folders.values() for path in files]
    embeddings = embed(items, progress=True)
    with replacing(options.out) as temporary:
        write(temporary, [str(path) for path in paths], embeddings)
    print(f"{len(embeddings)} embeddings of {embeddings.shape[1]} numbers: {options.out}")


def _writer(out):
    """A function that writes `N` paths and embeddings `(N, D)`; whether it can is checked now."""
    if out.suffix == ".npz":
        return lambda file, paths, embeddings: np.savez(file, paths=np.array(paths), embeddings=embeddings)
    if out.suffix != ".parquet":
        raise InputError(f"{out}: the name of the features' file ends in .npz or .parquet")
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"{out}: writing Parquet needs pyarrow: pip install pyarrow") from None

    def write(file, paths, embeddings):
        vectors = pyarrow.FixedSizeListArray.from_arrays(embeddings.ravel(), embeddings.shape[1])
        pyarrow.parquet.write_table(pyarrow.table({"path": paths, "embedding": vectors}), file)

    return write


def _folders(images):
    """Image files by their folder, in order."""
    folders: dict[Path, list[Path]] = {}
    for name in map(Path, images):
        if name.is_dir():
            found = sorted(path for path in name.rglob("*") if path.suffix.lower() in SUFFIXES)
            if not found:
                raise InputError(f"{name}: contains no images ({', '.join(sorted(SUFFIXES))})")
        elif name.is_file():
            found = [name]
        else:
            raise InputError(f"{name}: no such file or folder")
        for path in found:
            folders.setdefault(path.parent, []).append(path)
    return folders
