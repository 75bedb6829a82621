"""What all losses ask of what they are given."""

import keras
import numpy as np
from keras import ops

from iaunet_tf.errors import InputError


def require(valid, message: str):
    """0 if `valid`, a boolean scalar, else an InputError; in a compiled step, which cannot see values, NaN.

    Added to a loss, it keeps a wrong number from passing for a right one.
    """
    try:
        known = bool(ops.convert_to_numpy(valid))
    except (NotImplementedError, TypeError):  # symbolic tensors of TensorFlow and PyTorch; of JAX
        return ops.where(valid, 0.0, np.nan)
    if not known:
        raise InputError(message)
    return 0.0


def real(values, name: str):
    """A tensor of known rank that holds real numbers."""
    try:
        tensor = ops.convert_to_tensor(values if hasattr(values, "dtype") else np.asarray(values), sparse=False)
        dtype, _ = keras.backend.standardize_dtype(tensor.dtype), tuple(tensor.shape)
    except (TypeError, ValueError):
        raise InputError(
            f"{name} must be an array of numbers of a known rank; received {type(values).__name__}"
        ) from None
    if dtype.startswith(("string", "complex")):
        raise InputError(f"{name} must be real numbers; received {dtype}")
    return tensor


def per_example(values, name: str, others, remedy: str = ""):
    """`(B,)` from `(B,)` or `(B, 1)`, one for each of `others` `(B, ...)`; other shapes are refused."""
    values = real(values, name)
    count, *rest = tuple(values.shape) or (0,)
    if rest not in ([], [1], [None]) or (None not in (count, others.shape[0]) and count != others.shape[0]):
        raise InputError(
            f"{name} must be (B,) or (B, 1), one for each of {tuple(others.shape)}{remedy}; "
            f"received {tuple(values.shape)}"
        )
    # A column first: TensorFlow optimizes a reshape from (?,) to (?,) away, and with it the check of the number.
    return ops.reshape(values, (ops.shape(others)[0], 1))[:, 0]


def matrix(values, name: str):
    """Float32 `(B, K)`; other shapes are refused."""
    values = ops.cast(real(values, name), "float32")
    if len(values.shape) != 2 or 0 in tuple(values.shape):
        raise InputError(f"{name} must be (B, K); received {tuple(values.shape)}")
    return values


def numbered(labels, outputs):
    """Classes of the examples of `outputs` `(B, K)` as int32 `(B,)`, and what `require` says of them."""
    classes = outputs.shape[1]
    labels = per_example(labels, "labels", outputs, ", and come first; argmax(axis=-1) makes them from one-hot ones")
    numbers = ops.cast(labels, "int32")
    inside = ops.all((numbers >= 0) & (numbers < classes) & (ops.cast(numbers, labels.dtype) == labels))
    return numbers, require(inside, f"labels must be whole numbers in 0..{classes - 1}")
