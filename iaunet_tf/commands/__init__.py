"""The command `iaunet`, a file for each of its commands."""

import importlib
import sys
from collections.abc import Sequence

from iaunet_tf.errors import InputError, Stopped

COMMANDS = {
    "train": "train and evaluate a network",
    "evaluate": "evaluate a run, or an exported network, on a data set",
    "export": "write a trained network as ONNX, SavedModel or LiteRT",
    "embed": "embed images or clips",
    "report": "write a page on a run, or on two side by side",
    "weights": "convert a checkpoint",
    "data": "draw the synthetic data sets, make part masks",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the first argument names; returns the exit code.

    What the user can mend is printed as one line, with code 1.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: iaunet COMMAND ...; iaunet COMMAND --help explains one\n")
        print("\n".join(f"  {name:10}{summary}" for name, summary in COMMANDS.items()))
        return 0
    try:
        if arguments[0] not in COMMANDS:
            raise InputError(f"there is no command {arguments[0]}; commands are {', '.join(COMMANDS)}")
        # Each command imports what it needs, and no other's.
        importlib.import_module(f"iaunet_tf.commands.{arguments[0]}").main(arguments[1:])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print(f"\n{stopped}", file=sys.stderr)
        return 143
    except KeyboardInterrupt:
        print("\ninterrupted; iaunet train --resume RUN continues training from the last whole epoch", file=sys.stderr)
        return 130
    return 0
