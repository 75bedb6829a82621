"""Which runtime an ONNX file is run in."""

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.inference.inputs import as_input, in_pieces, picture_pixels
from iaunet_tf.inference.onnx_files import OnnxFile
from iaunet_tf.inference.openvino_files import OnnxInOpenVino
from iaunet_tf.vectors import unit_length

RUNTIMES = ("auto", "onnxruntime", "openvino")
# Embeddings may differ by a cosine of 0.001 from those of float32. On photographs the difference was up to three times
# that on the blurred noise that is compared here.
LEAST_COSINE = 1 - 0.001 / 4
PICTURES, FRAMES = 8, 2


def choose_runtime(file, runtime: str):
    """What runs a network in a file: `file` itself, or OpenVINO for an ONNX file.

    `"auto"` takes OpenVINO if the network is of iaunet-tf and runs on a CPU, OpenVINO is installed and prefers a lower
    precision than float32, and embeddings remain the same within `LEAST_COSINE`.

    Raises:
        InputError: OpenVINO is wanted and not there, or cannot run the network.
    """
    if runtime == "onnxruntime" or not isinstance(file, OnnxFile):
        return file
    if runtime == "auto" and (file.metadata is None or not file.on_cpu):
        return file
    if not file.on_cpu:
        raise InputError(f"{file.path}: OpenVINO does not support CUDA; use device cpu, or another runtime")
    try:
        other = OnnxInOpenVino(file)
    except InputError:
        if runtime == "openvino":
            raise
        return file
    if runtime == "openvino" or (other.precision != "float32" and _agree(file, other)):
        return other
    return file


def _agree(file, other):
    """Whether embeddings of blurred noise are the same in two runtimes."""
    rng, metadata = np.random.default_rng(0), file.metadata
    size = metadata.height, metadata.width
    noise = rng.integers(0, 256, (PICTURES * FRAMES, 8, 4, 3)).astype("uint8")
    pictures = np.stack([picture_pixels(each, size, metadata.interpolation) for each in noise])
    pixels = as_input(pictures.reshape(-1, FRAMES, *size, 3) if metadata.video else pictures, metadata)
    batch = file.inputs[metadata.input][0][0]

    def embeddings(network):
        found = in_pieces(lambda piece: network.run(metadata.input, piece, "embedding"), pixels, batch)
        return unit_length(found, "its embeddings")

    try:
        ours, theirs = embeddings(file), embeddings(other)
    except Exception:  # runtimes raise various exceptions of their own, which will be said when images are embedded
        return False
    return bool((np.einsum("nd,nd->n", ours, theirs) >= LEAST_COSINE).all())
