"""Quantisation of ONNX files."""

from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.terminal import quietly

CALIBRATION_BATCH = 8


def to_int8(path: str | Path, pixels: np.ndarray) -> None:
    """Quantises the convolutions of an ONNX file to 8 bits per channel, in place.

    Everything else remains float32, in particular the channel attention, whose softmax is nearly one-hot.
    `pixels` `(N, ...)`, prepared as the network expects them, calibrate the activations.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    proto = onnx.load(str(path))
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    name = proto.graph.input[0].name
    parts = np.split(pixels, range(CALIBRATION_BATCH, len(pixels), CALIBRATION_BATCH))
    batches = ({name: part} for part in parts)

    class Pictures(CalibrationDataReader):
        def get_next(self):
            return next(batches, None)

    try:
        with quietly():
            quantize_static(
                str(path),
                str(path),
                Pictures(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
    except Exception as error:  # ONNX Runtime raises various exceptions of its own
        raise InputError(f"the network cannot be quantised: {reason_of(error, 200)}") from None
    # The quantiser drops the metadata.
    proto = onnx.load(str(path))
    onnx.helper.set_model_props(proto, properties)
    onnx.save(proto, str(path))
