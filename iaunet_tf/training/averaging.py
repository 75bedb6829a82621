"""The moving average of the weights that an optimizer keeps."""

import contextlib
from collections.abc import Iterator

import keras
from keras import ops


@contextlib.contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """In the block, a compiled model has the moving average of its weights, if its optimizer keeps one.

    Statistics of batch norms are no weights, and stay.
    """
    optimizer = model.optimizer
    if not (optimizer.use_ema and int(ops.convert_to_numpy(optimizer.iterations))):
        yield
        return
    variables = optimizer._trainable_variables
    # Keras' own callback for it swaps by sums and differences, which changes the last bits.
    own = [ops.convert_to_numpy(variable) for variable in variables]
    for variable, average in zip(variables, optimizer._model_variables_moving_average, strict=True):
        variable.assign(ops.convert_to_numpy(average))
    try:
        yield
    finally:
        for variable, value in zip(variables, own, strict=True):
            variable.assign(value)
