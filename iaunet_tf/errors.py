"""What ends a command without being a fault of the program."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of an OSError: no space, or no more of it for this user or file


class InputError(ValueError):
    """Something the user gave cannot be used. The message is one line that names it and the remedy; commands print it
    without a traceback and exit with 1. Control characters that it quotes from files and names become spaces."""

    def __str__(self) -> str:
        return "".join(letter if letter.isprintable() else " " for letter in super().__str__())


class Stopped(Exception):
    """Training stopped where it was asked to; its state is saved."""


def reason_of(error: BaseException, most: int = 160) -> str:
    """The text of an exception on one line, cut after `most` characters, for the message of an `InputError`."""
    return " ".join(str(error).split())[:most]
