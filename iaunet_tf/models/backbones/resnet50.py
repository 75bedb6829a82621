"""ResNet-50 (He et al., CVPR 2016) as torchvision, torchreid and fast-reid build it.

Differences from `keras.applications.ResNet50`: the stride is on the 3×3 convolution, convolutions have
no bias, and padding is symmetric.
"""

from collections.abc import Callable, Sequence

from keras import layers, ops

from iaunet_tf.blocks import RESNET50_DEPTHS
from iaunet_tf.layers.parts import InstanceNorm, batch_norm, conv

# Non-local blocks of fast-reid stand behind the last blocks of these stages.
NON_LOCAL = {2: 2, 3: 3}


def _conv_norm(x, filters, kernel, stride, names, conv_name, norm_name, zero=False, ibn=False):
    x = conv(x, filters, kernel, stride, names(conv_name))
    if not ibn:
        return batch_norm(zero=zero, name=names(norm_name))(x)
    half = filters // 2
    instances = InstanceNorm(name=names(f"{norm_name}_IN"))(x[..., :half])
    batch = batch_norm(name=names(f"{norm_name}_BN"))(x[..., half:])
    return layers.Concatenate(name=names(f"{norm_name}_both"))([instances, batch])


def _bottleneck(x, filters, stride, names, name, ibn):
    shortcut = x
    if stride != 1 or x.shape[-1] != 4 * filters:
        shortcut = _conv_norm(x, 4 * filters, 1, stride, names, f"{name}_downsample_0", f"{name}_downsample_1")
    x = _conv_norm(x, filters, 1, 1, names, f"{name}_conv1", f"{name}_bn1", ibn=ibn)
    x = layers.ReLU(name=names(f"{name}_relu1"))(x)
    x = _conv_norm(x, filters, 3, stride, names, f"{name}_conv2", f"{name}_bn2")
    x = layers.ReLU(name=names(f"{name}_relu2"))(x)
    x = _conv_norm(x, 4 * filters, 1, 1, names, f"{name}_conv3", f"{name}_bn3", zero=True)
    x = layers.Add(name=names(f"{name}_add"))([shortcut, x])
    return layers.ReLU(name=names(f"{name}_relu3"))(x)


def _non_local(x, name):
    """Adds to every position a sum over all, weighted by products of features (Wang et al., CVPR 2018) of one channel
    and divided by their number."""
    *_, height, width, channels = x.shape
    theta, phi, g = (layers.Conv2D(1, 1, name=f"{name}.{part}")(x) for part in ("theta", "phi", "g"))
    # (theta phi) g = theta (phi g): with one channel the sum is the same for all positions. It can overflow float16.
    together = ops.sum(ops.cast(phi, "float32") * g, axis=(1, 2), keepdims=True) / (height * width)
    y = layers.Conv2D(channels, 1, name=f"{name}.W.0")(theta * together)
    return layers.Add(name=f"{name}.add")([x, batch_norm(zero=True, name=f"{name}.W.1")(y)])


def resnet50(
    x,
    behind: Callable,
    width: float = 1.0,
    depths: Sequence[int] = RESNET50_DEPTHS,
    last_stride: int = 1,
    prefix: str = "",
    ceil_pool: bool = False,
    ibn: bool = False,
    non_local: bool = False,
):
    """From normalised images `(B, H, W, 3)` to the last feature map `(B, H/16, W/16, 2048·width)`.

    Args:
        behind: called with the map and the name behind each stage (`"layer1"` to `"layer4"`); returns the map.
        width: factor on the channels.
        depths: number of residual blocks in each stage.
        last_stride: stride of the last stage; 2 halves the map.
        prefix: of the layers' names, which are torchvision's; without one they have `_` for `.`.
        ceil_pool: pool as PyTorch does without padding and with `ceil_mode`, beyond the far edge of an even map.
        ibn: normalise instances in half of the channels in stages 1 to 3 (Pan et al., ECCV 2018).
        non_local: non-local blocks behind the last blocks of stages 2 and 3.
    """

    def names(name):
        return prefix + name.replace("_", ".") if prefix else name

    x = _conv_norm(x, round(64 * width), 7, 2, names, "conv1", "bn1")
    x = layers.ReLU(name=names("relu"))(x)
    # Zeros pad as well as -inf would: everything behind a ReLU is at least 0.
    padding = [(0, 1 - size % 2) for size in x.shape[1:3]] if ceil_pool else 1
    x = layers.ZeroPadding2D(padding, name=names("maxpool_pad"))(x)
    x = layers.MaxPooling2D(3, strides=2, name=names("maxpool"))(x)
    for stage, (blocks, stride) in enumerate(zip(depths, (1, 2, 2, last_stride), strict=True), start=1):
        filters = round(64 * 2 ** (stage - 1) * width)
        first = blocks - NON_LOCAL.get(stage, 0)
        for block in range(blocks):
            x = _bottleneck(x, filters, stride if block == 0 else 1, names, f"layer{stage}_{block}", ibn and stage < 4)
            if non_local and stage in NON_LOCAL and block >= first:
                x = _non_local(x, f"{prefix}NL_{stage}.{block - first}")
        x = behind(x, f"layer{stage}")
    return x
