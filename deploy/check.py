"""Compares configuration files of DeepStream and Triton with the ONNX file that they are for.

python check.py MODEL.onnx CONFIG...

CONFIG is a config.pbtxt of Triton, a .txt file of Gst-nvinfer or a .yml file of Gst-nvtracker. Every difference is
printed; without any the exit status is 0. Requires onnxruntime, and PyYAML for .yml files.
"""

import argparse
import configparser
import json
import re
from pathlib import Path

import onnxruntime

TYPES = {"tensor(float)": "TYPE_FP32", "tensor(float16)": "TYPE_FP16", "tensor(uint8)": "TYPE_UINT8"}
Pairs = list[tuple[str, object, object]]  # what, in the configuration, as the network wants it


def read_model(path: Path) -> dict:
    """What the ONNX file declares: its metadata, and name, type and shape of input and output, -1 for any length."""
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        about = json.loads(session.get_modelmeta().custom_metadata_map["iaunet_tf"])
        layout, unit_length = about["layout"], about["unit_length"]
        (put,), (gives,) = session.get_inputs(), session.get_outputs()
    except Exception as error:  # ONNX Runtime raises various exceptions of its own
        reason = " ".join(str(error).split())[:160]
        raise SystemExit(f"error: {path}: not a readable ONNX file of iaunet-tf ({reason})") from None
    ends = {
        end: (
            each.name,
            TYPES.get(each.type, each.type),
            [axis if isinstance(axis, int) else -1 for axis in each.shape],
        )
        for end, each in (("input", put), ("output", gives))
    }
    if layout != "nchw":
        raise SystemExit(f"error: {path}: has layout {layout}; export it with --layout nchw")
    return {"file": path.name, "unit_length": unit_length, **ends}


def triton(path: Path, model: dict) -> Pairs:
    """Fields of a `config.pbtxt`."""
    config = parse_pbtxt(path.read_text())
    batched = config.get("max_batch_size", 0) > 0
    pairs: Pairs = [
        ("name", config.get("name", path.parent.name), path.absolute().parent.name),
        ("backend", config.get("backend"), "onnxruntime"),
        ("default_model_filename", config.get("default_model_filename", "model.onnx"), model["file"]),
        ("max_batch_size above 0", batched, model["input"][2][0] == -1),
    ]
    for end in ("input", "output"):
        name, kind, shape = model[end]
        found = as_list(config.get(end))
        pairs.append((f"names of {end}", [each.get("name") for each in found], [name]))
        for each in found:
            pairs.append((f"{end} data_type", each.get("data_type"), kind))
            pairs.append((f"{end} dims", as_list(each.get("dims")), shape[1:] if batched else shape))
    for sample in as_list(config.get("model_warmup")):
        for entry in as_list(sample.get("inputs")):
            name, kind, shape = model["input"]
            given = entry.get("value", {})
            pairs.append(("model_warmup inputs", entry.get("key"), name))
            pairs.append(("model_warmup data_type", given.get("data_type"), kind))
            pairs.append(("model_warmup dims", as_list(given.get("dims")), shape[1:] if batched else shape))
    return pairs


def nvinfer(path: Path, model: dict) -> Pairs:
    """Keys of a configuration of Gst-nvinfer as a secondary engine."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(path.read_text())
    group = dict(parser["property"])
    (_, _, (batch, *dims)), (output, _, _) = model["input"], model["output"]
    precision = {"0": "fp32", "1": "int8", "2": "fp16"}.get(group.get("network-mode", "0"))
    size, gpu = group.get("batch-size", "1"), group.get("gpu-id", "0")
    engine = f"{Path(group.get('onnx-file', '')).name}_b{size}_gpu{gpu}_{precision}.engine"
    return [
        ("onnx-file", Path(group.get("onnx-file", "")).name, model["file"]),
        ("model-engine-file", Path(group.get("model-engine-file", engine)).name, engine),
        ("infer-dims", numbers(group.get("infer-dims", "")), dims),
        ("batch-size", int(size), int(size) if batch == -1 else batch),
        ("network-input-order", group.get("network-input-order", "0"), "0"),
        ("model-color-format", group.get("model-color-format", "0"), "0"),
        ("net-scale-factor", float(group.get("net-scale-factor", 1)), 1.0),
        ("offsets", any(numbers(group.get("offsets", "0"))), False),
        ("maintain-aspect-ratio", group.get("maintain-aspect-ratio", "0"), "0"),
        ("process-mode", group.get("process-mode", "1"), "2"),
        ("network-type", group.get("network-type", "0"), "100"),
        ("output-tensor-meta", group.get("output-tensor-meta", "0"), "1"),
        ("output-blob-names", group.get("output-blob-names"), output),
        ("type of the network's input", "TYPE_FP32", model["input"][1]),
    ]


def nvtracker(path: Path, model: dict) -> Pairs:
    """Keys of the section ReID of a configuration of Gst-nvtracker; the defaults are those of its documentation."""
    import yaml

    # The first line is OpenCV's, which no YAML parser takes.
    config = yaml.safe_load(re.sub(r"\A%YAML:1\.0\s*\n(---)?", "", path.read_text()))
    reid = config["ReID"]
    (_, _, (batch, *dims)), (_, _, (_, features)) = model["input"], model["output"]
    size, precision = reid.get("batchSize", 1), ("fp32", "fp16", "int8")[reid.get("networkMode", 0)]
    engine = f"{Path(reid.get('onnxFile', '')).name}_b{size}_gpu0_{precision}.engine"
    return [
        ("reidType above 0", reid.get("reidType", 0) > 0, True),
        ("onnxFile", Path(reid.get("onnxFile", "")).name, model["file"]),
        ("modelEngineFile", Path(reid.get("modelEngineFile", engine)).name, engine),
        ("inferDims", reid.get("inferDims", [128, 64, 3]), dims),
        ("batchSize", size, size if batch == -1 else batch),
        ("inputOrder", reid.get("inputOrder", 1), 0),
        ("colorFormat", reid.get("colorFormat", 0), 0),
        ("netScaleFactor", reid.get("netScaleFactor", 1.0), 1.0),
        ("offsets", any(reid.get("offsets", [0])), False),
        ("keepAspc", reid.get("keepAspc", 1), 0),
        ("reidFeatureSize", reid.get("reidFeatureSize", 128), features),
        ("addFeatureNormalization", reid.get("addFeatureNormalization", 0), int(not model["unit_length"])),
        ("type of the network's input", "TYPE_FP32", model["input"][1]),
    ]


def parse_pbtxt(text: str) -> dict:
    """Reads protobuf's text format: messages as dictionaries, what is repeated as lists."""
    words = re.findall(r'"[^"]*"|[\w.+-]+|[{}\[\]:,]', re.sub(r"#.*", "", text))

    def value(words):
        word = words.pop(0)
        if word == "{":
            return message(words)
        if word == "[":
            items = []
            while words[0] != "]":
                items.append(value(words))
                if words[0] == ",":
                    words.pop(0)
            words.pop(0)
            return items
        if re.fullmatch(r"[+-]?\d+", word):
            return int(word)
        return word[1:-1] if word.startswith('"') else {"true": True, "false": False}.get(word, word)

    def message(words):
        fields: dict = {}
        while words and words[0] != "}":
            name = words.pop(0)
            if words[0] == ":":
                words.pop(0)
            found = value(words)
            fields[name] = [*as_list(fields[name]), *as_list(found)] if name in fields else found
        if words:
            words.pop(0)
        return fields

    return message(words)


def as_list(value: object) -> list:
    """A repeated field, of which one may stand alone."""
    return [] if value is None else value if isinstance(value, list) else [value]


def numbers(text: str) -> list[float]:
    """The numbers of `3;256;128`."""
    return [float(each) for each in text.split(";") if each.strip()]


def differences(path: Path, model: dict) -> list[str]:
    """What a configuration says otherwise than the network, a line each."""
    check = {".pbtxt": triton, ".txt": nvinfer, ".yml": nvtracker}.get(path.suffix)
    if check is None:
        raise SystemExit(f"error: {path}: is neither config.pbtxt nor a .txt or .yml file of DeepStream")
    try:
        pairs = check(path, model)
    except OSError as error:
        raise SystemExit(f"error: {path}: {error.strerror}") from None
    except Exception as error:  # of three parsers
        raise SystemExit(f"error: {path}: damaged ({' '.join(str(error).split())[:160]})") from None
    return [f"{path}: {what}: is {found}, should be {wanted}" for what, found, wanted in pairs if found != wanted]


def main() -> None:
    """Compares configurations with a network, and prints what differs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("config", nargs="+", type=Path)
    options = parser.parse_args()
    model = read_model(options.model)
    lines = [line for path in options.config for line in differences(path, model)]
    print("\n".join(lines) if lines else f"{len(options.config)} configurations fit {options.model}")
    raise SystemExit(1 if lines else 0)


if __name__ == "__main__":
    main()
