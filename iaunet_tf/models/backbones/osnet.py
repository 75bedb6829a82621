"""OSNet, OSNet-IBN and OSNet-AIN (Zhou et al., ICCV 2019 and TPAMI 2021) as torchreid builds them.

Layers carry torchreid's names, `conv2.0.conv2b.1.bn` and the like.
"""

from collections.abc import Callable

from keras import layers

from iaunet_tf.layers.parts import InstanceNorm, batch_norm, conv

CHANNELS = (64, 256, 384, 512)
# Blocks of OSNet-AIN that normalise instances, by stage and number.
AIN_BLOCKS = ((2, 0), (2, 1), (3, 1), (4, 0))


def conv_norm(x, filters: int, name: str, kernel: int = 1, stride: int = 1, relu: bool = True, instance: bool = False):
    """A convolution, its norm and a ReLU: `{name}.conv`, `{name}.bn`."""
    x = (InstanceNorm if instance else batch_norm)(name=f"{name}.bn")(conv(x, filters, kernel, stride, f"{name}.conv"))
    return layers.ReLU(name=f"{name}.relu")(x) if relu else x


def _light_conv(x, filters, name):
    """A 1×1 convolution, then a 3×3 one in each channel."""
    x = conv(x, filters, 1, 1, f"{name}.conv1")
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}.conv2")(x)
    return layers.ReLU(name=f"{name}.relu")(batch_norm(name=f"{name}.bn")(x))


def _gated_sum(streams, filters, name):
    """The sum of the streams, each weighted in every channel by one and the same gate."""
    average = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}.pool")
    squeeze = layers.Conv2D(filters // 16, 1, activation="relu", name=f"{name}.fc1")
    excite = layers.Conv2D(filters, 1, activation="sigmoid", name=f"{name}.fc2")
    weighted = [
        layers.Multiply(name=f"{name}.{number}")([stream, excite(squeeze(average(stream)))])
        for number, stream in enumerate(streams)
    ]
    return layers.Add(name=f"{name}.sum")(weighted)


def os_block(x, filters: int, name: str, norm: str = "bn"):
    """An omni-scale residual block, `(B, h, w, C)` to `(B, h, w, filters)`.

    `norm` is `"bn"`; `"ibn"` normalises instances after the addition, `"ain"` at the end of the branch; `"plain"` is
    `"bn"` by the names that OSNet-AIN gives its layers.
    """
    shortcut, hidden = x, filters // 4
    if x.shape[-1] != filters:
        shortcut = conv_norm(x, filters, f"{name}.downsample", relu=False)
    x = conv_norm(x, hidden, f"{name}.conv1")
    streams = []
    for number, letter in enumerate("abcd"):
        stream = x
        for step in range(number + 1):
            if norm in ("plain", "ain"):  # blocks of OSNet-AIN name their streams otherwise
                part = f"conv2.{number}.layers.{step}"
            else:
                part = f"conv2{letter}.{step}" if number else "conv2a"
            stream = _light_conv(stream, hidden, f"{name}.{part}")
        streams.append(stream)
    x = _gated_sum(streams, hidden, f"{name}.gate")
    if norm == "ain":
        x = InstanceNorm(name=f"{name}.IN")(conv(x, filters, 1, 1, f"{name}.conv3.conv"))
    else:
        x = conv_norm(x, filters, f"{name}.conv3", relu=False)
    x = layers.Add(name=f"{name}.add")([shortcut, x])
    if norm == "ibn":
        x = InstanceNorm(name=f"{name}.IN")(x)
    return layers.ReLU(name=f"{name}.relu")(x)


def stem(x, filters: int, name: str, pool_name: str, instance: bool = False):
    """From images to a quarter of their height and width."""
    x = conv_norm(x, filters, name, kernel=7, stride=2, instance=instance)
    # Behind a ReLU zeros pad as well as -inf would.
    x = layers.ZeroPadding2D(1, name=f"{pool_name}_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name=pool_name)(x)


def transition(x, name: str):
    """A 1×1 convolution and half the height and width; an odd edge is dropped."""
    return layers.AveragePooling2D(2, name=f"{name}.pool")(conv_norm(x, x.shape[-1], name))


def osnet(x, behind: Callable, width: float = 1.0, variant: str = "bn"):
    """From normalised images `(B, H, W, 3)` to the feature map `(B, H/16, W/16, 512·width)`.

    Args:
        behind: called with the map and the name behind each stage, `"conv2"` to `"conv4"`.
        width: 1, 0.75, 0.5 or 0.25.
        variant: `"bn"`, `"ibn"` or `"ain"`.
    """
    first, *channels = (int(width * count) for count in CHANNELS)
    x = stem(x, first, "conv1", "maxpool", instance=variant != "bn")
    for stage, filters in enumerate(channels, start=2):
        for number in range(2):
            norm = "bn"
            if variant == "ain":
                norm = "ain" if (stage, number) in AIN_BLOCKS else "plain"
            elif variant == "ibn" and stage == 2:
                norm = "ibn"
            x = os_block(x, filters, f"conv{stage}.{number}", norm)
        x = behind(x, f"conv{stage}")
        if stage < 4:
            x = transition(x, f"pool{stage}.0" if variant == "ain" else f"conv{stage}.2.0")
    return conv_norm(x, channels[-1], "conv5")
