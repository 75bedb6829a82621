"""Export to SavedModel for TensorFlow Serving."""

import io
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from iaunet_tf.data.decoding import FORMATS, load_image
from iaunet_tf.exporting.network import embedding_function, for_inference
from iaunet_tf.extras import needed
from iaunet_tf.files import write_json
from iaunet_tf.inference.runtimes import SavedModelNetwork, versions
from iaunet_tf.metadata import FILE, Metadata
from iaunet_tf.vectors import unit_length

BATCHING = """\
max_batch_size { value: 32 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 4 }
pad_variable_length_inputs: false
"""


def write_savedmodel(model: keras.Model, path: str | Path, metadata: Metadata, part_attention: bool = False) -> None:
    """Writes a SavedModel in place, with metadata and warm-up requests for TensorFlow Serving.

    The signature `serving_default` takes `images` `(batch, height, width, 3)` of any size,
    `encoded` JPEG or PNG files as `image_bytes` `(batch,)`, turned upright. A video network's `serving_default` and
    `clips` take `clips` `(batch, frames, height, width, 3)`, its `encoded` `(batch, frames)`. All
    resize as in evaluation and return `embedding` `(batch, D)`, on request both part attentions.
    """
    warm_up = _warm_up_writer()
    import tensorflow as tf

    from iaunet_tf.exporting.orientation import upright
    from iaunet_tf.exporting.resizing import resize

    network = for_inference(model)
    size = (metadata.height, metadata.width)
    outputs = ["embedding", *(name for name in network.output if part_attention and name.startswith("part_attention"))]
    embed = embedding_function(network, metadata, tuple(outputs))

    def embed_pictures(pictures, leading):
        if metadata.video:
            pictures = tf.reshape(pictures, tf.concat([leading, (*size, 3)], axis=0))
        return embed(pictures)

    def from_pixels(pixels):
        shape = tf.shape(pixels)
        pictures = tf.reshape(pixels, (-1, shape[-3], shape[-2], 3))
        return embed_pictures(resize(pictures, size, metadata.interpolation), shape[:-3])

    def decode(content):
        # Pillow uses the accurate transform, libjpeg's default. The same operation also decodes PNG.
        picture = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
        return resize(upright(picture, content)[None], size, metadata.interpolation)[0]

    def from_bytes(image_bytes):
        signature = tf.TensorSpec((*size, 3), "uint8")
        pictures = tf.map_fn(decode, tf.reshape(image_bytes, (-1,)), fn_output_signature=signature)
        return embed_pictures(pictures, tf.shape(image_bytes))

    archive = keras.export.ExportArchive()
    archive.track(network)
    pixels = [tf.TensorSpec((*metadata.leading, None, None, 3), metadata.dtype, name=metadata.input)]
    archive.add_endpoint("serving_default", from_pixels, pixels)
    if metadata.video:
        archive.add_endpoint("clips", from_pixels, pixels)
    content = [tf.TensorSpec(metadata.leading, tf.string, name="image_bytes")]
    archive.add_endpoint("encoded", from_bytes, content)
    archive.write_out(str(path), verbose=False)

    extra = Path(path) / "assets.extra"
    extra.mkdir()
    one = (1,) * len(metadata.leading)
    picture = np.zeros((*one, *size, 3), metadata.dtype)
    encoded = np.full(one, tf.io.encode_jpeg(np.zeros((*size, 3), "uint8")).numpy(), object)
    requests = {"serving_default": {metadata.input: picture}, "encoded": {"image_bytes": encoded}}
    warm_up(extra / "tf_serving_warmup_requests", metadata.name, requests)
    write_json(extra / FILE, {"metadata": asdict(metadata), "signatures": _tensors(path)})


def next_version(base: str | Path) -> int:
    """The version number that follows the newest one in the folder of a served model."""
    found = versions(Path(base)) if Path(base).is_dir() else []
    return max((int(version.name) for version in found), default=0) + 1


def by_signature(path: str | Path, pictures: list) -> dict[str, np.ndarray]:
    """Embeds pictures one by one through each signature, so that the SavedModel resizes them.

    Pictures are files, PIL images or uint8 arrays, for video lists of them. Embeddings `(N, D)` have
    unit length. `serving_default` is left out if it takes floats, which it resizes without rounding.
    """
    network = SavedModelNetwork(Path(path))
    clips = [picture if isinstance(picture, list) else [picture] for picture in pictures]
    signatures = {"encoded": lambda clip: np.array([_content(picture) for picture in clip], object)}
    if network.metadata.dtype == "uint8":
        signatures["serving_default"] = lambda clip: np.stack([_pixels(picture) for picture in clip])
    result = {}
    for name, prepare in signatures.items():
        batches = (prepare(clip)[None] if network.metadata.video else prepare(clip) for clip in clips)
        result[name] = unit_length(np.concatenate([network.embed(batch, name) for batch in batches]))
    return result


def _pixels(picture):
    return picture if isinstance(picture, np.ndarray) else load_image(picture)


def _content(picture):
    if isinstance(picture, str):
        picture = Path(picture)
    if isinstance(picture, Path):
        content = picture.read_bytes()
        with Image.open(io.BytesIO(content), formats=FORMATS) as file:
            if file.format in ("JPEG", "PNG"):  # whatever its name says
                return content
    file = io.BytesIO()
    Image.fromarray(_pixels(picture)).save(file, "PNG")
    return file.getvalue()


def _warm_up_writer():
    with needed("SavedModels"):
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    import tensorflow as tf

    def write(path, name, requests):
        with tf.io.TFRecordWriter(str(path)) as file:
            for signature, inputs in requests.items():
                request = predict_pb2.PredictRequest(
                    model_spec={"name": name, "signature_name": signature},
                    inputs={key: tf.make_tensor_proto(value) for key, value in inputs.items()},
                )
                log = prediction_log_pb2.PredictionLog(predict_log={"request": request})
                file.write(log.SerializeToString())

    return write


def _tensors(path):
    """Names of the graph's tensors by signature, for programs in C, Java and other languages."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((Path(path) / "saved_model.pb").read_bytes())
    return {
        name: {
            "inputs": {key: tensor.name for key, tensor in signature.inputs.items()},
            "outputs": {key: tensor.name for key, tensor in signature.outputs.items()},
        }
        for name, signature in sorted(saved.meta_graphs[0].signature_def.items())
        if not name.startswith("__")
    }
