"""Export to LiteRT (TensorFlow Lite), for phones and embedded devices."""

import zipfile
from pathlib import Path

import keras

from iaunet_tf.exporting.network import embedding_function, for_inference
from iaunet_tf.metadata import FILE, Metadata
from iaunet_tf.terminal import quietly


def write_litert(model: keras.Model, path: str | Path, metadata: Metadata, int8: bool = False) -> None:
    """Writes a `.tflite` file in place; its input is `images` or `clips`, its output `embedding`.

    With `int8`, weights have 8 bits, and activations are quantised at run time (dynamic range).
    """
    import tensorflow as tf

    # LiteRT does not support loops over blocks of unknown size.
    embed = embedding_function(for_inference(model, loops=False), metadata)
    signature = [tf.TensorSpec(metadata.shape, metadata.dtype, name=metadata.input)]
    function = tf.function(embed, input_signature=signature).get_concrete_function()
    with quietly():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        content = converter.convert()
    Path(path).write_bytes(content)
    # As is usual for .tflite files, the metadata is a zip archive at the end: `unzip` extracts it.
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(FILE, metadata.to_json())
