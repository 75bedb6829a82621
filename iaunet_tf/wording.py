"""Phrases that messages have in common."""

import difflib
import re
from collections.abc import Iterable, Mapping


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def counted(count: int, one: str, many: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count} {one if count == 1 else many}"


def did_you_mean(word: str, known: Iterable[str], full: Mapping[str, str] | None = None) -> str:
    """The end of a message about a word that does not exist: the most similar one, by its `full` name; else nothing."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {(full or {}).get(near[0], near[0])}?" if near else ""


def without_password(address: str) -> str:
    """An address without the user and the password that may be in it."""
    return re.sub(r"://[^/\s]*@", "://", address)
