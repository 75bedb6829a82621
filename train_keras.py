"""`python train_keras.py --help`: trains and evaluates a network, the same as `iaunet train`."""

import sys

from iaunet_tf.commands import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
