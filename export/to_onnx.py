"""Writes a trained network as ONNX: `python export/to_onnx.py RUN_OR_KERAS_FILE --out FILE`."""

import sys

from iaunet_tf.exporting.command import main_onnx

if __name__ == "__main__":
    sys.exit(main_onnx())
