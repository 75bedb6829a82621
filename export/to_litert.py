"""`python export/to_litert.py RUN_OR_KERAS_FILE --out FILE`, the same as `iaunet export litert`."""

import sys

from iaunet_tf.commands import main

if __name__ == "__main__":
    sys.exit(main(["export", "litert", *sys.argv[1:]]))
