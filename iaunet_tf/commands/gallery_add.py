"""`iaunet gallery add GALLERY MODEL IMAGES...|TABLE|FEATURES`."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from iaunet_tf.commands.arguments import Parser
from iaunet_tf.commands.embed import add_embedding_options, image_folders, network_first, readable
from iaunet_tf.commands.gallery_options import add_gallery, open_gallery, time
from iaunet_tf.commands.stated import stated_input
from iaunet_tf.data.readers.market1501 import NAME
from iaunet_tf.data.readers.own_folders import CAMERA
from iaunet_tf.data.readers.own_table import read_table
from iaunet_tf.errors import InputError
from iaunet_tf.features import MANIFEST, read_features
from iaunet_tf.gallery import Entry
from iaunet_tf.gallery.entries import check_name
from iaunet_tf.gallery.exchange import read_entries
from iaunet_tf.inference import Embedder
from iaunet_tf.inference.alike import all_alike
from iaunet_tf.terminal import progress
from iaunet_tf.wording import counted

FEATURES, TABLES = (".npz", ".parquet"), (".csv", ".tsv")
BATCHES = 4  # embedded at a time, and then added
NOBODY = re.compile(r"-1|0+")  # in the names of data sets: junk, and distractors


def main(arguments: Sequence[str]) -> None:
    """Adds images to a gallery, which is made if there is none. Those that are there already stay as they are, so that
    the command is repeated if it was interrupted."""
    parser = Parser("gallery add", main.__doc__)
    add_gallery(parser)
    parser.add_argument("model", help="what embeds, as iaunet embed takes it")
    source_help = (
        "image files and folders of them; a .csv or .tsv table with columns path, person and camera; or a .npz or "
        ".parquet file, or a folder, that iaunet embed or iaunet gallery export wrote"
    )
    parser.add_argument("source", nargs="+", help=source_help)
    parser.add_argument("--identity", metavar="NAME", help="who is seen in all of the images")
    parser.add_argument("--camera", metavar="NAME", help="the camera of all of the images")
    parser.add_argument("--time", type=_time, metavar="TIME|file", help="their time (ISO 8601), or that of each file")
    parser.switch("--names", True, "take identity and camera from names like 0002_c1s1_000451_03.jpg (default: true)")
    parser.choice("--folders", ("none", "person", "camera"), "what the folder of an image is called by (default: none)")
    parser.switch("--replace", False, "replace entries that are there already (default: false)")
    add_embedding_options(parser)
    options = parser.parse(arguments)
    for what in ("identity", "camera"):
        if getattr(options, what) is not None:
            check_name(what, getattr(options, what))
    network_first(options.model, options.source)
    first = Path(options.source[0])
    features, table = first.suffix.lower() in FEATURES or (first / MANIFEST).is_file(), first.suffix.lower() in TABLES
    if (features or table) and len(options.source) > 1:
        raise InputError(f"{options.source[1]}: give {first} alone, and this in another command")
    if features:
        _add_features(options, first)
    else:
        _add_images(options, table)


def _add_features(options, file):
    paths, vectors, network = read_features(file)
    exported = read_entries(file) if file.suffix == ".parquet" else None
    entries = [_entry(options, Path(path)) for path in paths] if exported is None else exported
    if network is None:
        raise InputError(f"{file}: an older iaunet-tf wrote it, without the network; write it anew by iaunet embed")
    embed = _embedder(options)
    if network != embed.fingerprint:
        raise InputError(f"{file}: holds embeddings of another network than {options.model}; give that one")
    with open_gallery(options, embed) as gallery:
        unknown = [entry.id for entry in entries if entry.identity is None and exported is None]
        unknown = unknown if options.replace else gallery.missing(unknown)
        written, kept = gallery.add(entries, vectors, options.replace, progress=True)
        _say(gallery, written, kept, len(unknown))


def _add_images(options, table):
    # The images first: a mistyped folder should not wait for the network.
    known = _table(Path(options.source[0])) if table else {}
    folders = image_folders(options.source) if not table else _by_folder(known)
    embed = _embedder(options)
    print(embed.fed)
    with open_gallery(options, embed) as gallery:
        kept = 0
        if not options.replace:
            folders, kept = _new(gallery, folders, embed.metadata.video)
        folders = readable(folders, options.on_corrupt) if folders else {}
        if embed.metadata.video:
            items = list(folders.values())
            entries = [_entry(options, files[0], known, folder) for folder, files in folders.items()]
        else:
            items = [path for files in folders.values() for path in files]
            entries = [_entry(options, path, known) for path in items]
        written, size = 0, BATCHES * options.batch_size
        with progress("adding", len(items)) as bar:
            for start in range(0, len(items), size):
                try:
                    vectors = embed(items[start : start + size])
                    written += gallery.add(entries[start : start + size], vectors, options.replace).written
                except InputError as error:
                    done = f"{written} of {len(items)} entries are added; repeat the command for the others"
                    raise InputError(f"{error}; {done}" if start else str(error)) from None
                if start == 0 and embed.stated and (doubt := all_alike(vectors)):
                    print(f"warning: {doubt}")
                bar.update(len(vectors))
        _say(
            gallery,
            written,
            kept + len(items) - written,
            0 if known else sum(entry.identity is None for entry in entries),
        )


def _embedder(options):
    return Embedder(options.model, options.batch_size, options.device, stated_input(options), options.runtime)


def _new(gallery, folders, video):
    """The folders with the images, or the clips, that the gallery does not have yet; and how many it has."""
    ids = {path: Entry.id_of(path) for path in (folders if video else chain(*folders.values()))}
    once = list(dict.fromkeys(ids.values()))
    new = {*gallery.missing(once)}
    if video:
        return {folder: files for folder, files in folders.items() if ids[folder] in new}, len(once) - len(new)
    found = {folder: [path for path in files if ids[path] in new] for folder, files in folders.items()}
    return {folder: files for folder, files in found.items() if files}, len(once) - len(new)


def _entry(options, path, known=None, folder=None):
    """The entry of an image, or of a folder whose images are a clip, of which `path` is the first."""
    identity, camera = (known or {}).get(path, (None, None))
    if options.names and not known:
        match, other = NAME.match(path.stem), CAMERA.search(path.stem)
        identity = match[1] if match and not NOBODY.fullmatch(match[1]) else None
        camera = match[2] if match else other[1] if other else None
    above = (folder or path).parent.name
    if options.folders != "none" and above:
        identity, camera = (above, camera) if options.folders == "person" else (identity, above)
    when = path.stat().st_mtime if options.time == "file" and path.is_file() else options.time
    entry = Entry(
        identity=options.identity or identity,
        camera=options.camera or camera,
        time=None if when == "file" else when,
        file=os.path.abspath(folder or path),
    )
    return replace(entry, tracklet=folder.name, thumbnail=os.path.abspath(path)) if folder else entry


def _table(file):
    """Identity and camera by path."""
    try:
        rows = read_table(file)
    except InputError as error:
        raise InputError(str(error).removesuffix("; set --data.root")) from None
    return {row.path: (None if row.person == "-1" else row.person, row.camera) for row in rows}


def _by_folder(paths):
    folders = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    return folders


def _time(text):
    return text if text == "file" else time(text)


def _say(gallery, written, kept, unknown):
    """Prints how many entries were `written` and `kept`, and of how many of the former nothing says who it is."""
    there = f", {kept} were there already and stay as they are (--replace gives them what is said now)" if kept else ""
    print(f"{counted(written, 'entry', 'entries')} added{there}: {gallery.uri} has {len(gallery)}")
    if unknown:
        remedy = "--folders person takes it from folders, --identity NAME gives one"
        print(f"{unknown} of {counted(written, 'entry has', 'entries have')} no identity; {remedy}")
