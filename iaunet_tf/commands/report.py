"""`iaunet report RUN [RUN]`: a page on a run, or on two side by side."""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.commands.arguments import Parser, output
from iaunet_tf.errors import InputError
from iaunet_tf.files import UNFINISHED, unfinished, write_json
from iaunet_tf.run import Run
from iaunet_tf.terminal import quietly

PAGE = "report.html"
MANIFEST, WRITTEN = "report-files.json", "written by iaunet report"  # names of the files, below a key


def main(arguments: Sequence[str]) -> None:
    """Writes a report on a run or an evaluation, or on two side by side."""
    parser = Parser("report", main.__doc__)
    runs_help = "folder of a finished run, or of an evaluation of a file; two to compare"
    parser.add_argument("runs", nargs="+", metavar="RUN", help=runs_help)
    parser.add_argument(
        "--out",
        type=output,
        metavar="FOLDER",
        help="where to write it; by default report, or report-and-RUN, in the first run",
    )
    parser.count("--queries", 1, 1000, 4, "number of queries of each kind")
    parser.count("--seed", 0, 2**32 - 1, 0, "seed of the random queries")
    options = parser.parse(arguments)
    print(make_report(options.runs, options.out, options.queries, options.seed))


def make_report(runs: list[str], out: str | None = None, queries: int = 4, seed: int = 0) -> Path:
    """Writes a page on one or two finished runs, with its plots and images, and returns its path.

    An older report in the folder is replaced, and nothing else in it is touched; without `out` it is a folder in the
    first run's.
    """
    if len(runs) > 2:
        raise InputError(f"a report is on one run or on two; received {len(runs)}")
    names = [Path(run).resolve().name for run in runs]
    if len(set(names)) < len(names):
        raise InputError(f"both runs are called {names[0]}; rename the folder of one")
    beside = "report" if len(runs) == 1 else f"report-and-{names[1]}"
    folder = Run(Path(runs[0])).report.with_name(beside) if out is None else Path(out)
    _written(folder)
    with quietly():
        from iaunet_tf.report.findings import Findings
    from iaunet_tf.report.page import write_page
    from iaunet_tf.report.sections import all_sections

    found = [Findings.of(run) for run in runs]
    if len(found) == 2:
        _check_alike(*found)
    with unfinished(folder / PAGE if folder.exists() else folder) as temporary:
        temporary.mkdir()
        sections = all_sections(found, temporary, queries, seed)
        test = found[0].test
        lead = [
            f"{found[0].ranking.num_queries} queries with a match among {len(test.gallery.subset)} "
            f"{test.gallery.subset.unit} of {test.name}, {found[0].config.eval.distance} distance.",
            *(note if len(found) == 1 else f"{run.name}: {note}" for run in found for note in run.notes),
        ]
        write_page(" and ".join(run.name for run in found), lead, sections, temporary / PAGE)
        _publish(temporary, folder)
    return folder / PAGE


def _written(folder: Path) -> set[str]:
    """Names of the files that an older report wrote into a folder; a folder of anything else is an InputError."""
    if not os.path.lexists(folder):
        return set()
    try:
        names = json.loads((folder / MANIFEST).read_text())[WRITTEN]
        inside = folder.resolve()
        if all((folder / name).parent.resolve().is_relative_to(inside) for name in names):
            return set(names)
    except FileNotFoundError:
        if folder.is_dir() and all(entry.name.startswith(UNFINISHED) for entry in folder.iterdir()):
            return set()
    except (OSError, ValueError, TypeError, KeyError):
        pass
    if (folder / PAGE).exists():
        raise InputError(
            f"{folder}: holds a report without a whole list of its files, {MANIFEST}, as older versions wrote them; "
            "move it away or choose another --out"
        )
    raise InputError(f"{folder}: exists and is not a report; choose another --out")


def _publish(new: Path, folder: Path) -> None:
    """Moves a report from `new` into its folder, the page last, and then removes what only the older one wrote.

    The list of files comes first, so that a report that is interrupted here can be replaced as well.
    """
    names = {path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file()} | {MANIFEST}
    old = _written(folder)
    foreign = sorted(name for name in names - old if os.path.lexists(folder / name))
    if foreign:
        raise InputError(f"{folder / foreign[0]}: is in the way and not of a report; move it or choose another --out")
    folder.mkdir(exist_ok=True)
    write_json(folder / MANIFEST, {WRITTEN: sorted(names | old)})
    for name in sorted(names - {MANIFEST}, key=lambda name: name == PAGE):
        (folder / name).parent.mkdir(exist_ok=True)
        os.replace(new / name, folder / name)
    for name in old - names:
        with contextlib.suppress(OSError):
            (folder / name).unlink()
    write_json(folder / MANIFEST, {WRITTEN: sorted(names)})


def _check_alike(first, second):
    for part in ("query", "gallery"):
        ours, theirs = (
            [run.paths(part, row)[0].resolve() for row in range(len(getattr(run.test, part).subset))]
            for run in (first, second)
        )
        if ours != theirs:
            raise InputError(
                f"{first.name} and {second.name} are not about the same {part}: {len(ours)} and {len(theirs)} "
                f"{first.test.gallery.subset.unit}; evaluate both on one data set first, by --data.test"
            )
