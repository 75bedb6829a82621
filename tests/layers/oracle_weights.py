"""Loads the oracle's PyTorch parameters into our block; the names on the left are the authors'."""

import numpy as np

IMAGE_NAMES = {
    "sa.conv.conv": "spatial_temporal.attention_dense",
    "sa.conv.bn": "spatial_temporal.attention_norm",
    "g": "spatial_temporal.reduce",
    "SIAU.module_w.relation.0": "spatial_temporal.relation_dense",
    "SIAU.module_w.relation.1": "spatial_temporal.relation_norm",
    "SIAU.module_l.fsm.0": "spatial_temporal.aggregate_dense",
    "SIAU.module_l.fsm.1": "spatial_temporal.aggregate_norm",
    "W1.0": "channel.dense",
    "W1.1": "channel.norm",
    "W2.0": "spatial_temporal.update_dense",
    "W2.1": "spatial_temporal.update_norm",
}


def layers_of(block, oracle):
    """Yields pairs of the authors' name and our layer."""
    is_clip = any(key.startswith("param/STIAU") for key in oracle)
    for name, path in IMAGE_NAMES.items():
        if is_clip:
            name = name.replace("sa.conv", "SA.conv").replace("SIAU", "STIAU")
        layer = block
        for attribute in path.split("."):
            layer = getattr(layer, attribute)
        yield name, layer


def is_norm(layer):
    return hasattr(layer, "moving_mean")


def load(block, oracle):
    for name, layer in layers_of(block, oracle):
        get = lambda part, name=name: oracle[f"param/{name}.{part}"]  # noqa: E731
        if is_norm(layer):
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([get(part) for part in parts])
        else:
            kernel = get("weight")
            layer.set_weights([kernel.reshape(kernel.shape[:2]).T, get("bias")])


def channels_last(x):
    """Transposes `(B, C, [T,] H, W)` to `(B, [T,] H, W, C)`."""
    return np.moveaxis(x, 1, -1)
