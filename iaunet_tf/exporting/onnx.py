"""ONNX files."""

from pathlib import Path

import keras

from iaunet_tf.errors import InputError
from iaunet_tf.exporting.network import describe, for_inference
from iaunet_tf.metadata import KEY, Metadata

OPSET = 17


def write_onnx(
    model: keras.Model, path: str | Path, source: str | Path, layout: str = "image", dtype: str = "float32"
) -> Metadata:
    """Writes a network as ONNX: input `images` (or `clips`), output `embedding` of length 1.

    Args:
        model: a network of iaunet-tf.
        path: the file; written directly, so give a temporary one.
        source: what the network was loaded from, for the metadata.
        layout: `"image"`: `(batch, [frames,] height, width, 3)` in 0..255, normalised inside; `"tracker"`:
            `(batch, 3, height, width)` float32, normalised by the caller with ImageNet's statistics.
        dtype: of the input, `"float32"` or `"uint8"`, for layout image.

    Returns:
        The metadata, which the file holds as well.

    Raises:
        InputError: the converter is not installed, or the network does not go with the layout.
    """
    try:
        import onnx
        import tf2onnx
    except ImportError:
        raise InputError("writing ONNX needs tf2onnx: pip install tf2onnx onnx") from None
    import tensorflow as tf

    tracker = layout == "tracker"
    metadata = describe(model, source, layout, "float32" if tracker else dtype)
    if tracker and metadata.video:
        raise InputError("layout tracker is for single pictures; this is a video network: export it with layout image")
    network = for_inference(model, preprocessing=not tracker)
    size = (metadata.height, metadata.width)
    shape = (3, *size) if tracker else (None, *size, 3) if metadata.video else (*size, 3)
    name = "clips" if metadata.video else "images"
    signature = [tf.TensorSpec((None, *shape), metadata.dtype, name=name)]

    @tf.function(input_signature=signature)
    def embed(pixels):
        if tracker:
            pixels = tf.transpose(pixels, (0, 2, 3, 1))
        embedding = network(tf.cast(pixels, "float32"), training=False)["embedding"]
        return {"embedding": tf.math.l2_normalize(embedding, axis=-1)}

    proto, _ = tf2onnx.convert.from_function(embed, input_signature=signature, opset=OPSET)
    axes = ["batch", "frames"] if metadata.video else ["batch"]
    for axis, dimension in zip(axes, proto.graph.input[0].type.tensor_type.shape.dim, strict=False):
        dimension.dim_param = axis
    output = proto.graph.output[0].type.tensor_type.shape
    output.dim[0].dim_param = "batch"
    output.dim[1].dim_value = metadata.embedding
    onnx.helper.set_model_props(proto, {KEY: metadata.to_json(), **_readable(metadata)})
    onnx.checker.check_model(proto)
    onnx.save(proto, str(path))
    return metadata


def _readable(metadata):
    """The same for people and programs that do not know us."""
    prepared = "normalised inside" if metadata.layout == "image" else "normalised by the caller: (x / 255 - mean) / std"
    return {
        "colour_order": "RGB",
        "preprocessing": f"resize to {metadata.height}x{metadata.width} (bicubic), pixels {prepared}",
        "mean": "0.485, 0.456, 0.406",
        "std": "0.229, 0.224, 0.225",
        "source": metadata.source,
        "version": metadata.version,
    }
