"""LiteRT (TensorFlow Lite) files, for phones and boards."""

import zipfile
from pathlib import Path

import keras

from iaunet_tf.exporting.network import embedding_function, for_inference
from iaunet_tf.metadata import FILE, Metadata
from iaunet_tf.terminal import quietly


def write_litert(model: keras.Model, path: str | Path, metadata: Metadata, int8: bool = False) -> None:
    """Writes a network as `.tflite`: input `images` or `clips`, output `embedding`.

    The metadata is appended as a zip archive, the place of a `.tflite` file for such things; `unzip` reads it.

    Args:
        model: a network of iaunet-tf.
        path: the file; written directly, so give a temporary one.
        metadata: what it shall be.
        int8: weights of 8 bits, activations quantised as they come (dynamic range).
    """
    import tensorflow as tf

    # LiteRT has no loops over blocks of unknown size.
    embed = embedding_function(for_inference(model, loops=False), metadata)
    shape = (*metadata.leading, metadata.height, metadata.width, 3)
    signature = [tf.TensorSpec(shape, metadata.dtype, name=metadata.input)]
    function = tf.function(embed, input_signature=signature).get_concrete_function()
    with quietly():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with quietly():
        content = converter.convert()
    Path(path).write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(FILE, metadata.to_json())
