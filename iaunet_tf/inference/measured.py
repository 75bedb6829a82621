"""Thresholds beside a network, in `NETWORK.thresholds.json`, as an evaluation has measured them."""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from iaunet_tf.errors import InputError
from iaunet_tf.files import write_json
from iaunet_tf.inference.stated import Input
from iaunet_tf.thresholds import Thresholds


def digests_of(path: Path, files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of all files of the network in a file or folder, by their names from its own place."""
    folder = path if path.is_dir() else path.parent
    found = {}
    for file in files:
        digest = hashlib.sha256()
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
        found[file.relative_to(folder).as_posix()] = digest.hexdigest()
    return found


def thresholds_file(path: Path) -> Path:
    """Where the thresholds of the network in a file or folder are."""
    return path.with_name(f"{path.name}.thresholds.json")


def write_thresholds(path: Path, digests: dict[str, str], thresholds: Thresholds, stated: Input | None = None) -> None:
    """Writes thresholds beside the network, whose `digests`, and what is `stated` of the input of one of others, tell
    later whether it is still the same. Prints where, and of which other data it replaces some. A folder that cannot be
    written to is a warning."""
    file = thresholds_file(path)
    before = None
    with contextlib.suppress(OSError, ValueError, RecursionError):  # an InputError is a ValueError
        before = Thresholds.from_dict(json.loads(file.read_bytes())).data
    try:
        write_json(file, {"sha256": digests, "input": _in_json(stated), **thresholds.to_dict()})
    except OSError as error:
        print(f"warning: {file}: cannot be written ({error.strerror}); the network has no thresholds of these data")
    else:
        other = f" (replaces those of {before})" if before not in (None, thresholds.data) else ""
        print(f"thresholds: {file}{other}")


def read_thresholds(path: Path, digests: dict[str, str], stated: Input | None = None) -> Thresholds | None:
    """The thresholds beside a network; None if there are none.

    Raises:
        InputError: they are damaged, or those of another network or input.
    """
    file = thresholds_file(path)
    try:
        content = json.loads(file.read_bytes())
        known, fed = content["sha256"], content["input"]
        thresholds = Thresholds.from_dict(content)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, RecursionError):  # an InputError is a ValueError
        raise InputError(f"{file}: damaged; evaluate the network again") from None
    if known != digests:
        raise InputError(f"{file}: of another network than {path.name}, which has changed; evaluate it again")
    if fed != _in_json(stated):
        raise InputError(f"{file}: of {path.name} with another input than is stated; evaluate it again")
    return thresholds


def _in_json(stated):
    return stated and json.loads(json.dumps(asdict(stated)))
