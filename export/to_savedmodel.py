"""Writes a trained network for TensorFlow Serving: `python export/to_savedmodel.py RUN_OR_KERAS_FILE --out DIR`."""

import sys

from iaunet_tf.exporting.command import main_savedmodel

if __name__ == "__main__":
    sys.exit(main_savedmodel())
