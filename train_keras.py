"""Trains and evaluates a person re-identification network: `python train_keras.py --help`."""

import sys

from iaunet_tf.errors import InputError


def main() -> int:
    """Returns the exit code."""
    from iaunet_tf.training.command import run_command

    try:
        run_command()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; --resume RUN goes on from the last whole epoch", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
