"""Mapping between our variables and the tensor names in the authors' checkpoints.

The backbone and the embedding have torchvision's names, the blocks those of the authors' modules. Blocks for clips
differ in two components of the names (`CLIP_NAMES`), and their kernels have a third spatial axis.
"""

from collections.abc import Iterator
from operator import attrgetter

import keras
import numpy as np

from iaunet_tf.errors import InputError

# From attribute path in IAUBlock to name in the authors' block.
IAU_PARTS = {
    "spatial_temporal.attention_dense": "sa.conv.conv",
    "spatial_temporal.attention_norm": "sa.conv.bn",
    "spatial_temporal.reduce": "g",
    "spatial_temporal.relation_dense": "SIAU.module_w.relation.0",
    "spatial_temporal.relation_norm": "SIAU.module_w.relation.1",
    "spatial_temporal.aggregate_dense": "SIAU.module_l.fsm.0",
    "spatial_temporal.aggregate_norm": "SIAU.module_l.fsm.1",
    "channel.dense": "W1.0",
    "channel.norm": "W1.1",
    "spatial_temporal.update_dense": "W2.0",
    "spatial_temporal.update_norm": "W2.1",
}
# Kernels that are two-dimensional in clip blocks, too.
FLAT_IN_CLIPS = ("g", "SIAU.module_w.relation.0", "SIAU.module_l.fsm.0")
IA_PARTS = {"spatial_norm": "W1", "channel_norm": "W2"}
BLOCKS = {
    "iau2": ("IAU2", IAU_PARTS),
    "iau3": ("IAU3", IAU_PARTS),
    # IANet's blocks are the last blocks of the stages.
    "ia2": ("layer2.4", IA_PARTS),
    "ia3": ("layer3.6", IA_PARTS),
}
CLIP_NAMES = {".sa.": ".SA.", ".SIAU.": ".STIAU."}
# PyTorch's names in the order of Keras' `weights`: all of a batch norm, two of any other layer.
VARIABLES = ("weight", "bias", "running_mean", "running_var")


def named_layers(model: keras.Model) -> Iterator[tuple[str, keras.Layer]]:
    """All layers with weights, by the authors' names (in image networks)."""
    for layer in model.layers:
        if layer.name in BLOCKS:
            block_name, parts = BLOCKS[layer.name]
            for path, name in parts.items():
                yield f"{block_name}.{name}", attrgetter(path)(layer)
        elif layer.weights:
            yield "bn" if layer.name == "embedding" else layer.name.replace("_", "."), layer


def named_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """All variables by the authors' names (in image networks).

    Raises:
        InputError: some have no such name, as in networks within networks.
    """
    found = {
        f"{name}.{kind}": variable
        for name, layer in named_layers(model)
        for kind, variable in zip(VARIABLES, layer.weights, strict=False)
    }
    if len(found) != len(model.weights):
        raise InputError(
            f"{model.name} has {len(model.weights)} weights, but PyTorch names for {len(found)}: it is not a network "
            "of IAUNet; use Keras' own save and load_weights"
        )
    return found


def image_name(name: str) -> str:
    """Converts a name to that in image networks."""
    for image, clip in CLIP_NAMES.items():
        name = name.replace(clip, image)
    return name


def to_keras(array: np.ndarray, rank: int) -> np.ndarray:
    """Converts a PyTorch tensor to the layout of a Keras variable of rank `rank`."""
    if rank == 4:  # (out, in, h, w) -> (h, w, in, out)
        return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
    if rank == 2:  # (out, in, 1, ...) -> (in, out)
        return array.reshape(array.shape[:2]).T if array.ndim >= 2 and array[0, 0].size == 1 else array
    return array


def state_dict(model: keras.Model) -> dict[str, np.ndarray]:
    """All variables by the authors' names (for image or video networks) and in PyTorch's layout."""
    is_clip = len(model.inputs[0].shape) == 5
    state = {}
    for name, variable in named_variables(model).items():
        array = _to_torch(name, np.array(variable), is_clip)
        for image, clip in CLIP_NAMES.items() if is_clip else ():
            name = name.replace(image, clip)
        state[name] = np.ascontiguousarray(array)
    return state


def _to_torch(name, array, is_clip):
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    if array.ndim == 2 and name != "classifier.weight":
        part = name.split(".", 1)[1].removesuffix(".weight")
        ones = (1, 1) if not is_clip or part in FLAT_IN_CLIPS else (1, 1, 1)
        return array.T.reshape(*array.T.shape, *ones)
    return array.T
