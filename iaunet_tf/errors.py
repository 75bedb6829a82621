"""What ends a command without being a fault of the program."""


class InputError(ValueError):
    """Something the user gave cannot be used. The message is one line that names it and the remedy; commands print it
    without a traceback and exit with 1."""


class Stopped(Exception):
    """Training stopped where it was asked to; its state is saved."""
