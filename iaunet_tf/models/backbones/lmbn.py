"""LightMBN (Herzog et al., ICIP 2021): a short OSNet that branches into three. Layers carry its authors' names."""

from keras import layers, ops

from iaunet_tf.layers.parts import batch_norm, conv
from iaunet_tf.models.backbones.osnet import conv_norm, os_block, stem, transition


def _branch(x, name):
    """The rest of an OSNet, from the second block of its third stage."""
    x = transition(os_block(x, 384, f"{name}.0.1"), f"{name}.0.2.0")
    x = os_block(os_block(x, 512, f"{name}.1.0"), 512, f"{name}.1.1")
    return conv_norm(x, 512, f"{name}.2")


def _reduced(x, name):
    """A 1×1 convolution and a batch norm of a pooled map `(B, 1, 1, C)`."""
    return batch_norm(dtype="float32", name=f"{name}.bn")(conv(x, 512, 1, 1, f"{name}.reduction"))


def _average(x, name):
    return layers.GlobalAveragePooling2D(keepdims=True, dtype="float32", name=name)(x)


def _largest(x, name):
    return layers.GlobalMaxPooling2D(keepdims=True, dtype="float32", name=name)(x)


def lmbn(x):
    """From normalised images `(B, H, W, 3)` to the embedding `(B, 3584)`: seven parts of 512 numbers, interleaved.

    The parts are: global average and maximum, maximum of the part branch and averages of its upper and lower half, and
    the two halves of the channel branch.
    """
    x = stem(x, 64, "backone.0", "backone.1")
    x = transition(os_block(os_block(x, 256, "backone.2.0"), 256, "backone.2.1"), "backone.2.2.0")
    x = os_block(x, 384, "backone.3")
    whole, parts, channels = (_branch(x, f"{name}_branch") for name in ("global", "partial", "channel"))
    whole = os_block(whole, 512, "batch_drop_block.drop_batch_bottleneck")
    height = parts.shape[1]
    upper, lower = parts[:, : (height + 1) // 2], parts[:, height // 2 :]
    pooled = [
        _reduced(_average(whole, "global_average"), "reduction_0"),
        _reduced(_largest(whole, "global_largest"), "reduction_4"),
        _reduced(_largest(parts, "partial_largest"), "reduction_1"),
        _reduced(_average(upper, "upper_average"), "reduction_2"),
        _reduced(_average(lower, "lower_average"), "reduction_3"),
    ]
    channels = _average(channels, "channel_average")
    shared = layers.Conv2D(512, 1, use_bias=False, dtype="float32", name="shared.0")
    shared_norm = batch_norm(dtype="float32", name="shared.1")
    for number, half in enumerate((channels[..., :256], channels[..., 256:])):
        half = ops.relu(shared_norm(shared(half)))
        pooled.append(batch_norm(dtype="float32", name=f"reduction_ch_{number}.bn")(half))
    return layers.Reshape((-1,), name="parts")(ops.stack(pooled, axis=-1))
