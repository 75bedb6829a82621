"""`iaunet report RUN [RUN]`: a page on a run, or on two side by side."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.commands.arguments import Parser
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.run import Run
from iaunet_tf.terminal import quietly

PAGE = "report.html"


def main(arguments: Sequence[str]) -> None:
    """Writes a report on a run, or on two runs side by side."""
    parser = Parser("report", main.__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a finished run; two to compare")
    parser.add_argument(
        "--out", metavar="FOLDER", help="where to write it; by default report, or report-and-RUN, in the first run"
    )
    parser.add_argument("--queries", type=int, default=4, help="number of queries of each kind (default: 4)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random queries (default: 0)")
    options = parser.parse(arguments)
    print(make_report(options.runs, options.out, options.queries, options.seed))


def make_report(runs: list[str], out: str | None = None, queries: int = 4, seed: int = 0) -> Path:
    """Writes a page on one or two finished runs, with its plots and images, and returns its path.

    An older report in the folder is replaced; without `out` it is a folder in the first run's.
    """
    if len(runs) > 2:
        raise InputError(f"a report is on one run or on two; received {len(runs)}")
    if queries < 1:
        raise InputError(f"--queries must be at least 1; received {queries}")
    names = [Path(run).resolve().name for run in runs]
    if len(set(names)) < len(names):
        raise InputError(f"both runs are called {names[0]}; rename the folder of one")
    beside = "report" if len(runs) == 1 else f"report-and-{names[1]}"
    folder = Path(out) if out else Run(Path(runs[0])).report.with_name(beside)
    if folder.exists() and not (folder / PAGE).is_file():
        raise InputError(f"{folder}: exists and is not a report; choose another --out")
    with quietly():
        from iaunet_tf.report.findings import Findings
    from iaunet_tf.report.page import write_page
    from iaunet_tf.report.sections import all_sections

    found = [Findings.of(run) for run in runs]
    if len(found) == 2:
        _check_alike(*found)
    with replacing(folder) as temporary:
        temporary.mkdir()
        sections = all_sections(found, temporary, queries, seed)
        test = found[0].test
        lead = [
            f"{found[0].ranking.num_queries} queries with a match among {len(test.gallery.subset)} "
            f"{test.gallery.subset.unit} of {test.name}, {found[0].config.eval.distance} distance."
        ]
        write_page(" and ".join(run.name for run in found), lead, sections, temporary / PAGE)
        if folder.exists():
            shutil.rmtree(folder)
    return folder / PAGE


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
