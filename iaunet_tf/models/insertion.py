"""Blocks behind any stage of a CNN, for images and clips: the one way in which blocks get into a network."""

from collections.abc import Callable, Sequence

import keras

from iaunet_tf.layers import BatchToFrames, FramesToBatch, IABlock, IAUBlock

BLOCKS: dict[str, Callable[[str], keras.Layer]] = {
    "iau": lambda name: IAUBlock(name=name),
    "ia": lambda name: IABlock(name=name),
}


class Insertion:
    """Puts blocks behind places of a CNN while it is built.

    Args:
        blocks: from the name of a place to a function that makes its block.
        clips: input `(B, T, ...)` of a video network, whose frames the CNN sees as a batch; None for images.

    Attributes:
        attention: part attention of each `IAUBlock`, in order.
    """

    def __init__(self, blocks: dict[str, Callable[[], keras.Layer]], clips=None):
        self.blocks, self.clips = blocks, clips
        self.attention: list = []

    def __call__(self, x, place: str):
        """The map `x` at a place, behind its block if it has one."""
        if place not in self.blocks:
            return x
        # An IABlock sees single frames.
        if isinstance(block := self.blocks[place](), IABlock):
            return block(x)
        number = place.removeprefix("layer")
        if self.clips is not None:
            x = BatchToFrames(name=f"clips_{number}")([x, self.clips])
        x, attention = block(x)
        self.attention.append(attention)
        return x if self.clips is None else FramesToBatch(name=f"frames_{number}")(x)


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
    insertion = Insertion({name: lambda name=name: BLOCKS[block](f"{name}_{block}") for name in names})

    def call(layer, *args, **kwargs):
        return insertion(layer(*args, **kwargs), layer.name)

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
