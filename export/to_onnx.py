"""`python export/to_onnx.py RUN_OR_KERAS_FILE --out FILE`, the same as `iaunet export onnx`."""

import sys

from iaunet_tf.commands import main

if __name__ == "__main__":
    sys.exit(main(["export", "onnx", *sys.argv[1:]]))
