"""Writes a trained network for phones and boards: `python export/to_litert.py RUN_OR_KERAS_FILE --out FILE`."""

import sys

from iaunet_tf.exporting.command import main_litert

if __name__ == "__main__":
    sys.exit(main_litert())
