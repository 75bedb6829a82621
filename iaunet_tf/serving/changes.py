"""Who is who, said by people, which can be undone."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from iaunet_tf.gallery import Gallery

KEPT = 100  # changes that can be undone


class NotThere(LookupError):
    """An entry, an identity or a change that there is not. The message is one line."""


@dataclass(frozen=True)
class Change:
    """What was changed.

    Attributes:
        id: by which it is undone.
        identity: whose the entries are now.
        former: ids of the entries that were changed, by whose they were; None is unknown.
    """

    id: str
    identity: str | None
    former: dict[str | None, list[str]]

    @property
    def count(self) -> int:
        """How many entries were changed."""
        return sum(map(len, self.former.values()))


class Changes:
    """Assigns and merges identities of a gallery. The last 100 changes can be undone, until the program ends."""

    def __init__(self, gallery: Gallery):
        self._gallery = gallery
        self._made: OrderedDict[str, Change] = OrderedDict()
        self._lock = threading.Lock()  # each looks before it changes

    def assign(self, ids: list[str], identity: str | None) -> Change:
        """Makes entries those of an identity, None for unknown.

        Raises:
            NotThere: an entry is not there; then nothing is changed.
        """
        with self._lock:
            entries = self._gallery.entries(ids=ids)
            lost = {*ids} - {entry.id for entry in entries}
            if lost:
                raise NotThere(f"there is no entry {min(lost):.80}" + f", nor {len(lost) - 1} more" * (len(lost) > 1))
            return self._make(entries, identity)

    def merge(self, identities: list[str], into: str) -> Change:
        """Makes the entries of identities those of one, which may be among them or new.

        Raises:
            NotThere: an identity has no entries; then nothing is changed.
        """
        with self._lock:
            entries = self._gallery.entries(identities=identities)
            lost = {*identities} - {entry.identity for entry in entries}
            if lost:
                raise NotThere(f"there are no entries of {min(lost):.80}")
            return self._make(entries, into)

    def undo(self, id: str) -> tuple[Change, int]:
        """Makes entries those of whom they were before a change; returns it, and how many entries were changed back.
        Those that were changed once more since stay as they are.

        Raises:
            NotThere: there is no such change, or it was undone.
        """
        with self._lock:
            change = self._made.get(id)
            if change is None:
                raise NotThere(f"there is no change {id:.80} to undo; the last {KEPT} are kept until the program ends")
            count = 0
            for identity, ids in change.former.items():
                still = [entry.id for entry in self._gallery.entries(ids=ids) if entry.identity == change.identity]
                count += self._gallery.assign(still, identity)
            del self._made[id]
            return change, count

    def _make(self, entries, identity):
        former: dict[str | None, list[str]] = {}
        for entry in entries:
            if entry.identity != identity:
                former.setdefault(entry.identity, []).append(entry.id)
        change = Change(secrets.token_hex(8), identity, former)
        self._gallery.assign([id for ids in former.values() for id in ids], identity)
        self._made[change.id] = change
        if len(self._made) > KEPT:
            self._made.popitem(last=False)
        return change
