"""`iaunet embed MODEL IMAGES... --out features.npz` (or `.parquet`, or with `--engine ray` a folder)."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from iaunet_tf.commands.arguments import Parser, output
from iaunet_tf.commands.stated import add_input_options, stated_input
from iaunet_tf.data.decoding import load_image
from iaunet_tf.data.walking import images_of
from iaunet_tf.errors import InputError
from iaunet_tf.features import check_parquet, write_parquet
from iaunet_tf.files import check_space, fingerprint, replacing, state
from iaunet_tf.inference import Embedder
from iaunet_tf.inference.alike import all_alike
from iaunet_tf.inference.runtimes import FORMATS
from iaunet_tf.terminal import in_threads, progress
from iaunet_tf.vectors import lengths
from iaunet_tf.weights.hub import is_on_hub
from iaunet_tf.weights.pretrained import is_published

BATCHES = 16  # embedded at a time, between which results are kept


def main(arguments: Sequence[str]) -> None:
    """Embeds images, or for a video network the images of each folder as a clip."""
    parser = Parser("embed", main.__doc__)
    model_help = (
        "a name of iaunet weights list, hf://OWNER/NAME on the Hugging Face hub, .onnx, .tflite, .xml or .keras "
    )
    model_help += "file, or the folder of a SavedModel or of a run"
    parser.add_argument("model", help=model_help)
    parser.add_argument(
        "images",
        nargs="+",
        help="image files, and folders of them; with Ray also s3:// addresses, and .csv or .parquet lists",
    )
    out_help = ".npz or .parquet file to write: paths, and embeddings of length 1; with Ray a folder of .parquet"
    parser.add_argument("--out", required=True, type=output, metavar="FILE", help=out_help)
    add_embedding_options(parser)
    parser.choice("--engine", ("process", "ray"), "embed here (default), or in workers of Ray, into a folder")
    parser.count("--workers", 1, 10_000, None, "of Ray: processes that embed; default: one for each GPU, or machine")
    parser.add_argument("--address", help="of a Ray cluster: host:port, or auto for that of this machine")
    parser.count("--part_size", 1, 65_536, None, "with Ray: images in each file of the folder; default: 1024")
    options = parser.parse(arguments)
    out = options.out
    network_first(options.model, options.images)
    if options.engine == "ray":
        _on_ray(options)
        return
    for name in ("workers", "address", "part_size"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name} is for --engine ray")
    write = _writer(out)
    # The images first: a mistyped folder should not wait for the network.
    folders = image_folders(options.images)
    embed = Embedder(options.model, options.batch_size, options.device, stated_input(options), options.runtime)
    print(embed.fed)
    folders = readable(folders, options.on_corrupt)
    paths, items = items_of(folders, embed.metadata.video)
    partial = out.with_name(f"{out.name}.partial")
    images = (path for files in folders.values() for path in files)
    model = (state(file) for file in embed.files if file not in (out, partial))
    of = fingerprint([embed.metadata, embed.stated, embed.runtime, *model, *map(str, paths), *map(state, images)])
    embeddings = _embed(embed, paths, items, partial, of)
    with replacing(out) as temporary:
        write(temporary, [str(path) for path in paths], embeddings, embed.fingerprint)
    partial.unlink(missing_ok=True)
    doubt = all_alike(embeddings) if embed.stated else None
    if doubt:
        print(f"warning: {doubt}")
    print(f"{len(embeddings)} embeddings of {embeddings.shape[1]} numbers: {out}")


def _on_ray(options):
    """Embeds by `iaunet_tf.many`."""
    from iaunet_tf.many.on_ray import embed_on_ray, import_ray
    from iaunet_tf.many.parts import PART_SIZE
    from iaunet_tf.many.sources import list_images

    import_ray(options.address)
    embed_on_ray(
        options.model,
        list_images(options.images),
        options.out,
        sources=options.images,
        part_size=options.part_size or PART_SIZE,
        address=options.address,
        workers=options.workers,
        device=options.device,
        skip=options.on_corrupt == "skip",
        batch_size=options.batch_size,
        input=stated_input(options),
        runtime=options.runtime,
    )


def _embed(embed, paths, items, partial, of):
    """Embeddings `(N, D)` of the items, from the file `partial`, where a command on the same things, by their
    fingerprint `of`, goes on if it was ended in between."""
    head, shape = of.encode(), (len(items), embed.metadata.embedding)
    width, size = 4 * shape[1], BATCHES * embed.batch_size
    check_space(partial.parent, 2 * width * len(items))
    with partial.open("a+b") as file:
        file.seek(0)
        known = file.read(len(head)) == head
    if not known:
        partial.unlink()  # not emptied: another command may be writing to it
        partial.write_bytes(head)
    with partial.open("r+b") as file:
        done = 0
        if there := (partial.stat().st_size - len(head)) // width:
            whole = abs(lengths(np.memmap(file, "float32", "r", len(head), (there, shape[1]))) - 1) < 1e-3
            done = there if whole.all() else int(whole.argmin())
            print(f"{partial}: goes on after {done} of {len(items)}")
        with progress("embedding", len(items)) as bar:
            bar.update(done)
            for start in range(done, len(items), size):
                try:
                    rows = embed(items[start : start + size])
                except InputError as error:
                    if not start:
                        partial.unlink(missing_ok=True)
                        raise
                    raise InputError(f"{error}; what comes before {paths[start]} is kept in {partial}") from None
                file.seek(len(head) + start * width)
                file.write(rows.tobytes())
                file.flush()
                bar.update(len(rows))
        return np.memmap(file, "float32", "r", len(head), shape)


def _writer(out):
    """A function that writes `N` paths, embeddings `(N, D)` and the fingerprint of their network; whether it can is
    checked now."""
    if out.suffix not in (".npz", ".parquet"):
        raise InputError(f"--out {out}: must end in .npz or .parquet")
    if out.is_dir():
        raise InputError(f"--out {out}: is a folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".npz":
        return lambda file, paths, embeddings, network: np.savez(
            file, paths=np.array(paths), embeddings=embeddings, network=np.array(network)
        )
    check_parquet(out)
    return write_parquet


def network_first(model: str, images: Sequence[str]) -> None:
    """Refuses images in the place of the network, and the network in theirs."""
    if _is_network(images[0]) and not _is_network(model):
        raise InputError(f"{model}: the network comes first, then the images: {images[0]} {model}")


def _is_network(name):
    """Whether a name can be only that of a network."""
    if Path(name).suffix in (*FORMATS, ".keras") or is_published(name) or is_on_hub(name):
        return True
    return any(os.path.isfile(os.path.join(name, file)) for file in ("model.keras", "saved_model.pb"))


def add_embedding_options(parser: Parser) -> None:
    """Adds what is to be said of embedding images: `--batch_size`, `--device`, `--on_corrupt`, input and runtime."""
    parser.count("--batch_size", 1, 10_000, 32, "images or clips at a time")
    parser.choice("--device", ("auto", "cpu", "cuda"), "what to compute on; auto takes CUDA if it is there (default)")
    corrupt_help = "unreadable images: error (default) names one before anything is embedded, skip leaves them out"
    parser.choice("--on_corrupt", ("error", "skip"), corrupt_help)
    add_input_options(parser)


def items_of(folders: dict[Path, list[Path]], video: bool) -> tuple[list[Path], list]:
    """What is embedded of images by their folder, and the path that names each: all images, or folders as clips."""
    if video:
        return list(folders), list(folders.values())
    paths = [path for files in folders.values() for path in files]
    return paths, paths


def readable(folders: dict[Path, list[Path]], on_corrupt: str) -> dict[Path, list[Path]]:
    """Those of the images that can be decoded, each once, by their folder; others are an `InputError`, or left out
    if `on_corrupt` is `"skip"`."""
    files = [path for each in folders.values() for path in each]
    once = list({os.path.abspath(path): path for path in files}.values())
    if len(once) < len(files):
        print(f"{len(files) - len(once)} images are given twice, and are embedded once")
    reasons = {}

    def work(number):
        try:
            load_image(once[number])
        except InputError as error:
            reasons[number] = error

    in_threads(work, len(once), "reading images")
    if reasons:
        count, first = f"{len(reasons)} of {len(once)} images cannot be used", reasons[min(reasons)]
        if on_corrupt == "error" or len(reasons) == len(once):
            raise InputError(f"{first}; {count}; --on_corrupt skip leaves such images out")
        print(f"{count} and are left out, the first: {first}")
    found: dict[Path, list[Path]] = {}
    for number, path in enumerate(once):
        if number not in reasons:
            found.setdefault(path.parent, []).append(path)
    return found


def image_folders(images: Sequence[str]) -> dict[Path, list[Path]]:
    """Image files by their folder, in order; prints what is left out of folders."""
    folders: dict[Path, list[Path]] = {}
    for name in map(Path, images):
        for path in images_of(name):
            folders.setdefault(path.parent, []).append(path)
    return folders
