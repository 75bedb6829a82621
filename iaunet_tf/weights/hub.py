"""Networks in repositories of the Hugging Face hub, as `iaunet push` makes them: `hf://OWNER/NAME[@REVISION]`."""

import contextlib
import re
from pathlib import Path

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed

PREFIX = "hf://"
ADDRESS = re.compile(rf"{PREFIX}([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
NETWORK, THRESHOLDS = "model.keras", "model.keras.thresholds.json"


def is_on_hub(source: object) -> bool:
    """Whether it is the address of a repository on the hub."""
    return isinstance(source, str) and source.startswith(PREFIX)


def fetch_network(address: str) -> Path:
    """The `.keras` file of a repository, with the thresholds beside it, from the hub's cache or downloaded into it;
    prints the revision, which names them for ever.

    Raises:
        InputError: it is no such address, or the file cannot be had.
    """
    with needed(address):
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError
        from huggingface_hub.utils import logging

    match = ADDRESS.fullmatch(address)
    if not match:
        raise InputError(f"{address}: is not of the form {PREFIX}OWNER/NAME or {PREFIX}OWNER/NAME@REVISION")
    logging.set_verbosity_error()  # otherwise there are lines for every retry
    repo, revision = match.groups()
    try:
        path = Path(hf_hub_download(repo, NETWORK, revision=revision))
        commit = path.parent.name
        with contextlib.suppress(EntryNotFoundError):  # it has none
            hf_hub_download(repo, THRESHOLDS, revision=commit)
    except Exception as error:  # any exception of the hub, its cache or the network means that the file is missing
        raise InputError(
            f"{address}: {NETWORK} cannot be had from the Hugging Face hub ({type(error).__name__}: "
            f"{reason_of(error, 120)}); mend the name or the connection, or log in by hf auth login"
        ) from None
    print(f"{address}: revision {commit}")
    return path
