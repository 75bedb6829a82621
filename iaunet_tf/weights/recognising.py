"""Which network a state dictionary belongs to, by the names of its tensors."""

from collections.abc import Mapping

import numpy as np


def recognise(state: Mapping[str, np.ndarray], stripped: str = "") -> str | None:
    """The key of `NETWORKS` that tensors belong to, or None for the authors' networks and plain ResNet-50s.

    `state` has the names that `read_state_dict` returns, and `stripped` is what it took from them.
    """
    if "conv2.0.gate.fc1.weight" in state and "conv1.conv.weight" in state:
        width = {64: "x1_0", 48: "x0_75", 32: "x0_5", 16: "x0_25"}.get(len(state["conv1.conv.weight"]), "x1_0")
        if "conv2.0.conv2.0.layers.0.conv1.weight" in state:
            return f"osnet_ain_{width}"
        return f"osnet_ibn_{width}" if "conv2.0.IN.weight" in state else f"osnet_{width}"
    if any(name.startswith("backone.") for name in state):
        return "lmbn_n"
    if "blocks.0.attn.qkv.weight" in state and "cls_token" in state:
        return "transreid_vit_base"
    ibn = "-ibn" if "layer1.0.bn1.IN.weight" in state else ""
    if "NL_2.0.g.weight" in state:
        return f"sbs_R50{ibn}" if "heads.pool_layer.p" in state else f"AGW_R50{ibn}"
    # fast-reid's ResNet-50 pools in another way than torchvision's, but has its names.
    if ibn or (stripped.endswith("backbone.") and "bn.weight" in state):
        return f"bagtricks_R50{ibn}"
    return None
