"""Nothing on the terminal but what the user should read."""

import contextlib
import logging
import os
from collections.abc import Iterator


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keeps warnings and messages from the terminal, those of C++ libraries too, which no setting stops: for imports
    and conversions, whose chatter is no concern of the user's. Errors are raised as ever."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    stderr = os.dup(2)
    logging.disable(logging.WARNING)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        logging.disable(logging.NOTSET)
        os.dup2(stderr, 2)
        os.close(stderr)
