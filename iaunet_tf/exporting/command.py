"""What the commands in `export/` do."""

import argparse
from pathlib import Path

from iaunet_tf.errors import InputError, exit_code
from iaunet_tf.files import replacing, write_json
from iaunet_tf.quiet import quiet_import


def main_onnx(arguments: list[str] | None = None) -> int:
    """`to_onnx.py`; returns the exit code."""
    parser = _parser("to_onnx.py", "Writes a trained network as ONNX, and proves that it gives the same embeddings.")
    parser.add_argument("--out", required=True, metavar="FILE", help="the .onnx file to write")
    parser.add_argument(
        "--layout",
        choices=("image", "tracker"),
        default="image",
        help="image: RGB in 0..255, (batch, height, width, 3), normalised inside (default); tracker: float32, "
        "(batch, 3, height, width), normalised by the caller with ImageNet's statistics, as trackers feed it",
    )
    parser.add_argument(
        "--dtype", choices=("float32", "uint8"), default="float32", help="of the input, for layout image"
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "int8"),
        default="fp32",
        help="int8: convolutions of 8 bits, calibrated on --calibrate, the rest float32",
    )
    parser.add_argument(
        "--calibrate",
        metavar="FOLDER",
        help="for int8: pictures like those that it will see; 128 of them serve",
    )
    options = parser.parse_args(arguments)
    return exit_code(lambda: _to_onnx(options))


def _to_onnx(options):
    out = Path(options.out)
    if out.suffix != ".onnx":
        raise InputError(f"{out}: the name of an ONNX file ends in .onnx")
    int8 = options.precision == "int8"
    if int8 != bool(options.calibrate):
        raise InputError("--precision int8 and --calibrate FOLDER, pictures to calibrate with, go together")
    with quiet_import():
        from iaunet_tf.exporting.network import load_network
    from iaunet_tf.exporting.onnx import write_onnx
    from iaunet_tf.exporting.precision import to_int8
    from iaunet_tf.exporting.verification import LIMITS, sample_pictures, verify
    from iaunet_tf.inference import Embedder

    model = load_network(options.source)
    video = len(model.inputs[0].shape) == 5
    pictures = sample_pictures(options.samples or options.calibrate, video)
    calibration = sample_pictures(options.calibrate, video, count=128) if int8 else []
    with replacing(out) as temporary:
        print(f"{options.source} to ONNX, layout {options.layout}", flush=True)
        metadata = write_onnx(model, temporary, options.source, options.layout, options.dtype)
        if int8:
            print(f"calibrating on {len(calibration)} of {options.calibrate}", flush=True)
            to_int8(temporary, Embedder(temporary).prepare(calibration))
        print(f"comparing with Keras on {len(pictures)} samples", flush=True)
        report = verify(options.source, temporary, pictures, LIMITS[options.precision])
    write_json(out.with_suffix(".json"), {"metadata": vars(metadata), **report})
    _say(report, out)


def _parser(prog, description):
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("source", metavar="RUN_OR_KERAS_FILE", help="the folder of a run, or a .keras file")
    parser.add_argument(
        "--samples", metavar="FOLDER", help="pictures to compare with (default: sixteen drawn pedestrians)"
    )
    return parser


def _say(report, out):
    figures = report["comparison"]
    print(
        f"largest difference {figures['max_difference']:.2g}, smallest cosine similarity {figures['min_cosine']:.6f}, "
        f"nearest neighbours the same for {100 * figures['same_nearest']:.0f} %\n{out}, {out.with_suffix('.json')}"
    )
