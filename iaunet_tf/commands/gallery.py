"""`iaunet gallery add|search|info|merge|remove|export`: embeddings that last, and who is who among them."""

from collections.abc import Sequence

from iaunet_tf.commands import gallery_add, gallery_search
from iaunet_tf.commands.arguments import Parser, choose, output
from iaunet_tf.commands.gallery_options import add_filters, add_gallery, filters, open_gallery, utc
from iaunet_tf.errors import InputError
from iaunet_tf.wording import did_you_mean

MOST = 20  # names that are listed


def main(arguments: Sequence[str]) -> None:
    """Adds to a gallery, searches it, or changes what it says."""
    kinds = {
        "add": gallery_add.main,
        "search": gallery_search.main,
        "info": _info,
        "merge": _merge,
        "remove": _remove,
        "export": _export,
    }
    kind = choose("gallery", "task", kinds, arguments, "GALLERY ...")
    if kind:
        kinds[kind](arguments[1:])


def _info(arguments):
    parser = Parser("gallery info", "Prints what is in a gallery.")
    add_gallery(parser)
    parser.switch("--measure", False, "measure now how many of the nearest a search finds, which reads all embeddings")
    options = parser.parse(arguments)
    with open_gallery(options) as gallery:
        info = gallery.info(options.measure)
    unknown = info["identities"].pop(None, 0)
    recall = "not measured" if info["recall"] is None else f"{info['recall']:.2%} of the 10 nearest are found"
    lines = {
        "entries": info["entries"],
        "identities": f"{len(info['identities'])}, and {unknown} entries of unknown people",
        "cameras": _listed(info["cameras"]),
        "times": "unknown" if info["first"] is None else f"{utc(info['first'])} to {utc(info['last'])}",
        "network": f"{info['network']}, {info['dimension']} numbers",
        "search": f"{info['index']} ({recall})",
    }
    if info["bytes"] is not None:
        lines["disk"] = f"{info['bytes'] / 2**20:.1f} MiB"
    for name, value in lines.items():
        print(f"{name:11}{value}")


def _merge(arguments):
    parser = Parser("gallery merge", "Makes several identities one.")
    add_gallery(parser)
    parser.add_argument("identities", nargs="+", help="names of identities")
    parser.add_argument(
        "--into", required=True, metavar="NAME", help="the name that they get, a new one or one of them"
    )
    options = parser.parse(arguments)
    with open_gallery(options) as gallery:
        counts = {name: gallery.count(identities=name) for name in dict.fromkeys(options.identities)}
        nobody = [name for name, count in counts.items() if not count]
        if len(nobody) == len(counts):
            raise InputError(f"{gallery.uri}: has no entries of {', '.join(nobody):.120}")
        if nobody:
            print(f"there are no entries of {', '.join(nobody):.120}")
        changed = gallery.merge(options.identities, options.into)
        print(f"{changed} entries are now of {options.into}, who has {gallery.count(identities=options.into)}")


def _remove(arguments):
    parser = Parser("gallery remove", "Removes the entries that are all of what is given.")
    add_gallery(parser)
    parser.add_argument("--ids", nargs="+", metavar="ID", help="entries, by their ids")
    add_filters(parser, after=False)
    options = parser.parse(arguments)
    chosen = {"ids": options.ids, **filters(options)}
    if chosen == {"ids": None}:
        raise InputError("say which entries to remove: by --ids, --identities, --cameras or --before")
    with open_gallery(options) as gallery:
        for name in options.identities or ():
            if not gallery.count(identities=name):
                known = [each for each in gallery.info()["identities"] if each]
                raise InputError(f"{gallery.uri}: there is no identity {name:.80}{did_you_mean(name, known)}")
        removed = gallery.remove(**chosen)
        print(f"{removed} entries removed, {len(gallery)} left")


def _export(arguments):
    parser = Parser("gallery export", "Writes all entries with their embeddings as Parquet.")
    add_gallery(parser)
    parser.add_argument("out", type=output, help=".parquet file to write, which iaunet gallery add reads")
    options = parser.parse(arguments)
    with open_gallery(options) as gallery:
        print(f"{gallery.export(options.out, progress=True)} entries: {options.out}")


def _listed(counts):
    names = [f"{'unknown' if name is None else name} ({count})" for name, count in sorted(counts.items(), key=str)]
    return ", ".join(names[:MOST]) + (f", and {len(names) - MOST} more" if len(names) > MOST else "") or "none"
