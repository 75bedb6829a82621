"""A table of your own images: `.csv`, `.tsv` or `.parquet`."""

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from iaunet_tf.data.readers.common import read_text
from iaunet_tf.data.walking import missing
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed

COLUMNS = ("path", "person", "camera", "subset")
TABLES = (".csv", ".tsv", ".parquet")
DELIMITERS = ",;\t|"
# What programs write for a missing value.
NOTHING = ("", "nan", "NaN", "None", "null", "NULL", "<NA>", "NaT")


class Row(NamedTuple):
    """An image, and the place where it is described, for messages; the subset is empty where none is given."""

    path: Path
    person: str
    camera: str
    subset: str
    place: str


def read_table(file: Path) -> list[Row]:
    """Reads and checks the rows of a table; paths are relative to it."""
    if not file.is_file():
        raise InputError(f"{file}: no such file; set --data.root")
    try:
        header, lines = (_parquet if file.suffix.lower() == ".parquet" else _csv)(file)
    except InputError:
        raise
    # Errors of pyarrow, of which some are OSErrors, though the file can be opened.
    except (ValueError, csv.Error, NotImplementedError, KeyError, OSError) as error:
        raise InputError(f"{file}: cannot be read ({reason_of(error, 120)})") from None
    places = _columns(file, header)
    rows = []
    for number, line in lines:
        if len(line) != len(header):
            raise InputError(f"{file}: row {number} has {len(line)} values, but there are {len(header)} columns")
        values = ["" if place is None else _text(line[place], file, number) for place in places]
        if any(values):
            path, person, camera, subset = values
            rows.append(Row(_path(file, path), person, camera, subset, f"row {number}"))
            for column, value in zip(COLUMNS[:3], values, strict=False):
                if value in NOTHING:
                    raise InputError(f"{file}: row {number} has no {column} ({value!r}); fill it in or remove the row")
    if not rows:
        raise InputError(f"{file}: holds no rows")
    lost = set(missing(row.path for row in rows))
    if lost:
        first = next(row for row in rows if str(row.path) in lost)
        raise InputError(
            f"{file}: {len(lost)} of {len(rows)} files do not exist, the first is {first.path} ({first.place})"
        )
    return rows


def _columns(file, header):
    """Places of `COLUMNS` in a table; None for `subset` if there is no such column."""
    names = [str(name).strip().lower() for name in header]
    # Older tables, and those of other toolboxes, call the column of subsets "split".
    wanted = [*COLUMNS[:3], "split" if "split" in names and "subset" not in names else "subset"]
    double = [name for name in wanted if names.count(name) > 1]
    if double:
        raise InputError(f"{file}: has several columns {double[0]}; keep one of them")
    lacking = [name for name in COLUMNS[:3] if name not in names]
    if lacking:
        found = ", ".join(str(name) for name in header[:20])
        raise InputError(
            f"{file}: has no column {', '.join(lacking)}; columns are {', '.join(COLUMNS)}; it has {found or 'none'}"
        )
    return [names.index(name) if name in names else None for name in wanted]


def _csv(file):
    lines = read_text(file)
    head = lines.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter)
    rows, end = [], 0
    for line in reader:
        if any(map(str.strip, line)):
            rows.append((end + 1, line))  # where it begins: a quote that is not closed goes on for many lines
        end = reader.line_num
    return rows[0][1] if rows else [], rows[1:]


def _parquet(file):
    with needed(str(file)):
        from pyarrow.parquet import ParquetFile
    with ParquetFile(file) as content:
        table = content.read()
    columns = [column.to_pylist() for column in table.columns]
    return table.column_names, enumerate(zip(*columns, strict=True), 1)


def _text(value, file, number):
    """A cell without spaces around it; whole numbers without a fraction, since a missing one turns a column of whole
    numbers into one of fractions."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, (str, int, float, Decimal)):
        raise InputError(f"{file}: row {number}: a value is neither text nor number, but {type(value).__name__}")
    return str(value).strip()


def _path(file, name):
    path = file.parent / name
    if "\\" in name and not path.is_file():  # written on Windows
        return file.parent / name.replace("\\", "/")
    return path
