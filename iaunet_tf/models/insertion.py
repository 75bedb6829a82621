"""Blocks behind any stage of a CNN, for images and clips: the one way in which blocks get into a network."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import keras

from iaunet_tf.arguments import check_choice
from iaunet_tf.blocks import KINDS, placed
from iaunet_tf.errors import InputError
from iaunet_tf.layers import BatchToFrames, FramesToBatch, IABlock, IAUBlock
from iaunet_tf.models.network import set_weights


def make_block(kind: str, parts: int = 4, **options) -> keras.Layer:
    """A block of one of `iaunet_tf.blocks.KINDS`; `parts` are those of IAU blocks."""
    return IABlock(**options) if kind == "ia" else IAUBlock(parts, kind=kind, **options)


class Insertion:
    """Puts blocks behind places of a CNN while it is built, and lists their part `attention`.

    Args:
        blocks: from the name of a place to a function that makes its block.
        clips: input `(B, T, ...)` of a video network, whose frames are a batch here, or None.
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
        x = block(x)
        if block.kind != "channel":
            x, attention = x
            self.attention.append(attention)
        return x if self.clips is None else FramesToBatch(name=f"frames_{number}")(x)


def insert_blocks(model: keras.Model, after: str | Sequence[str], block: str = "iau", parts: int = 4) -> keras.Model:
    """Copies a functional model with a block behind each of the named layers.

    The copy has the model's weights. New blocks, named `{layer}_{block}`, start as the identity, so
    that the outputs are the model's until it is trained.

    Args:
        model: a functional model, for example of `keras.applications`; left as it is.
        after: names of layers whose output is a map `(B, H, W, C)` with an even number of channels; or `NAME=KIND`,
            where the block is not of the kind `block`.
        block: one of `iaunet_tf.blocks.KINDS`, such as `"iau"` or `"ia"`.
        parts: number of body parts of IAU blocks.

    Raises:
        InputError: the model is not functional, or a layer is unknown or has no such output.

    Examples:
        >>> model = insert_blocks(keras.applications.ResNet50(), after=["conv3_block4_out", "conv4_block6_out"])
    """
    if not isinstance(model, keras.Model) or not hasattr(model, "operations"):
        raise InputError(
            f"insert_blocks takes a functional keras.Model; received {type(model).__name__} "
            f"{getattr(model, 'name', '')!r}: rebuild it with keras.Input and keras.Model(inputs, outputs)"
        )
    check_choice("block", block, KINDS)
    if any(getattr(layer, "data_format", None) == "channels_first" for layer in model.layers):
        raise InputError(f"{model.name} has its channels first; blocks take maps (batch, height, width, channels)")
    names = [after] if isinstance(after, str) else after
    # Nothing can stand behind an input: a copy of the model begins there.
    shapes = {layer.name: _shape(layer) for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)}
    # The last map of each resolution, where stages end.
    last = {shape[1:3]: name for name, shape in shapes.items() if _is_map(shape)}
    candidates = f"candidates are {', '.join(last.values())}"
    if not isinstance(names, Iterable) or not (names := list(names)):
        raise InputError(f"after must name layers of {model.name}; received {after!r}; {candidates}")
    kinds = placed([name for name in names if isinstance(name, str)], block)
    for name in [*(name for name in names if not isinstance(name, str)), *kinds]:
        if not isinstance(name, str) or name not in shapes:
            raise InputError(f"{model.name} has no layer {name!r}; {candidates}")
        if not _is_map(shapes[name]):
            raise InputError(
                f"layer {name!r} gives {shapes[name]}, not a map (batch, height, width, even channels); {candidates}"
            )
        if len(model.get_layer(name)._inbound_nodes) > 1:
            raise InputError(f"layer {name!r} is used more than once, and a block stands in one place; {candidates}")
        if f"{name}_{kinds[name]}" in shapes:
            raise InputError(f"{model.name} has the block {name}_{kinds[name]} already")
    insertion = Insertion(
        {name: partial(make_block, kind, parts, name=f"{name}_{kind}") for name, kind in kinds.items()}
    )

    def call(layer, *args, **kwargs):
        return insertion(layer(*args, **kwargs), layer.name)

    copy = keras.models.clone_model(model, call_function=call)
    for layer in model.layers:
        if layer.weights:
            set_weights(copy.get_layer(layer.name), layer.get_weights())
    return copy


def _shape(layer):
    return keras.tree.map_structure(lambda output: tuple(output.shape), getattr(layer, "output", ()))


def _is_map(shape):
    return isinstance(shape, tuple) and len(shape) == 4 and bool(shape[-1]) and shape[-1] % 2 == 0
