"""Trains and evaluates a person re-identification network: `python train_keras.py --help`."""

import sys

from iaunet_tf.errors import exit_code


def main() -> int:
    """Returns the exit code."""
    from iaunet_tf.training.command import run_command
    from iaunet_tf.training.signals import Stopped

    try:
        return exit_code(run_command)
    except Stopped:
        print("\nstopped by SIGTERM; the state is saved, --resume RUN goes on from it", file=sys.stderr)
        return 143
    except KeyboardInterrupt:
        print("\ninterrupted; --resume RUN goes on from the last whole epoch", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
