"""Trains and evaluates a person re-identification network: `python train_keras.py --help`.

The same as `iaunet train`.
"""

import sys

from iaunet_tf.commands import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
