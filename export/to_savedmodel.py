"""`python export/to_savedmodel.py RUN_OR_KERAS_FILE --out DIR`, the same as `iaunet export savedmodel`."""

import sys

from iaunet_tf.commands import main

if __name__ == "__main__":
    sys.exit(main(["export", "savedmodel", *sys.argv[1:]]))
