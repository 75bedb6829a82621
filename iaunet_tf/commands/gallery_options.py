"""The options that the commands on galleries have in common."""

import argparse
from datetime import datetime, timezone
from typing import Any

from iaunet_tf.commands.arguments import Parser
from iaunet_tf.gallery import Gallery
from iaunet_tf.gallery.entries import read_time
from iaunet_tf.inference import Embedder


def add_gallery(parser: Parser) -> None:
    """Adds `gallery`, `--collection` and `--timeout`."""
    gallery_help = "a name that ends in .db, where Milvus Lite keeps it, or a Milvus server such as http://host:19530"
    parser.add_argument("gallery", help=gallery_help)
    parser.add_argument(
        "--collection", default="people", metavar="NAME", help="which one of those of a server (people)"
    )
    parser.count("--timeout", 1, 86_400, 30, "seconds to wait for an answer of the server")


def open_gallery(options: argparse.Namespace, network: Embedder | None = None) -> Gallery:
    """Opens the gallery of these options. A server's token is in the environment variable `MILVUS_TOKEN`."""
    return Gallery(options.gallery, network, options.collection, timeout=options.timeout)


def add_filters(parser: Parser, after: bool = True) -> None:
    """Adds `--identities`, `--cameras`, `--before`, and `--after` if wanted."""
    parser.add_argument("--identities", nargs="+", metavar="NAME", help="only entries of these identities")
    parser.add_argument("--cameras", nargs="+", metavar="NAME", help="only entries of these cameras")
    if after:
        parser.add_argument("--after", type=time, metavar="TIME", help="only entries from a time on (ISO 8601)")
    parser.add_argument("--before", type=time, metavar="TIME", help="only entries before a time (ISO 8601)")


def filters(options: argparse.Namespace) -> dict[str, Any]:
    """The filters that are given by these options."""
    given = {name: getattr(options, name, None) for name in ("identities", "cameras", "after", "before")}
    return {name: value for name, value in given.items() if value is not None}


def utc(time: float | None, precision: str = "seconds") -> str:
    """Seconds since 1970 as text; nothing of an unknown time."""
    return "" if time is None else datetime.fromtimestamp(time, timezone.utc).isoformat(" ", precision)


def time(text: str) -> float:
    """The type of an option that takes a time: seconds since 1970 of `2026-11-26T13:00:00+00:00`, or `...Z`."""
    value = read_time(text)
    if value is None or value.tzinfo is None:
        example = "2026-11-26T13:00:00+00:00"
        raise argparse.ArgumentTypeError(
            f"must be a time with its zone, such as {example}; received {text or 'nothing'}"
        )
    return value.timestamp()
