"""The command `iaunet`, a file for each of its commands."""

import contextlib
import importlib
import io
import sys
from collections.abc import Sequence

from iaunet_tf import __version__
from iaunet_tf.commands.endings import catching_signals, ending, flush_output
from iaunet_tf.errors import InputError
from iaunet_tf.extras import needed
from iaunet_tf.wording import did_you_mean

COMMANDS = {
    "train": "train and evaluate a network",
    "evaluate": "evaluate a run, or an exported network, on a data set",
    "export": "write a trained network as ONNX, SavedModel or LiteRT",
    "adapt": "adapt a run's network to new cameras, without labels",
    "embed": "embed images or clips",
    "nearest": "find the most similar images among embedded ones",
    "gallery": "keep embeddings in a gallery, search it, say who is who",
    "identify": "follow people in videos, and say who they are",
    "serve": "serve a page to search a gallery in",
    "push": "upload a run's network and its model card to the Hugging Face hub",
    "report": "write a page on a run, or on two side by side",
    "weights": "list published networks, convert checkpoints",
    "data": "draw the synthetic data sets and videos, make part masks",
}
EXTRA = {"gallery": "gallery", "serve": "serve", "identify": "video"}  # that a command is of; others are of cpu
RUNTIMES = {
    "TensorFlow": ("tensorflow", "tensorflow-cpu"),
    "Keras": ("keras",),
    "ONNX Runtime": ("onnxruntime", "onnxruntime-gpu"),
}
RESUMING = "; iaunet train --resume RUN continues training from the last whole epoch"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the first argument names; returns the exit code.

    What the user can mend is printed as one line, with code 1; so are interruptions, with the shell's codes for them.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):  # file names need not be Unicode
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signals = []
    try:
        with catching_signals() as signals:
            _run(arguments)
        flush_output()
        return 0
    except BaseException as error:
        with contextlib.suppress(OSError):
            flush_output()
        ends = ending(error, signals, RESUMING if arguments[:1] == ["train"] else "")
        if ends is None:
            raise
    code, line = ends
    if line:
        print(line, file=sys.stderr)
    return code


def _run(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: iaunet COMMAND ...; iaunet COMMAND --help explains one; iaunet --version\n")
        print("\n".join(f"  {name:10}{summary}" for name, summary in COMMANDS.items()))
        return
    if arguments[0] == "--version":
        print("\n".join(_versions()))
        return
    if arguments[0] not in COMMANDS:
        hint = did_you_mean(arguments[0], COMMANDS) or f"; commands are {', '.join(COMMANDS)}"
        raise InputError(f"there is no command {arguments[0]}{hint}")
    try:
        # Each command imports what it needs, and no other's.
        with needed(f"iaunet {arguments[0]}", EXTRA.get(arguments[0], "")):
            importlib.import_module(f"iaunet_tf.commands.{arguments[0]}").main(arguments[1:])
    except SystemExit as end:  # of argparse, after its help, which then is still to be written out
        if end.code:
            raise


def _versions():
    """Lines of what is installed, found without importing it."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    yield f"iaunet-tf {__version__}"
    yield f"Python {platform.python_version()}"
    for name, packages in RUNTIMES.items():
        for package in packages:
            with contextlib.suppress(PackageNotFoundError):
                yield f"{name} {version(package)}"
                break
