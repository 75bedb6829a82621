"""`python -m iaunet_tf` is the command `iaunet`."""

import sys

from iaunet_tf.commands import main

if __name__ == "__main__":
    sys.exit(main())
