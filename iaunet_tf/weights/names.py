"""Mapping between our variables and the tensor names in the authors' checkpoints and other toolboxes'.

IAUnet's backbone and embedding have torchvision's names, the blocks those of the authors' modules. Blocks for clips
differ in two components of the names (`CLIP_NAMES`), and their kernels have a third spatial axis. Layers of other
toolboxes' networks have those toolboxes' names.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

import keras
import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.layers import IABlock, IAUBlock

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
# IANet's blocks are the last blocks of the stages.
IA_NAMES = {"ia1": "layer1.3", "ia2": "layer2.4", "ia3": "layer3.6", "ia4": "layer4.3"}
IAU_NAMES = {f"iau{stage}": f"IAU{stage}" for stage in range(1, 5)}
CLIP_NAMES = {".sa.": ".SA.", ".SIAU.": ".STIAU."}
# Tensors of the stages of ResNets, OSNets, LightMBN and vision transformers, whose names tell the prefix.
STAGES = re.compile(
    r"(.*?\.)??(?:layer[1-4]\.\d+\.(?:conv|bn)[1-3]|conv[2-4]\.[01]\.conv[123]|backone\.\d|blocks\.\d+\.(?:attn|mlp))\."
)
# Other libraries' names of the batch norm that gives the embedding.
NECKS = ("heads.bottleneck.0.", "bottleneck.")
# PyTorch's names of variables; others are the same.
VARIABLES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


@dataclass(frozen=True)
class Entry:
    """A variable, its layer, and how its values lie in PyTorch."""

    layer: keras.Layer
    variable: keras.Variable

    @property
    def _axes(self):
        """PyTorch's axes in the order of Keras', for convolutions."""
        return (2, 3, 0, 1) if isinstance(self.layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0)

    def to_keras(self, array: np.ndarray) -> np.ndarray:
        """From PyTorch's layout; an array that cannot be this variable's keeps its shape."""
        rank = len(self.variable.shape)
        if rank == 4 and array.ndim == 4:  # (out, in, h, w)
            return array.transpose(self._axes)
        if rank == 2 and array.ndim >= 2 and array[0, 0].size == 1:  # (out, in, 1, ...)
            return array.reshape(array.shape[:2]).T
        return array

    def to_torch(self, extra_axes: int = 0) -> np.ndarray:
        """To PyTorch's layout; `extra_axes` of length 1 stand behind the two of a matrix."""
        array = np.array(self.variable)
        if array.ndim == 4:
            return np.ascontiguousarray(array.transpose(np.argsort(self._axes)))
        if array.ndim == 2:
            return np.ascontiguousarray(array.T).reshape(*array.T.shape, *(1,) * extra_axes)
        return array


def named_layers(model: keras.Model) -> Iterator[tuple[str, keras.Layer]]:
    """All layers with weights, by the authors' names (in image networks)."""
    for layer in model.layers:
        if isinstance(layer, (IAUBlock, IABlock)):
            block_name = {**IAU_NAMES, **IA_NAMES}.get(layer.name)
            for path, name in (IA_PARTS if isinstance(layer, IABlock) else IAU_PARTS).items():
                if getattr(layer, path.partition(".")[0]) is not None:  # there are blocks of channels alone
                    yield f"{block_name}.{name}" if block_name else f"{layer.name}.{path}", attrgetter(path)(layer)
        elif layer.weights:
            name = layer.name if "." in layer.name else layer.name.replace("_", ".")
            yield "bn" if layer.name == "embedding" else name, layer


def named_entries(model: keras.Model) -> dict[str, Entry]:
    """All variables by the authors' names (in image networks).

    Raises:
        InputError: some have no such name, as in networks within networks.
    """
    found = {
        f"{name}.{VARIABLES.get(variable.name, variable.name)}": Entry(layer, variable)
        for name, layer in named_layers(model)
        for variable in layer.weights
    }
    if len(found) != len(model.weights):
        raise InputError(
            f"{model.name} has {len(model.weights)} weights, but PyTorch names for {len(found)}: it is not a network "
            "of IAUNet; use Keras' own save and load_weights"
        )
    return found


def prefixes(names: Iterable[str]) -> Mapping[str, int]:
    """Prefixes of the tensors of a backbone's stages, and how many tensors have each; at least one."""
    return Counter(match[1] or "" for match in map(STAGES.match, names) if match) or {"": 0}


def canonical(names: Iterable[str], prefix: str | None = None) -> tuple[list[str], str]:
    """Names as IAUnet's image networks have them: without the prefix, which is also returned, and with the neck called
    `bn`; None takes the most frequent prefix."""
    names = list(names)
    if prefix is None:
        found = prefixes(names)
        prefix = max(found, key=lambda each: found[each])
    short = [_strip(name, prefix) for name in names]
    for image, clip in CLIP_NAMES.items():
        short = [name.replace(clip, image) for name in short]
    if not any(name.startswith("bn.") for name in short):
        neck = next((neck for neck in NECKS if any(name.startswith(neck) for name in short)), "bn.")
        short = ["bn." + name.removeprefix(neck) if name.startswith(neck) else name for name in short]
    return short, prefix


def _strip(name, prefix):
    """Removes as much of a prefix as a name has: `module.` of `module.base.`, for what stands beside the backbone."""
    while not name.startswith(prefix):
        prefix = re.sub(r"[^.]*\.$", "", prefix)
    return name[len(prefix) :]


def state_dict(model: keras.Model) -> dict[str, np.ndarray]:
    """All variables by the authors' names (for image or video networks) and in PyTorch's layout."""
    is_clip = len(model.inputs[0].shape) == 5
    state = {}
    for name, entry in named_entries(model).items():
        array = entry.to_torch(_extra_axes(name, is_clip))
        for image, clip in CLIP_NAMES.items() if is_clip else ():
            name = name.replace(image, clip)
        state[name] = array
    return state


def _extra_axes(name, is_clip):
    """How many axes of length 1 a matrix of the authors' blocks has as the kernel of a convolution."""
    block, _, part = name.removesuffix(".weight").partition(".")
    if block not in IAU_NAMES.values():
        return 0
    return 3 if is_clip and part not in FLAT_IN_CLIPS else 2
