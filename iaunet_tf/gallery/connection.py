"""Connections to Milvus, whose faults are lines for people to read."""

import contextlib
import logging
import os
import re
import threading
from collections import Counter
from pathlib import Path

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.wording import without_password

SUFFIX = ".db"  # of the folders of Milvus Lite, which pymilvus knows them by
SERVER = re.compile(r"https?://[^\s/]+", re.IGNORECASE)
_lock = threading.Lock()
_users: Counter = Counter()  # of each folder of Milvus Lite: how many connections of this process


class Connection:
    """A connection to a folder of Milvus Lite or to a server.

    `connection(method, ...)` calls a method of `pymilvus.MilvusClient`.

    Args:
        uri, token, timeout: as `Gallery` takes them.
        make: whether a folder may be made.

    Attributes:
        folder: that of Milvus Lite, None for a server.

    Raises:
        InputError: pymilvus is not installed, the folder cannot be used or the server does not answer. So do calls.
    """

    def __init__(self, uri: str | Path, token: str | None, timeout: float, make: bool):
        self.uri, self.timeout = without_password(str(uri)), timeout
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # read at its first import; what fails is raised
        with needed(self.uri):
            from pymilvus import MilvusClient
            from pymilvus.exceptions import MilvusException
        self._errors = MilvusException
        self._key = None
        logging.getLogger("pymilvus").setLevel(
            logging.CRITICAL
        )  # what fails is raised, and need not be printed as well
        if "://" in str(uri):
            if not SERVER.match(str(uri)):
                raise InputError(f"{self.uri}: must be like http://host:19530, or a folder that ends in {SUFFIX}")
            self.folder = None
            token = token if token is not None else os.environ.get("MILVUS_TOKEN", "")
            self._client = self._guard(MilvusClient, str(uri), token=token, timeout=timeout)
            return
        self.folder = Path(uri)
        _check_folder(self.folder, make)
        key = os.path.realpath(self.folder)
        with _lock, _reasons() as reasons:
            try:
                self._client = MilvusClient(key, timeout=timeout)
            except Exception as error:  # Milvus Lite raises and logs nearly everything for damaged folders
                raise self._fault(reasons[0] if reasons else error) from None
            _users[key] += 1
            self._key = key

    def __call__(self, method: str, *arguments, **options):
        """What a method of the client returns."""
        if self._client is None:
            raise InputError(f"{self.uri}: the gallery is closed")
        return self._guard(getattr(self._client, method), *arguments, **{"timeout": self.timeout, **options})

    def close(self) -> None:
        """Closes it; with the last one of a process, Milvus Lite leaves its folder to others."""
        client, self._client = self._client, None
        if client is None:
            return
        with contextlib.suppress(Exception):  # the server may be gone
            client.close()
        with _lock:
            if self._key:
                from milvus_lite.server_manager import server_manager_instance

                _users[self._key] -= 1
                if not _users[self._key]:
                    server_manager_instance.release_server(self._key)

    def _guard(self, work, *arguments, **options):
        try:
            return work(*arguments, **options)
        except InputError:
            raise
        except self._errors as error:
            raise self._fault(error) from None
        except Exception as error:  # of gRPC, as for a channel that was closed, and of Milvus Lite
            raise self._fault(error) from None

    def _fault(self, error):
        """The line that tells of an exception."""
        reason = reason_of(getattr(error, "message", "") or error)
        if type(error).__name__ == "DataDirLockedError":
            return InputError(f"{self.uri}: another process has it open; wait until it ends, or use a Milvus server")
        if self.folder is not None:
            return InputError(f"{self.uri}: Milvus Lite cannot use it ({reason})")
        if "DEADLINE_EXCEEDED" in reason or "Retry timeout" in reason:
            return InputError(f"{self.uri}: no answer from the Milvus server within {self.timeout:g} seconds")
        if "Fail connecting" in reason or "UNAVAILABLE" in reason:
            return InputError(f"{self.uri}: no Milvus server answers there; is it running, and is the address right?")
        if "auth" in reason.lower():
            return InputError(f"{self.uri}: the Milvus server takes another token (MILVUS_TOKEN; {reason})")
        return InputError(f"{self.uri}: the Milvus server refuses ({reason})")


def _check_folder(folder, make):
    if folder.suffix != SUFFIX:
        raise InputError(f"{folder}: a gallery is a name that ends in {SUFFIX}, or a server as http://host:19530")
    if not folder.exists():
        if os.path.lexists(folder):
            raise InputError(f"{folder}: is a broken link")
        if not make:
            raise InputError(f"{folder}: no such gallery; iaunet gallery add {folder} MODEL FOLDER makes it")
        if not folder.parent.is_dir():
            raise InputError(f"{folder}: there is no folder {folder.parent}")
    elif not folder.is_dir():
        raise InputError(f"{folder}: is a file and no gallery, which Milvus Lite keeps in a folder since version 3")
    elif any(folder.iterdir()) and not (folder / "collections").is_dir():
        raise InputError(f"{folder}: is a folder of something else, and no gallery")
    place = folder if folder.exists() else folder.parent
    if not os.access(place, os.W_OK):
        raise InputError(f"{folder}: cannot be written to, which Milvus Lite needs even for a search")


@contextlib.contextmanager
def _reasons():
    """Collects the exceptions that Milvus Lite logs, instead of letting them appear."""
    found = []

    class Handler(logging.Handler):
        def emit(self, record):
            if record.exc_info and record.exc_info[1]:
                found.append(record.exc_info[1])

    logger, handler = logging.getLogger("milvus_lite"), Handler()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
