"""What programs may ask, as OpenAPI describes it."""

from iaunet_tf import __version__
from iaunet_tf.gallery.gallery import MOST
from iaunet_tf.serving.questions import FURTHEST, USUAL

JSON, BYTES = "application/json", "application/octet-stream"
TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}
NAME = TEXT | {"minLength": 1, "description": "up to 256 bytes in UTF-8, without control characters"}
KINDS = {"enum": ["open_set", "pairs", "given"]}


def _maybe(schema):
    return {"anyOf": [schema, {"type": "null"}]}


def _object(**properties):
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _many(schema):
    return {"type": "array", "items": schema}


def _named(name):
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema, *kinds):
    return {"content": {kind: {"schema": schema} for kind in kinds or (JSON,)}}


ENTRY = {
    "id": NAME,
    "identity": _maybe(TEXT) | {"description": "who it is, null for unknown"},
    "camera": _maybe(TEXT),
    "time": _maybe(NUMBER) | {"description": "UTC, in seconds since 1970"},
    "file": _maybe(TEXT),
    "frame": _maybe(WHOLE),
    "box": _maybe(_many(NUMBER)) | {"description": "left, top, right and bottom in the file, in pixels"},
    "tracklet": _maybe(TEXT),
    "attributes": {"type": "object"},
    "thumbnail": TEXT | {"description": "where its small picture is"},
}
HIT = ENTRY | {
    "distance": NUMBER | {"description": "cosine distance, 0 to 2"},
    "reranked": _maybe(NUMBER) | {"description": "the distance that re-ranking gave it, by which entries are sorted"},
    "same": _maybe({"type": "boolean"}) | {"description": "whether it is within the threshold; null without one"},
}
LIMIT = {"distance": NUMBER, "kind": KINDS, "rate": _maybe(NUMBER) | {"description": "the false rate it stands for"}}
SCHEMAS = {
    "Entry": _object(**ENTRY),
    "Hit": _object(**HIT),
    "Threshold": _object(**LIMIT),
    "Found": _object(
        unknown=_maybe({"type": "boolean"}) | {"description": "true if nobody is within the threshold"},
        threshold=_maybe(_named("Threshold")),
        entries=_many(_named("Hit")) | {"description": "the nearest, nearest first"},
    ),
    "Path": _object(
        identity=TEXT,
        count=WHOLE | {"description": "how many entries there are, of which up to 1000 are listed"},
        entries=_many(_named("Entry")) | {"description": "by time, those of unknown time last"},
    ),
    "Change": _object(change=TEXT | {"description": "by which it can be undone"}, changed=WHOLE, identity=_maybe(TEXT)),
    "Undone": _object(
        changed=WHOLE, kept=WHOLE | {"description": "entries that were changed again since, and stay so"}
    ),
    "About": _object(
        gallery=TEXT,
        network=TEXT | {"description": "the network's fingerprint"},
        dimension=WHOLE,
        threshold=_maybe(_named("Threshold")) | {"description": "what holds for searches that do not say one"},
        thresholds=_many(_object(**LIMIT, true_rate=NUMBER)),
        measured_on=_maybe(TEXT) | {"description": "the data that thresholds were measured on"},
        upload_bytes=WHOLE,
        pixels=WHOLE,
        entries=WHOLE,
        identities=WHOLE,
        unknown=WHOLE | {"description": "entries of unknown people"},
        cameras=_many(_object(camera=_maybe(TEXT), entries=WHOLE)),
        first=_maybe(NUMBER),
        last=_maybe(NUMBER),
        index=TEXT | {"description": '"exact", or the type of the index'},
        recall=_maybe(NUMBER) | {"description": "which part of the 10 nearest a search finds"},
    ),
    "Error": _object(error=TEXT | {"description": "one line, for people to read"}),
}
SEARCH = [
    ("k", WHOLE | {"minimum": 1, "maximum": MOST, "default": USUAL}, "entries to find"),
    ("cameras", _many(TEXT), "only entries of these cameras; give it repeatedly; empty is an unknown camera"),
    ("after", TEXT, "only entries from a time on: 2026-11-26T13:00:00Z, or seconds since 1970"),
    ("before", TEXT, "only entries before a time"),
    ("rerank", WHOLE | {"minimum": 0, "maximum": MOST, "default": 0}, "how many of the nearest, at least k, are ranked "
     "again by k-reciprocal re-ranking"),
    ("threshold", NUMBER | {"minimum": 0, "maximum": FURTHEST}, "the distance below which it may be the same person"),
    ("false_positive_rate", NUMBER, "the threshold that was measured on pairs for this rate"),
    ("false_identification_rate", NUMBER, "the threshold that was measured for this rate on people who are in no "
     "gallery"),
]  # fmt: skip


def document(upload: int, token: bool) -> dict:
    """The description of a service that takes pictures of up to `upload` bytes, and asks for a token or not."""
    picture = {"type": "string", "format": "binary", "description": f"an image file of up to {upload} bytes"}
    names = _many(NAME) | {"minItems": 1, "maxItems": 10_000}
    search = [{"name": name, "in": "query", "schema": schema, "description": text} for name, schema, text in SEARCH]
    small = {"image/jpeg": {}, "image/svg+xml": {}}
    paths = {
        "/api/search": _post("Who is it?", "Found", _content(picture, "image/*", BYTES), search, 408, 413),
        "/api/info": _get("What is in the gallery, and what the service takes", "About", missing=False),
        "/api/identity": _get("The entries of an identity by time: their path across cameras", "Path", "name"),
        "/api/merge": _post(
            "Makes the entries of identities those of one, a new one or one of them",
            "Change", _content(_object(identities=names, into=NAME)), [], 404, 413, 415,
        ),
        "/api/assign": _post(
            "Says whose entries are, null for unknown",
            "Change", _content(_object(ids=names, identity=_maybe(NAME))), [], 404, 413, 415,
        ),
        "/api/undo": _post("Undoes a change", "Undone", _content(_object(change=TEXT)), [], 404, 413, 415),
        "/thumbnail": _get("The small picture of an entry; SVG if its file is gone", small, "id"),
    }  # fmt: skip
    described: dict = {
        "openapi": "3.1.0",
        "info": {
            "title": "iaunet serve",
            "version": __version__,
            "description": "Who is seen in a picture, from a gallery of people. Errors are one line of JSON.",
        },
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }
    if token:
        described["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"token": []}]
    return described


def _get(summary, answer, parameter=None, missing=True):
    parameters = [{"name": parameter, "in": "query", "required": True, "schema": NAME}] if parameter else []
    answers = _answers(answer, *([404] if missing else []))
    return {"get": {"summary": summary, "parameters": parameters, "responses": answers}}


def _post(summary, answer, body, parameters, *errors):
    body = body | {"required": True}
    answers = _answers(answer, *errors)
    return {"post": {"summary": summary, "parameters": parameters, "requestBody": body, "responses": answers}}


def _answers(answer, *errors):
    reasons = {
        400: "the question is wrong", 401: "the token is missing or wrong", 403: "a browser asks from elsewhere",
        404: "there is no such thing", 408: "the body did not arrive in time", 413: "the body is too large",
        415: "the body is not declared as JSON", 503: "busy, or the gallery does not answer; ask again later",
    }  # fmt: skip
    content = {"content": answer} if isinstance(answer, dict) else _content(_named(answer))
    found = {"200": {"description": "the answer", **content}}
    for status in sorted({400, 401, 403, 503, *errors}):
        found[str(status)] = {"description": reasons[status], **_content(_named("Error"))}
    return found
