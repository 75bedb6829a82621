"""Export to ONNX."""

from pathlib import Path

import keras

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.exporting.network import embedding_function, for_inference
from iaunet_tf.exporting.opencv import for_opencv
from iaunet_tf.extras import needed
from iaunet_tf.inference.keras_files import scale_of
from iaunet_tf.metadata import KEY, Metadata
from iaunet_tf.preprocessing import SCALES
from iaunet_tf.terminal import quietly

OPSET = 17


def write_onnx(
    model: keras.Model, path: str | Path, metadata: Metadata, half: bool = False, loops: bool = False
) -> None:
    """Writes an ONNX file in place; its input is `images` or `clips`, its output `embedding`.

    For `half` and `loops` see `for_inference`. Not every runtime supports loops. Inputs and outputs
    remain float32 with `half`.
    """
    with needed("ONNX files"):
        import onnx
        import tf2onnx
    import tensorflow as tf

    # Preprocessing is left out if the caller does just that; any other is taken back.
    inside = metadata.scale == "none" or metadata.scale != scale_of(model)
    network = for_inference(model, preprocessing=inside, half=half, loops=loops)
    signature = [tf.TensorSpec(metadata.shape, metadata.dtype, name=metadata.input)]
    function = embedding_function(network, metadata, undone=metadata.scale if inside else "none")
    embed = tf.function(function, input_signature=signature)
    with quietly():
        proto, _ = tf2onnx.convert.from_function(embed, input_signature=signature, opset=OPSET)
    for_opencv(proto.graph)
    axes = ["batch", "frames"] if metadata.video else ["batch"]
    for axis, dimension in zip(axes, proto.graph.input[0].type.tensor_type.shape.dim, strict=False):
        dimension.dim_param = axis
    output = proto.graph.output[0].type.tensor_type.shape
    output.dim[0].dim_param = "batch"
    output.dim[1].dim_value = metadata.embedding
    onnx.helper.set_model_props(proto, {KEY: metadata.to_json(), **_readable(metadata)})
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        raise InputError(f"{metadata.source}: ONNX cannot express this network ({reason_of(error)})") from None
    onnx.save(proto, str(path))


def fix_batch(path: str | Path, batch: int) -> None:
    """Makes an ONNX file, in place, take no other number of images or clips at a time."""
    import onnx

    proto = onnx.load(str(path))
    for value in (proto.graph.input[0], proto.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    onnx.save(proto, str(path))


def _readable(metadata):
    """Returns the metadata as plain properties, for people and programs that do not know iaunet-tf."""
    inside = metadata.scale == "none"
    prepared = "normalised inside" if inside else "normalised by the caller: (x / 255 - mean) / std"
    mean, std = SCALES[metadata.scale]
    statistics = {} if inside else {"mean": ", ".join(map(str, mean)), "std": ", ".join(map(str, std))}
    return {
        "colour_order": "RGB",
        "preprocessing": f"resize to {metadata.height}x{metadata.width} ({metadata.interpolation}), pixels {prepared}",
        **statistics,
        "source": metadata.source,
        "version": metadata.version,
    }
