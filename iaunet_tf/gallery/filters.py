"""Which entries are meant, as an expression of Milvus."""

from collections.abc import Iterable
from datetime import datetime

from iaunet_tf.errors import InputError
from iaunet_tf.gallery.entries import UNKNOWN, check_name, microseconds, seconds

Names = str | None | Iterable[str | None]
Time = float | datetime
MOST = 10_000  # names in an expression


def expression(
    ids: Iterable[str] | None = None,
    identities: Names = None,
    cameras: Names = None,
    after: Time | None = None,
    before: Time | None = None,
) -> str:
    """The expression for entries that are all of this; empty for all entries.

    Names are checked as those of entries are, so that none has a line's end or another control character, and quoted:
    no name can be more than a name.

    Raises:
        InputError: a name or a time cannot be one.
    """
    parts = []
    for column, values in (("id", ids), ("identity", identities), ("camera", cameras)):
        if values is not None:
            parts.append(f"{column} in [{', '.join(_names(column, values))}]")
    if after is not None or before is not None:
        parts.append(f"time > {UNKNOWN}")
    if after is not None:
        parts.append(f"time >= {microseconds(seconds('after', after))}")
    if before is not None:
        parts.append(f"time < {microseconds(seconds('before', before))}")
    return " and ".join(parts)


def expressions(ids: Iterable[str] | None = None, most: int = MOST, **others) -> list[str]:
    """The same as several expressions, each of up to `most` ids, since there may be many."""
    if ids is None or isinstance(ids, str):
        return [expression(ids, **others)]
    ids = list(dict.fromkeys(ids))
    return [expression(ids[start : start + most], **others) for start in range(0, max(1, len(ids)), most)]


def quoted(name: str) -> str:
    """A checked name as a literal of Milvus."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _names(what, values):
    """Names as literals; None is an unknown identity or camera."""
    values = [values] if isinstance(values, str) else list(dict.fromkeys(values))
    if not 0 < len(values) <= MOST:
        raise InputError(f"{what}: name 1 to {MOST} of them; received {len(values)}")
    return ['""' if value is None and what != "id" else quoted(check_name(what, value)) for value in values]
