"""What every block is made of: 1×1 convolutions (dense layers over channels) and batch norms."""

import keras

BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-5}


def pointwise(units: int, **kwargs) -> keras.layers.Dense:
    """A 1×1 convolution with bias, its weights normal with variance ``2 / units``."""
    initializer = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
    return keras.layers.Dense(units, kernel_initializer=initializer, **kwargs)


def batch_norm(zero: bool = False, **kwargs) -> keras.layers.BatchNormalization:
    """A batch norm as in the paper; with ``zero`` it starts by returning 0, which makes the residual
    branch that it closes start as the identity."""
    gamma = "zeros" if zero else "ones"
    return keras.layers.BatchNormalization(gamma_initializer=gamma, **BATCH_NORM, **kwargs)
