"""`iaunet gallery search GALLERY IMAGES... --model MODEL`: who is it?"""

import csv
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.commands.arguments import Parser, output
from iaunet_tf.commands.embed import add_embedding_options, image_folders, items_of, readable
from iaunet_tf.commands.gallery_options import add_filters, add_gallery, filters, open_gallery, utc
from iaunet_tf.commands.stated import stated_input
from iaunet_tf.errors import InputError
from iaunet_tf.files import printable, replacing
from iaunet_tf.gallery import Entry
from iaunet_tf.gallery.limits import usual_limit
from iaunet_tf.gallery.thumbnails import thumbnail
from iaunet_tf.inference import Embedder
from iaunet_tf.report.page import Figure, Section, write_page
from iaunet_tf.wording import counted

NEARER = {
    "open_set": "people who are not in a gallery are nearer to somebody in it",
    "pairs": "pairs of two people are nearer",
}
COLUMNS = ("query", "known", "rank", "distance", "identity", "camera", "time", "file", "id")


def main(arguments: Sequence[str]) -> None:
    """Finds the entries of a gallery that look most like the people in images, or for a video network in the images of
    each folder."""
    parser = Parser("gallery search", main.__doc__)
    add_gallery(parser)
    parser.add_argument("images", nargs="+", help="image files, and folders of them")
    parser.add_argument("--model", required=True, help="the network of the gallery, as iaunet embed takes it")
    parser.count("--k", 1, 1000, 10, "how many to find for each")
    threshold_help = (
        "the distance from which on it is somebody else, 0 to 2; who has nobody nearer is unknown (default: as "
        "measured for the network, the same as iaunet serve takes)"
    )
    parser.add_argument("--threshold", type=float, metavar="DISTANCE", help=threshold_help)
    parser.count("--rerank", 0, 1000, 0, "how many of the nearest are re-ranked")
    add_filters(parser)
    parser.add_argument("--out", type=output, metavar="FILE", help=".html or .csv file to write as well")
    add_embedding_options(parser)
    options = parser.parse(arguments)
    if options.out and (options.out.suffix not in (".html", ".csv") or options.out.is_dir()):
        raise InputError(f"--out {options.out}: must end in .html or .csv")
    if options.threshold is not None and not 0 <= options.threshold <= 2:
        raise InputError(f"--threshold must be 0 to 2; received {options.threshold}")
    folders = image_folders(options.images)
    with open_gallery(options) as gallery:  # a mistyped name should not wait for the network
        embed = Embedder(options.model, options.batch_size, options.device, stated_input(options), options.runtime)
        gallery.require(embed)
        folders = readable(folders, options.on_corrupt)
        names, items = items_of(folders, embed.metadata.video)
        if options.threshold is None:
            options.threshold = _usual(embed)
        found = gallery.search(embed(items, progress=True), options.k, rerank=options.rerank, **filters(options))
    answers = [
        (printable(name), _known(hits, options.threshold), hits) for name, hits in zip(names, found, strict=True)
    ]
    _print(answers, names, options)
    if options.out:
        {".csv": _write_csv, ".html": _write_html}[options.out.suffix](options, answers, items)
        print(options.out)


def _usual(embed):
    """The threshold that was measured for the network, printed; None if there is none."""
    limit = usual_limit(embed, None)
    if limit is None:
        return None
    print(f"threshold {limit.distance:.4f}: {100 * limit.rate:g} % of {NEARER[limit.kind]}, on {embed.thresholds.data}")
    return limit.distance


def _known(hits, threshold):
    """Whether somebody is near enough; None if that is not asked."""
    return None if threshold is None else any(hit.distance < threshold for hit in hits)


def _answer(hits, options):
    """Who it is, in words; nothing if that is not asked. Identities come in the order of their nearest entries."""
    limit = options.threshold
    if limit is None or not hits:
        return ""
    near = Counter(hit.entry.identity for hit in hits if hit.distance < limit)
    if not near:
        return f"unknown, nobody is within {limit:g}"
    least = "at least " if near.total() == options.k else ""  # further ones may be near, too
    (first, count), *others = ((identity or "no identity", count) for identity, count in near.items())
    also = "; also " + ", ".join(f"{identity} ({number})" for identity, number in others) if others else ""
    return f"{first}, {least}{counted(count, 'entry', 'entries')} within {limit:g}{also}"


def _beyond(hits, threshold):
    """The place of the first hit from the threshold on; None if there is none, or re-ranking has put others behind."""
    far = [threshold is not None and hit.distance >= threshold for hit in hits]
    return far.index(True) if any(far) and far == sorted(far) else None


def _print(answers, names, options):
    for (name, _, hits), path in zip(answers, names, strict=True):
        answer, beyond = _answer(hits, options), _beyond(hits, options.threshold)
        itself = printable(os.path.abspath(path))
        print(f"{name}: {answer}" if answer else name)
        for place, hit in enumerate(hits):
            if place == beyond:
                print("  -- beyond the threshold --")
            same = ("(the same file)",) if hit.entry.file == itself else ()
            print(f"  {hit.distance:.4f}  {'  '.join(text for text in (*_words(hit.entry), *same) if text)}")
        if not hits:
            print("  the gallery has nobody to compare with, or the filters leave nobody")


def _words(entry):
    """Identity, camera, time and file of an entry, for people to read."""
    camera = "" if entry.camera is None else f"camera {entry.camera}"
    return entry.identity or "unknown", camera, utc(entry.time, "milliseconds"), entry.file or entry.id


def _write_csv(options, answers, _):
    with replacing(options.out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for name, known, hits in answers:
            known = "" if known is None else str(known).lower()
            for rank, hit in enumerate(hits, 1):
                entry = hit.entry
                about = (
                    entry.identity or "",
                    entry.camera or "",
                    utc(entry.time, "milliseconds"),
                    entry.file or "",
                    entry.id,
                )
                writer.writerow((name, known, rank, f"{hit.distance:.4f}", *about))


def _write_html(options, answers, items):
    limit = "" if options.threshold is None else f", people within a distance of {options.threshold:g} are known"
    searches = counted(len(answers), "search", "searches")
    lead = [f"{searches} in {options.gallery}, the {options.k} nearest of each{limit}"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)

        def figure(entry, caption, number):
            content = thumbnail(entry)
            if content is None:
                return []
            file = place / f"{number}.jpg"
            file.write_bytes(content)
            return [Figure(file, caption)]

        sections, number = [], 0
        for (name, _, hits), item in zip(answers, items, strict=True):
            first = item[0] if isinstance(item, list) else item
            figures = figure(Entry(file=first), "query", number := number + 1)
            for hit in hits:
                caption = f"{hit.distance:.4f} {hit.entry.identity or 'unknown'}"
                figures += figure(hit.entry, caption, number := number + 1)
            table = [("rank", "distance", "identity", "camera", "time", "file")]
            for rank, hit in enumerate(hits, 1):
                identity, _, time, file = _words(hit.entry)
                table.append((str(rank), f"{hit.distance:.4f}", identity, hit.entry.camera or "", time, file))
            sections.append(Section(name, _answer(hits, options), table if hits else (), figures, side=True))
        write_page("Who is it?", lead, sections, options.out)
