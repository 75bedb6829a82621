"""Errors that are the user's to mend."""

import sys
from collections.abc import Callable


class InputError(ValueError):
    """Something the user gave cannot be used. The message is one line that names it and the remedy; commands
    print it without a traceback and exit with 1."""


def exit_code(work: Callable[[], object]) -> int:
    """Does a command's work; for what the user can mend, prints one line.

    Returns:
        0, or 1 if that was printed.
    """
    try:
        work()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0
