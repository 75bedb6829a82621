"""Answers as JSON has them."""

import time
from collections.abc import Sequence
from urllib.parse import urlencode

from iaunet_tf.gallery import Entry, Gallery, Hit
from iaunet_tf.gallery.limits import Limit
from iaunet_tf.inference import Embedder
from iaunet_tf.serving.changes import Change

FRESH = 30.0  # seconds for which counts are not counted anew, which reads all entries
RESTS = 20  # as long as counting takes: no counting for at least so long


def entry_answer(entry: Entry) -> dict:
    """An entry; `time` is in seconds since 1970."""
    names = ("id", "identity", "camera", "time", "file", "frame", "box", "tracklet")
    values = {name: getattr(entry, name) for name in names}
    return values | {
        "attributes": dict(entry.attributes),
        "thumbnail": f"/thumbnail?{urlencode({'id': entry.id})}",
    }


def search_answer(hits: Sequence[Hit], limit: Limit | None) -> dict:
    """What a search has found, and whether somebody is near enough: None without a threshold."""
    entries = []
    for hit in hits:
        same = None if limit is None else hit.distance < limit.distance
        entries.append(
            entry_answer(hit.entry) | {"distance": hit.distance, "reranked": hit.reranked, "same": same},
        )
    unknown = None if limit is None else not any(each["same"] for each in entries)
    return {"unknown": unknown, "threshold": limit_answer(limit), "entries": entries}


def limit_answer(limit: Limit | None) -> dict | None:
    """A threshold."""
    return None if limit is None else {"distance": limit.distance, "kind": limit.kind, "rate": limit.rate}


def change_answer(change: Change) -> dict:
    """A change, which can be undone."""
    return {"change": change.id, "changed": change.count, "identity": change.identity}


class About:
    """What there is to know of the service."""

    def __init__(self, gallery: Gallery, embed: Embedder, usual: Limit | None, upload: int, pixels: int):
        measured = embed.thresholds
        thresholds = [
            {"distance": each.distance, "kind": kind, "rate": each.false_rate, "true_rate": each.true_rate}
            for kind in ("open_set", "pairs")
            for each in getattr(measured, kind, ())
        ]
        self._fixed = {
            "gallery": gallery.uri,
            "network": gallery.network,
            "dimension": gallery.dimension,
            "threshold": limit_answer(usual),
            "thresholds": thresholds,
            "measured_on": measured and measured.data,
            "upload_bytes": upload,
            "pixels": pixels,
        }
        self._gallery, self._counts, self._until = gallery, {}, 0.0

    @property
    def last(self) -> dict | None:
        """What was known when it was last counted."""
        return self._fixed | self._counts if self._counts else None

    def __call__(self) -> dict:
        """All of it, with counts that may be half a minute old. To be called in one thread at a time."""
        start = time.monotonic()
        if start > self._until:
            info = self._gallery.info()
            cameras = sorted(info["cameras"].items(), key=lambda pair: (pair[0] is None, pair[0] or ""))
            self._counts = {
                "entries": info["entries"],
                "identities": sum(name is not None for name in info["identities"]),
                "unknown": info["identities"].get(None, 0),
                "cameras": [{"camera": name, "entries": count} for name, count in cameras],
                **{name: info[name] for name in ("first", "last", "index", "recall")},
            }
            end = time.monotonic()
            self._until = end + max(FRESH, RESTS * (end - start))
        return self._fixed | self._counts
