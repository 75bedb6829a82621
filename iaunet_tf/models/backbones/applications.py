"""The networks of `keras.applications`."""

import inspect
import sys
from collections.abc import Callable

import keras

from iaunet_tf.errors import InputError

# Everything in keras.applications that builds a network.
APPLICATIONS = sorted(name for name, value in vars(keras.applications).items() if inspect.isfunction(value))


def application(x, behind: Callable, name: str, weights: str | None = None, preprocess: bool = True):
    """Applies a network of `keras.applications` without its classifier: one layer, `(B, h, w, C)`.

    Args:
        x: float32 RGB in 0..255 `(B, H, W, 3)`; the network's own preprocessing happens inside.
        behind: called with the features as a functional model; returns it with blocks inserted.
        name: name in `keras.applications`.
        weights: `"imagenet"`, a `.weights.h5` file without classifier, or None.
        preprocess: False takes pixels that the caller has preprocessed.
    """
    if name not in APPLICATIONS:
        raise InputError(f"keras.applications has no {name}; it has {', '.join(APPLICATIONS)}")
    build, shape = getattr(keras.applications, name), tuple(x.shape[1:])
    try:
        features = build(include_top=False, weights=weights, input_shape=shape)
    except Exception as error:  # of the download, of h5py, of shapes too small for the network
        reason = " ".join(str(error).split())
        if "URL fetch failure" in reason:
            reason += "; fetch that file on another machine and put it into ~/.keras/models"
        raise InputError(f"{name} of {shape} with weights {weights} cannot be built: {reason}") from None
    # Each application has its own, among them none.
    own = sys.modules[build.__module__].preprocess_input
    return behind(features)(own(x) if preprocess else x)
