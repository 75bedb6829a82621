"""`iaunet export onnx|savedmodel|litert`: load, write beside the final name, compare with Keras, rename, report."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from iaunet_tf.commands.arguments import Parser, choose, output
from iaunet_tf.errors import InputError
from iaunet_tf.extras import needed
from iaunet_tf.files import replacing, write_json
from iaunet_tf.metadata import LARGEST_BATCH
from iaunet_tf.terminal import quietly

# Images or clips embedded at a time while comparing: exports are also run where memory is short.
BATCH = 8
CALIBRATION = 128


def main(arguments: Sequence[str]) -> None:
    """Writes a network in the format that the first argument names, and proves that it gives the same embeddings."""
    kind = choose("export", "format", FORMATS, arguments, "RUN --out FILE")
    if kind is None:
        return
    add_options, write, name = FORMATS[kind]
    description = f"Writes a trained network as {name}, and proves that it gives the same embeddings."
    parser = Parser(f"export {kind}", description)
    parser.add_argument(
        "source",
        metavar="RUN_OR_KERAS_FILE",
        help="the folder of a run, a .keras file, or a name of iaunet weights list",
    )
    samples_help = (
        "images to compare with (default: the run's query set if it is there, else those of --calibrate, else sixteen "
        "drawn pedestrians)"
    )
    parser.add_argument("--samples", metavar="FOLDER", help=samples_help)
    length_help = "give embeddings length 1 (default), or leave them as the network computes them"
    parser.switch("--unit_length", True, length_help)
    add_options(parser)
    write(parser.parse(arguments[1:]))


def export(source: str | Path, out: str | Path, **options: object) -> None:
    """Writes a network as `iaunet export` does: as ONNX to `.onnx`, for LiteRT to `.tflite`, otherwise a SavedModel.

    Args:
        source: the folder of a run, a `.keras` file, or a published network's name.
        out: the file, or the folder of served models.
        options: those of `iaunet export FORMAT --help`, such as `precision="int8"`.

    Raises:
        InputError: what the command would print, also where the export gives other embeddings than the network.

    Example:

    >>> export("runs/own", "people.tflite", precision="int8")
    """
    kind = {".onnx": "onnx", ".tflite": "litert"}.get(Path(out).suffix, "savedmodel")
    words = (f"--{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in options.items())
    main([kind, str(source), f"--out={out}", *words])


def _onnx_options(parser):
    parser.add_argument("--out", required=True, type=output, metavar="FILE", help="the .onnx file to write")
    parser.choice(
        "--layout",
        ("image", "tracker", "nchw"),
        "image: RGB in 0..255, (batch, height, width, 3), normalised inside (default); nchw: the same as "
        "(batch, 3, height, width), for DeepStream and Triton; tracker: (batch, 3, height, width), normalised by the "
        "caller with ImageNet's mean and std, as BoxMOT and other trackers do",
    )
    parser.choice(
        "--dtype", ("float32", "float16", "uint8"), "of the input; uint8 not for layout tracker (default: float32)"
    )
    batch_help = "take exactly N images or clips at a time, for engines that want that (default: any number)"
    parser.count("--batch", 1, LARGEST_BATCH, None, batch_help)
    parser.choice(
        "--precision",
        ("fp32", "fp16", "int8"),
        "fp32 (default); fp16: float16 where the network allows it, for GPUs; int8: 8 bits in convolutions and dense "
        "layers where accuracy allows it, calibrated on --calibrate",
    )
    parser.switch(
        "--long_clips",
        False,
        "of a video network: memory grows with the number of frames, not with its square (at T = 8 the attention "
        "takes 256 MiB a clip), through a Loop, which OpenVINO does not load",
    )
    calibrate_help = "for int8: images like those that it will see; 128 of them are enough"
    parser.add_argument("--calibrate", metavar="FOLDER", help=calibrate_help)


def _savedmodel_options(parser):
    out_help = "folder of served models; DIR/NAME/VERSION/ is written"
    parser.add_argument("--out", required=True, type=output, metavar="DIR", help=out_help)
    parser.add_argument("--name", help="name of the served model (default: the network's, iaunet)")
    parser.count("--version", 1, 2**31 - 1, None, "version of the served model; without it, the one after the newest")
    dtype_help = "of the pixels that serving_default takes; float32 is resized without rounding (default: uint8)"
    parser.choice("--dtype", ("uint8", "float32"), dtype_help)
    parser.switch("--part_attention", False, "output the part attention of both blocks as well")
    parser.set_defaults(precision="fp32")


def _litert_options(parser):
    parser.add_argument("--out", required=True, type=output, metavar="FILE", help="the .tflite file to write")
    parser.choice("--dtype", ("float32", "uint8"), "of the input (default: float32)")
    parser.choice("--precision", ("fp32", "int8"), "fp32 (default); int8: 8-bit weights, dynamic range")


def _to_onnx(options):
    out = _out_file(options.out, ".onnx")
    int8 = options.precision == "int8"
    if int8 and not options.calibrate:
        raise InputError("--precision int8 needs images like those that it will see: add --calibrate FOLDER")
    if options.calibrate and not int8:
        raise InputError("--calibrate has no effect on other precisions: add --precision int8, or leave it out")
    if options.layout == "tracker" and options.dtype == "uint8":
        raise InputError("--layout tracker takes normalised pixels, which are no integers: leave out --dtype uint8")
    model, network = _load(options)
    metadata = network(layout=options.layout, dtype=options.dtype)
    if options.long_clips and not metadata.video:
        raise InputError("--long_clips is for networks for clips, and this one embeds images: leave it out")
    from iaunet_tf.exporting.onnx import fix_batch, write_onnx
    from iaunet_tf.exporting.precision import to_int8
    from iaunet_tf.exporting.samples import sample_images
    from iaunet_tf.inference import Embedder

    if int8:
        calibration, _ = sample_images(options.calibrate, options.source, metadata.video, CALIBRATION)

    def write(file):
        write_onnx(model, file, metadata, half=options.precision == "fp16", loops=options.long_clips)
        if int8:
            print(f"calibrating on {len(calibration)} of {options.calibrate}", flush=True)
            quantised, count = to_int8(file, Embedder(file, runtime="onnxruntime").prepare(calibration))
            print(f"{quantised} of {count} layers have 8 bits", flush=True)
        if options.batch:
            fix_batch(file, options.batch)

    title = f"ONNX, layout {options.layout}, {options.precision}"
    _write_and_compare(options, model, metadata, out, title, write)


def _to_savedmodel(options):
    model, network = _load(options)
    from iaunet_tf.exporting.savedmodel import BATCHING, by_signature, next_version, write_savedmodel

    if options.name is not None and not re.fullmatch(r"[\w.-]*[\w-][\w.-]*", options.name):
        raise InputError(
            f"--name {options.name}: a served model's name has letters, digits, _, . and - only, and not only dots"
        )
    metadata = network(dtype=options.dtype, name=options.name)
    base = options.out / metadata.name
    out = base / str(options.version or next_version(base))
    if out.exists():
        raise InputError(f"{out}: exists; choose another --version, or leave it out for the next one")
    write = partial(write_savedmodel, model, metadata=metadata, part_attention=options.part_attention)
    _write_and_compare(options, model, metadata, out, "SavedModel", write, by_signature)
    batching = options.out / "batching.config"
    if not batching.exists():
        with replacing(batching) as temporary:
            temporary.write_text(BATCHING)


def _to_litert(options):
    out = _out_file(options.out, ".tflite")
    with needed(str(out)):
        import ai_edge_litert.interpreter  # noqa: F401  # which verifies it, at the end
    model, network = _load(options)
    from iaunet_tf.exporting.litert import write_litert

    metadata = network(dtype=options.dtype)
    write = partial(write_litert, model, metadata=metadata, int8=options.precision == "int8")
    _write_and_compare(options, model, metadata, out, f"LiteRT, {options.precision}", write)


def _out_file(out, suffix):
    if out.suffix != suffix or out.is_dir():
        what = "is a folder" if out.is_dir() else f"must end in {suffix}"
        raise InputError(f"--out {out}: {what}; write, for example, --out {out.stem or 'people'}{suffix}")
    beside = out.with_suffix(".json")
    try:
        ours = {"metadata", "comparison"} <= json.loads(beside.read_bytes()).keys()
    except FileNotFoundError:
        ours = True
    except (OSError, ValueError, AttributeError):
        ours = False
    if not ours:
        raise InputError(f"{beside}: is in the way of the comparison, and not one; move it or choose another --out")
    return out


def _load(options):
    """The network, and a function that describes an export of it."""
    with quietly():
        from iaunet_tf.inference.keras_files import describe, load_network, network_file

    from iaunet_tf.exporting.network import in_float32
    from iaunet_tf.inference.measured import digests_of, read_thresholds

    model, file = in_float32(load_network(options.source)), network_file(options.source)
    thresholds = read_thresholds(file, digests_of(file, [file]))

    def network(**changes):
        metadata = describe(model, options.source, unit_length=options.unit_length, **changes)
        return replace(metadata, thresholds=thresholds)

    return model, network


def _write_and_compare(options, model, metadata, out, title, write, by_signature=None):
    """Gives an export its name once it embeds images as the network does.

    `by_signature` embeds them by other ways into the export.
    """
    from iaunet_tf.exporting.samples import sample_images
    from iaunet_tf.exporting.verification import LIMITS, verify
    from iaunet_tf.inference import Embedder
    from iaunet_tf.inference.measured import thresholds_file

    # Activations that were calibrated on photographs clip what drawn images need.
    other = getattr(options, "calibrate", None)
    images, origin = sample_images(options.samples, options.source, metadata.video, other=other)
    limits = LIMITS[options.precision if options.precision != "fp32" or metadata.dtype != "float16" else "fp16"]
    with replacing(out) as temporary:
        print(f"{options.source} to {title}", flush=True)
        write(temporary)
        print(f"comparing with Keras on {len(images)} of {origin}", flush=True)
        ours = Embedder(model, BATCH)(images)
        figures = verify(ours, Embedder(temporary, BATCH, runtime="onnxruntime")(images), limits)
        report = {"metadata": asdict(metadata), "samples": origin, "limits": asdict(limits), "comparison": figures}
        for name, embeddings in by_signature(temporary, images).items() if by_signature else ():
            report[name] = verify(ours, embeddings, limits, f"signature {name}")
        if temporary.is_dir():  # a folder holds the report, a file has it beside itself
            write_json(temporary / "assets.extra" / "comparison.json", report)
    if out.is_file():
        write_json(out.with_suffix(".json"), report)
        thresholds_file(out).unlink(missing_ok=True)  # those of a file that was replaced
    print(
        f"largest difference {figures['max_difference']:.2g}, smallest cosine similarity {figures['min_cosine']:.6f}, "
        f"nearest neighbour the same for {100 * figures['same_nearest']:.0f} %, "
        f"ten nearest for {100 * figures['rank_agreement']:.1f} %"
    )
    print(out)


FORMATS = {
    "onnx": (_onnx_options, _to_onnx, "ONNX"),
    "savedmodel": (_savedmodel_options, _to_savedmodel, "a SavedModel for TensorFlow Serving"),
    "litert": (_litert_options, _to_litert, "a LiteRT file"),
}
