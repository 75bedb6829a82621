"""Errors that are the user's to mend."""


class InputError(ValueError):
    """Something the user gave cannot be used. The message is one line that names it and the remedy; commands
    print it without a traceback and exit with 1."""
