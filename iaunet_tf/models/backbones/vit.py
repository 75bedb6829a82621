"""The vision transformer ViT-B/16 (Dosovitskiy et al., ICLR 2021) as TransReID builds it, without its camera and part
modules. Layers carry TransReID's names."""

import keras
from keras import layers, ops

DEPTH, HEADS, DIMENSION, PATCH = 12, 12, 768, 16
EPSILON = 1e-6


@keras.saving.register_keras_serializable(package="iaunet_tf")
class Tokens(keras.layers.Layer):
    """Puts a learned class token before patches `(B, N, D)` and adds learned positions: `(B, N + 1, D)`."""

    def build(self, input_shape):
        _, count, dimension = input_shape
        normal = keras.initializers.TruncatedNormal(stddev=0.02)
        self.cls_token = self.add_weight(shape=(1, 1, dimension), initializer=normal, name="cls_token")
        self.pos_embed = self.add_weight(shape=(1, count + 1, dimension), initializer=normal, name="pos_embed")

    def call(self, patches):
        first = ops.broadcast_to(self.cls_token, (ops.shape(patches)[0], 1, patches.shape[-1]))
        return ops.concatenate([first, patches], axis=1) + self.pos_embed

    def compute_output_shape(self, input_shape):
        batch, count, dimension = input_shape
        return batch, count + 1, dimension


def _norm(name):
    return layers.LayerNormalization(epsilon=EPSILON, name=name)


def _attention(x, name):
    """Self-attention of all tokens in 12 heads."""
    count, width = x.shape[1], DIMENSION // HEADS
    x = layers.Dense(3 * DIMENSION, name=f"{name}.qkv")(x)
    x = ops.transpose(ops.reshape(x, (-1, count, 3, HEADS, width)), (2, 0, 3, 1, 4))
    query, key, value = x[0], x[1], x[2]
    # The query is scaled and not the product, which could overflow float16.
    weights = ops.softmax(ops.matmul(query * width**-0.5, ops.swapaxes(key, -1, -2)))
    x = ops.reshape(ops.swapaxes(ops.matmul(weights, value), 1, 2), (-1, count, DIMENSION))
    return layers.Dense(DIMENSION, name=f"{name}.proj")(x)


def _mlp(x, name):
    x = layers.Dense(4 * DIMENSION, name=f"{name}.fc1")(x)
    # Keras' own gelu takes erfc, which ONNX does not have.
    gelu = 0.5 * x * (1 + ops.erf(x * 0.5**0.5))
    return layers.Dense(DIMENSION, name=f"{name}.fc2")(gelu)


def vit_base(x):
    """From normalised images `(B, H, W, 3)` to the class token `(B, 768)` after the last norm."""
    x = layers.Conv2D(DIMENSION, PATCH, strides=PATCH, name="base.patch_embed.proj")(x)
    x = Tokens(name="base")(layers.Reshape((-1, DIMENSION), name="base.patches")(x))
    for number in range(DEPTH):
        name = f"base.blocks.{number}"
        x = layers.Add(name=f"{name}.add1")([x, _attention(_norm(f"{name}.norm1")(x), f"{name}.attn")])
        x = layers.Add(name=f"{name}.add2")([x, _mlp(_norm(f"{name}.norm2")(x), f"{name}.mlp")])
    return _norm("base.norm")(x)[:, 0]
