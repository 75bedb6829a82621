"""Blocks in any functional Keras CNN."""

from collections.abc import Callable, Sequence

import keras

from iaunet_tf.layers import IABlock, IAUBlock

BLOCKS: dict[str, Callable[[str], keras.Layer]] = {
    "iau": lambda name: IAUBlock(name=name),
    "ia": lambda name: IABlock(name=name),
}


def insert_blocks(model: keras.Model, after: str | Sequence[str], block: str = "iau") -> keras.Model:
    """Copies a functional model with a block behind each of the named layers.

    The copy has the model's weights. New blocks start as the identity, so that its outputs are the model's until it
    is trained.

    Args:
        model: a functional model, for example of `keras.applications`; left as it is.
        after: names of layers whose output is a map `(B, H, W, C)` with an even number of channels.
        block: `"iau"` or `"ia"`.

    Returns:
        The new model; its blocks are named `{layer}_{block}`.

    Raises:
        ValueError: the model is not functional, or a layer is unknown or has no such output.

    Example:

    >>> model = insert_blocks(keras.applications.ResNet50(), after=["conv3_block4_out", "conv4_block6_out"])
    """
    if not isinstance(model, keras.Model) or not hasattr(model, "operations"):
        raise ValueError(
            f"insert_blocks takes a functional keras.Model; received {type(model).__name__} "
            f"{getattr(model, 'name', '')!r}: rebuild it with keras.Input and keras.Model(inputs, outputs)"
        )
    if block not in BLOCKS:
        raise ValueError(f"block must be one of {', '.join(BLOCKS)}; received {block!r}")
    names = [after] if isinstance(after, str) else list(after)
    layers = {layer.name: layer for layer in model.layers}
    for name in names:
        if name not in layers:
            raise ValueError(f"{model.name} has no layer {name!r}; candidates are {', '.join(_candidates(model))}")
        if not _is_map(layers[name]):
            raise ValueError(
                f"layer {name!r} gives {_shape(layers[name])}, not a map (batch, height, width, even channels); "
                f"candidates are {', '.join(_candidates(model))}"
            )

    def call(layer, *args, **kwargs):
        output = layer(*args, **kwargs)
        if layer.name not in names:
            return output
        output = BLOCKS[block](f"{layer.name}_{block}")(output)
        return output[0] if block == "iau" else output

    copy = keras.models.clone_model(model, call_function=call)
    for layer in model.layers:
        if layer.weights:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def _shape(layer):
    output = getattr(layer, "output", None)
    return tuple(output.shape) if hasattr(output, "shape") else output


def _is_map(layer):
    shape = _shape(layer)
    return isinstance(shape, tuple) and len(shape) == 4 and bool(shape[-1]) and shape[-1] % 2 == 0


def _candidates(model):
    """The last map of each resolution, where stages end."""
    last = {_shape(layer)[1:3]: layer.name for layer in model.layers if _is_map(layer)}
    return list(last.values())
