"""`python -m iaunet_tf.embed MODEL IMAGES... --out features.npz` embeds pictures."""

import argparse
import sys
from pathlib import Path

import numpy as np

from iaunet_tf.data.images import SUFFIXES
from iaunet_tf.errors import InputError, exit_code
from iaunet_tf.files import replacing
from iaunet_tf.inference import Embedder


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m iaunet_tf.embed",
        description="Embeds pictures, or for a video network the pictures of each folder as a clip.",
    )
    parser.add_argument("model", help=".onnx or .keras file, or the folder of a run")
    parser.add_argument("images", nargs="+", help="picture files, and folders of them")
    parser.add_argument(
        "--out", required=True, metavar="FILE", help=".npz file to write: paths, and embeddings of length 1"
    )
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    options = parser.parse_args(arguments)
    return exit_code(
        lambda: embed_files(options.model, options.images, options.out, options.batch_size, options.device)
    )


def embed_files(model: str, images: list[str], out: str, batch_size: int = 32, device: str = "auto") -> None:
    """Embeds files and writes `paths` `(N,)` and `embeddings` `(N, D)`."""
    if Path(out).suffix != ".npz":
        raise InputError(f"{out}: the name of the features' file ends in .npz")
    # The pictures first: a mistyped folder should not wait for the network.
    folders = _folders(images)
    embed = Embedder(model, batch_size, device)
    if embed.metadata.video:
        paths, pictures = list(folders), list(folders.values())
    else:
        paths = pictures = [path for files in folders.values() for path in files]
    embeddings = embed(pictures, progress=True)
    with replacing(out) as temporary:
        np.savez(temporary, paths=np.array([str(path) for path in paths]), embeddings=embeddings)
    print(f"{len(embeddings)} embeddings of {embeddings.shape[1]} numbers: {out}")


def _folders(images):
    """Pictures by the folder they lie in, in order."""
    folders: dict[Path, list[Path]] = {}
    for name in map(Path, images):
        if name.is_dir():
            found = sorted(path for path in name.rglob("*") if path.suffix.lower() in SUFFIXES)
            if not found:
                raise InputError(f"{name}: holds no pictures ({', '.join(sorted(SUFFIXES))})")
        elif name.is_file():
            found = [name]
        else:
            raise InputError(f"{name}: no such file or folder")
        for path in found:
            folders.setdefault(path.parent, []).append(path)
    return folders


if __name__ == "__main__":
    sys.exit(main())
