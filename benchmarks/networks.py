"""All networks of the table: what their exports differ by from Keras, and how fast they are.

`python -m benchmarks.networks FOLDER [--check] [NAME...]` takes about an hour on two cores, and half of it with
`--check`, which leaves out the speed. Names are those of `build_network`; `NAME+iau` has IAU blocks behind its first
places. FOLDER gets `networks.json`. Weights and images are those of `benchmarks.seeded`.
"""

import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from benchmarks.seeded import REAL, images_to_compare, seeded_network
from benchmarks.timing import interleaved
from iaunet_tf import Embedder
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.extraction import embedding_function
from iaunet_tf.exporting.litert import write_litert
from iaunet_tf.exporting.onnx import write_onnx
from iaunet_tf.exporting.precision import to_int8
from iaunet_tf.exporting.savedmodel import write_savedmodel
from iaunet_tf.exporting.verification import compare
from iaunet_tf.inference.keras_files import describe
from iaunet_tf.inference.runtimes import open_network
from iaunet_tf.models.networks import NETWORKS

ALL = (*NETWORKS, "MobileNetV3Small", "EfficientNetV2B0", "osnet_x0_25+iau", REAL)
EXPORTS = ("savedmodel", "image.onnx", "tracker.onnx", "float.tflite", "half.onnx", "int8.onnx", "int8.tflite")
BATCH, ROUNDS = 8, 3


def main(folder: Path, *arguments: str) -> None:
    """Measures network after network and prints the tables."""
    names = [name for name in arguments if name != "--check"] or ALL
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for name in names:
        print(f"measuring {name}", flush=True)
        keras.backend.clear_session()
        rows[name] = _measure(name, speed="--check" not in arguments)
        (folder / "networks.json").write_text(json.dumps(rows, indent=2))
    _print(rows)


def _measure(name, speed):
    """What the tables say about a network."""
    calibration, images = images_to_compare()
    model = seeded_network(name)
    ours = Embedder(model, BATCH)
    expected = ours(images)
    row = {"parameters": model.count_params(), "scale": describe(model, name, layout="tracker").scale}
    with tempfile.TemporaryDirectory() as temporary:
        paths = {export: Path(temporary) / export for export in EXPORTS}
        for export, path in paths.items():
            try:
                layers = _write(model, name, path, calibration)
                comparison = compare(expected, Embedder(path, BATCH, runtime="onnxruntime")(images))
            except InputError as error:
                row[export] = {"error": str(error)}
                continue
            row[export] = {"difference": comparison.max_difference, "cosine": comparison.min_cosine, "layers": layers}
            if path.is_file():
                row[export]["bytes"] = path.stat().st_size
        if speed:
            actions = _actions(model, paths, ours.prepare(images[:BATCH]).astype("float32"))
            row["images/s"] = {what: BATCH / value for what, value in interleaved(actions, ROUNDS).items()}
    return row


def _write(model, name, path, calibration):
    """Writes an export; returns the numbers of layers of 8 bits and of all where there are any."""
    metadata = describe(model, name, layout="tracker" if path.stem == "tracker" else "image")
    if path.suffix == ".onnx":
        write_onnx(model, path, metadata, half=path.stem == "half")
        if path.stem == "int8":
            return to_int8(path, Embedder(path, runtime="onnxruntime").prepare(calibration))
    elif path.suffix == ".tflite":
        write_litert(model, path, metadata, int8=path.stem == "int8")
    else:
        write_savedmodel(model, path, metadata)
    return None


def _actions(model, paths, pixels):
    """What embeds the same batch, by name."""
    embed = embedding_function(model)
    actions = {"Keras": lambda: embed(tf.constant(pixels)).numpy()}
    for what, export in (("ONNX Runtime", "image.onnx"), ("ONNX Runtime int8", "int8.onnx")):
        actions[what] = partial(open_network(paths[export], "cpu").embed, pixels)
    for what, export in (("LiteRT", "float.tflite"), ("LiteRT int8", "int8.tflite")):
        actions[what] = partial(open_network(paths[export]).embed, pixels)
    try:
        import openvino
    except ImportError:
        return actions
    for what, options in (("OpenVINO", {}), ("OpenVINO f32", {"INFERENCE_PRECISION_HINT": "f32"})):
        compiled = openvino.Core().compile_model(str(paths["image.onnx"]), "CPU", options)
        actions[what] = partial(compiled, [pixels])
    return actions


def _print(rows):
    print("\n| network | parameters | " + " | ".join(EXPORTS) + " |")
    print("| --- | ---: |" + " --- |" * len(EXPORTS))
    for name, row in rows.items():
        cells = " | ".join(_cell(export, row[export]) for export in EXPORTS)
        print(f"| {name} | {row['parameters']:,} | {cells} |")
    rows = {name: row["images/s"] for name, row in rows.items() if "images/s" in row}
    if rows:
        whats = list(next(iter(rows.values())))
        print("\n| images/s | " + " | ".join(whats) + " |\n| --- |" + " ---: |" * len(whats))
        for name, speeds in rows.items():
            print(f"| {name} | " + " | ".join(f"{speeds[what]:.1f}" for what in whats) + " |")


def _cell(export, figures):
    if "error" in figures:
        return figures["error"][:60]
    low = export.startswith(("half", "int8"))
    cell = f"{figures['cosine']:.5f}" if low else f"{figures['difference']:.1e}, {figures['cosine']:.6f}"
    return cell + ("" if figures["layers"] is None else " ({} of {} layers)".format(*figures["layers"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
