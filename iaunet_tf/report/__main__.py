"""`python -m iaunet_tf.report RUN [RUN]` writes a report on a run, or on two side by side."""

import argparse
import shutil
import sys
from pathlib import Path

from iaunet_tf.errors import InputError, exit_code
from iaunet_tf.files import replacing
from iaunet_tf.quiet import quietly

PAGE = "report.html"


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m iaunet_tf.report", description="Writes a report on a run, or on two runs side by side."
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a finished run; two to compare")
    parser.add_argument(
        "--out", metavar="FOLDER", help="where to; by default report, or report-and-RUN, in the first run"
    )
    parser.add_argument("--queries", type=int, default=4, help="how many to show of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the random queries")
    options = parser.parse_args(arguments)
    return exit_code(lambda: print(make_report(options.runs, options.out, options.queries, options.seed)))


def make_report(runs: list[str], out: str | None = None, queries: int = 4, seed: int = 0) -> Path:
    """Writes the page with its pictures and tables into a folder; an older report there is replaced.

    Args:
        runs: folders of one or two finished runs.
        out: the folder; None for one in the first run's.
        queries: how many to show of each kind.
        seed: of the random queries.

    Returns:
        The page.

    Raises:
        InputError: a run is not finished, two runs are not about the same queries and gallery, or the folder holds
            something else.
    """
    if len(runs) > 2:
        raise InputError(f"a report is on one run or on two; received {len(runs)}")
    if queries < 1:
        raise InputError(f"--queries must be at least 1; received {queries}")
    names = [Path(run).resolve().name for run in runs]
    if len(set(names)) < len(names):
        raise InputError(f"both runs are called {names[0]}; rename the folder of one")
    beside = "report" if len(runs) == 1 else f"report-and-{names[1]}"
    folder = Path(out) if out else Path(runs[0]) / beside
    if folder.exists() and not (folder / PAGE).is_file():
        raise InputError(f"{folder}: exists and is no report; choose another --out")
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
            f"{found[0].result.num_queries} queries with a match among {len(test.gallery.split)} "
            f"{found[0].task.entries} of {test.name}, {found[0].config.eval.distance} distance."
        ]
        write_page(" and ".join(run.name for run in found), lead, sections, temporary / PAGE)
        if folder.exists():
            shutil.rmtree(folder)
    return folder / PAGE


def _check_alike(first, second):
    for part in ("query", "gallery"):
        ours, theirs = (
            [run.paths(part, row)[0].resolve() for row in range(len(getattr(run.test, part).split))]
            for run in (first, second)
        )
        if ours != theirs:
            raise InputError(
                f"{first.name} and {second.name} are not about the same {part}: {len(ours)} and {len(theirs)} "
                f"{first.task.entries}; evaluate both on one data set first, by --data.test"
            )


if __name__ == "__main__":
    sys.exit(main())
