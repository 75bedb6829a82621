"""ResNet-50 (He et al., CVPR 2016) as torchvision builds it, with stage 4 at stride 1.

Differences from `keras.applications.ResNet50`: the stride is on the 3×3 convolution, convolutions have
no bias, and padding is symmetric.
"""

from collections.abc import Callable

import keras
from keras import layers

from iaunet_tf.layers.parts import batch_norm

BLOCKS = (3, 4, 6, 3)
STRIDES = (1, 2, 2, 1)


def _conv_norm(x, filters, kernel, stride, conv_name, norm_name, zero=False):
    if kernel > 1:
        # "same" would pad a stride of 2 on the right and bottom only.
        x = layers.ZeroPadding2D(kernel // 2, name=f"{conv_name}_pad")(x)
    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"),
        name=conv_name,
    )(x)
    return batch_norm(zero=zero, name=norm_name)(x)


def _bottleneck(x, filters, stride, name):
    shortcut = x
    if stride != 1 or x.shape[-1] != 4 * filters:
        shortcut = _conv_norm(x, 4 * filters, 1, stride, f"{name}_downsample_0", f"{name}_downsample_1")
    x = layers.ReLU(name=f"{name}_relu1")(_conv_norm(x, filters, 1, 1, f"{name}_conv1", f"{name}_bn1"))
    x = layers.ReLU(name=f"{name}_relu2")(_conv_norm(x, filters, 3, stride, f"{name}_conv2", f"{name}_bn2"))
    x = _conv_norm(x, 4 * filters, 1, 1, f"{name}_conv3", f"{name}_bn3", zero=True)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_relu3")(x)


def resnet50(x, behind: Callable, width: float = 1.0):
    """From normalised images `(B, H, W, 3)` to the last feature map `(B, H/16, W/16, 2048·width)`.

    `behind` is called with the map and the name behind each stage (`"layer1"` to `"layer4"`), and
    returns the map. Layers carry torchvision's names with `_` for `.`: `layer1_0_downsample_0`, ...
    """
    x = layers.ReLU(name="relu")(_conv_norm(x, round(64 * width), 7, 2, "conv1", "bn1"))
    # Zeros pad as well as -inf would: everything behind a ReLU is at least 0.
    x = layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    for stage, (blocks, stride) in enumerate(zip(BLOCKS, STRIDES, strict=True), start=1):
        filters = round(64 * 2 ** (stage - 1) * width)
        for block in range(blocks):
            x = _bottleneck(x, filters, stride if block == 0 else 1, f"layer{stage}_{block}")
        x = behind(x, f"layer{stage}")
    return x
