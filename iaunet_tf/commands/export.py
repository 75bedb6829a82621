"""`iaunet export onnx|savedmodel|litert`: load, write beside the final name, compare with Keras, rename, report."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from iaunet_tf.commands.arguments import Parser, choose
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing, write_json
from iaunet_tf.terminal import quietly

# Images or clips embedded at a time while comparing: exports are also run where memory is short.
BATCH = 8


def main(arguments: Sequence[str]) -> None:
    """Writes a network in the format that the first argument names, and proves that it gives the same embeddings."""
    kind = choose("export", "format", FORMATS, arguments, "RUN --out FILE")
    if kind is None:
        return
    add_options, write, name = FORMATS[kind]
    parser = Parser(
        f"export {kind}", f"Writes a trained network as {name}, and proves that it gives the same embeddings."
    )
    parser.add_argument("source", metavar="RUN_OR_KERAS_FILE", help="the folder of a run, or a .keras file")
    parser.add_argument(
        "--samples",
        metavar="FOLDER",
        help="images to compare with (default: the run's query set if it is there, else sixteen drawn pedestrians)",
    )
    parser.switch(
        "--unit_length", True, "give embeddings length 1 (default), or leave them as the network computes them"
    )
    add_options(parser)
    write(parser.parse(arguments[1:]))


def _onnx_options(parser):
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
        choices=("fp32", "fp16", "int8"),
        default="fp32",
        help="fp16: float16 where the network allows it, for GPUs; int8: 8-bit convolutions, calibrated on --calibrate",
    )
    parser.switch(
        "--long_clips",
        False,
        "of a video network: memory grows with the number of frames, not with its square (at T = 8 the attention "
        "takes 256 MiB a clip), through a Loop, which OpenVINO does not load",
    )
    parser.add_argument(
        "--calibrate", metavar="FOLDER", help="for int8: images like those that it will see; 128 of them are enough"
    )


def _savedmodel_options(parser):
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="folder of served models; DIR/NAME/VERSION/ is written"
    )
    parser.add_argument("--name", help="name of the served model (default: the network's, iaunet)")
    parser.add_argument("--version", type=int, help="default: the one after the newest")
    parser.add_argument(
        "--dtype",
        choices=("uint8", "float32"),
        default="uint8",
        help="of the pixels that serving_default takes; floats are resized without rounding",
    )
    parser.switch("--part_attention", False, "output the part attention of both blocks as well")


def _litert_options(parser):
    parser.add_argument("--out", required=True, metavar="FILE", help="the .tflite file to write")
    parser.add_argument("--dtype", choices=("float32", "uint8"), default="float32", help="of the input")
    parser.add_argument(
        "--precision", choices=("fp32", "int8"), default="fp32", help="int8: 8-bit weights, dynamic range"
    )


def _to_onnx(options):
    out = _out_file(options.out, ".onnx")
    int8 = options.precision == "int8"
    if int8 != bool(options.calibrate):
        raise InputError("--precision int8 and --calibrate FOLDER, images to calibrate with, go together")
    model, network = _load(options)
    from iaunet_tf.exporting.onnx import write_onnx
    from iaunet_tf.exporting.precision import to_int8
    from iaunet_tf.exporting.samples import sample_images
    from iaunet_tf.inference import Embedder

    tracker = options.layout == "tracker"
    metadata = network(layout=options.layout, dtype="float32" if tracker else options.dtype)
    if int8:
        calibration, _ = sample_images(options.calibrate, options.source, metadata.video, count=128)
    images = _samples(options, metadata)
    with replacing(out) as temporary:
        print(f"{options.source} to ONNX, layout {options.layout}, {options.precision}", flush=True)
        write_onnx(model, temporary, metadata, half=options.precision == "fp16", loops=options.long_clips)
        if int8:
            print(f"calibrating on {len(calibration)} of {options.calibrate}", flush=True)
            to_int8(temporary, Embedder(temporary).prepare(calibration))
        report = _compare(model, temporary, *images, options.precision)
    _report(out.with_suffix(".json"), metadata, report)
    print(out)


def _to_savedmodel(options):
    model, network = _load(options)
    from iaunet_tf.exporting.savedmodel import BATCHING, by_signature, next_version, write_savedmodel

    if options.name and not re.fullmatch(r"[\w.-]+", options.name):
        raise InputError(f"--name {options.name}: a served model's name has letters, digits, _, . and - only")
    metadata = network(dtype=options.dtype, name=options.name)
    base = Path(options.out) / metadata.name
    out = base / str(options.version or next_version(base))
    if out.exists():
        raise InputError(f"{out}: exists; choose another --version, or leave it out for the next one")
    images = _samples(options, metadata)
    with replacing(out) as temporary:
        print(f"{options.source} to SavedModel", flush=True)
        write_savedmodel(model, temporary, metadata, options.part_attention)
        report = _compare(model, temporary, *images, "fp32", by_signature)
        _report(temporary / "assets.extra" / "comparison.json", metadata, report)
    batching = Path(options.out) / "batching.config"
    if not batching.exists():
        with replacing(batching) as temporary:
            temporary.write_text(BATCHING)
    print(out)


def _to_litert(options):
    out = _out_file(options.out, ".tflite")
    model, network = _load(options)
    from iaunet_tf.exporting.litert import write_litert

    metadata = network(dtype=options.dtype)
    images = _samples(options, metadata)
    with replacing(out) as temporary:
        print(f"{options.source} to LiteRT, {options.precision}", flush=True)
        write_litert(model, temporary, metadata, int8=options.precision == "int8")
        report = _compare(model, temporary, *images, options.precision)
    _report(out.with_suffix(".json"), metadata, report)
    print(out)


def _out_file(name, suffix):
    out = Path(name)
    if out.suffix != suffix:
        raise InputError(f"{out}: the name of the file ends in {suffix}")
    if out.is_dir():
        raise InputError(f"{out}: is a folder")
    return out


def _load(options):
    """The network, and a function that describes an export of it."""
    with quietly():
        from iaunet_tf.inference.keras_files import describe, load_network

    model = load_network(options.source)
    return model, lambda **changes: describe(model, options.source, unit_length=options.unit_length, **changes)


def _samples(options, metadata):
    from iaunet_tf.exporting.samples import sample_images

    return sample_images(options.samples, options.source, metadata.video)


def _compare(model, path, images, origin, precision, by_signature=None):
    """Embeds images with the network and with its export; `by_signature` goes other ways into the export."""
    from iaunet_tf.exporting.verification import LIMITS, verify
    from iaunet_tf.inference import Embedder

    print(f"comparing with Keras on {len(images)} of {origin}", flush=True)
    limits = LIMITS[precision]
    ours = Embedder(model, BATCH)(images)
    comparison = verify(ours, Embedder(path, BATCH)(images), limits)
    report = {"samples": origin, "limits": asdict(limits), "comparison": comparison}
    for name, embeddings in by_signature(path, images).items() if by_signature else ():
        report[name] = verify(ours, embeddings, limits, f"signature {name}")
    return report


def _report(path, metadata, report):
    write_json(path, {"metadata": asdict(metadata), **report})
    figures = report["comparison"]
    print(
        f"largest difference {figures['max_difference']:.2g}, smallest cosine similarity {figures['min_cosine']:.6f}, "
        f"nearest neighbour the same for {100 * figures['same_nearest']:.0f} %, "
        f"ten nearest for {100 * figures['rank_agreement']:.1f} %"
    )


FORMATS = {
    "onnx": (_onnx_options, _to_onnx, "ONNX"),
    "savedmodel": (_savedmodel_options, _to_savedmodel, "a SavedModel for TensorFlow Serving"),
    "litert": (_litert_options, _to_litert, "a LiteRT file"),
}
