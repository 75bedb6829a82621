"""Without the packages of an extra, commands say in one line what to install, and what needs none of them works."""

import json
import subprocess
import sys
from importlib.metadata import metadata

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.extras import EXTRAS, NotInstalled, needed

# A process in which nothing but the core, and ONNX Runtime, can be imported.
SCRIPT = """
import contextlib, io, json, sys

sys.modules.update(dict.fromkeys(sys.argv[1].split()))
from iaunet_tf.commands import main

ends = []
for line in sys.stdin.read().splitlines():
    with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()) as out:
        code = main(line.split())
    ends.append((code, err.getvalue(), out.getvalue()))
print(json.dumps(ends))
"""
MISSING = " ".join({module for extra, modules in EXTRAS.items() if extra != "inference" for module in modules})


def run(lines, folder, missing=MISSING):
    words = [sys.executable, "-c", SCRIPT, missing]
    done = subprocess.run(words, input="\n".join(lines), capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_command_says_what_to_install(tmp_path):
    for name in ("a.onnx", "a.keras", "a.tflite", "a.xml", "a.bin"):
        (tmp_path / name).write_bytes(b"<net></net>")
    Image.fromarray(np.zeros((8, 4, 3), "uint8")).save(tmp_path / "a.png")
    wanted = {
        "train": "iaunet train: requires TensorFlow: pip install 'iaunet-tf[cpu]', or [gpu] on NVIDIA GPUs",
        "evaluate a.onnx": "iaunet evaluate: requires TensorFlow: pip install 'iaunet-tf[cpu]'",
        "adapt a b": "iaunet adapt: requires TensorFlow: pip install 'iaunet-tf[cpu]'",
        "export onnx a.keras --out b.onnx": "iaunet export: requires TensorFlow: pip install 'iaunet-tf[cpu]'",
        "report a": "iaunet report: requires TensorFlow: pip install 'iaunet-tf[cpu]'",
        "weights a.keras b.keras": "requires TensorFlow: pip install 'iaunet-tf[cpu]'",
        "embed a.keras a.png --out b.npz": "a.keras: requires TensorFlow: pip install 'iaunet-tf[cpu]'",
        "embed a.tflite a.png --out b.npz": "a.tflite: requires LiteRT: pip install 'iaunet-tf[litert]'",
        "embed a.xml a.png --out b.npz": "a.xml: requires OpenVINO: pip install 'iaunet-tf[openvino]'",
        "embed a.onnx a.png --out b.parquet": "b.parquet: requires pyarrow: pip install 'iaunet-tf[parquet]'",
        "embed a.onnx a.png --out b --engine ray": "--engine ray: requires Ray: pip install 'iaunet-tf[ray]'",
        "gallery info a.db": "iaunet gallery: requires pymilvus: pip install 'iaunet-tf[gallery]'",
        "serve a.db --model a.onnx": "iaunet serve: requires Starlette: pip install 'iaunet-tf[serve]'",
        "identify a.mp4 --model a.onnx --out b": "iaunet identify: requires PyAV: pip install 'iaunet-tf[video]'",
        "data world b": "requires PyAV: pip install 'iaunet-tf[video]'",
        "data tracklets b": "b: requires TensorFlow: pip install 'iaunet-tf[cpu]'",
    }
    for (line, words), (code, err, _) in zip(wanted.items(), run(wanted, tmp_path), strict=True):
        assert code == 1 and words in err and err.count("\n") == 1 and err.startswith("error: "), (line, err)
    assert {path.name for path in tmp_path.iterdir()} == {"a.onnx", "a.keras", "a.tflite", "a.xml", "a.bin", "a.png"}
    ((code, err, _),) = run(["embed a.onnx a.png --out b.npz"], tmp_path, "onnxruntime")
    assert (code, err) == (
        1,
        "error: a.onnx: requires ONNX Runtime: pip install 'iaunet-tf[inference]', or onnxruntime-gpu on NVIDIA GPUs\n",
    )


def test_the_core_searches(tmp_path):
    rng, folder = np.random.default_rng(0), str(tmp_path)
    vectors = rng.normal(size=(3, 4)).astype("float32")
    vectors[1] = 2 * vectors[0]
    paths = np.array([f"{folder}/{name}" for name in ("q/a.jpg", "g/b.jpg", "g/c.jpg")])
    np.savez(tmp_path / "f.npz", paths=paths, embeddings=vectors)
    ((code, err, out),) = run([f"nearest f.npz --of {folder}/q --k 1"], tmp_path, f"{MISSING} onnxruntime")
    assert (code, err) == (0, "")
    assert out.split() == [f"{folder}/q/a.jpg", "1.0000", f"{folder}/g/b.jpg"]


def test_every_extra_is_one_of_the_package():
    assert set(EXTRAS) <= set(metadata("iaunet-tf").get_all("Provides-Extra")) | {"inference"}


def test_what_is_no_extra_of_ours_stays_an_import_error():
    with pytest.raises(ModuleNotFoundError, match="no_such_package"), needed("this"):
        import no_such_package  # noqa: F401
    with (
        pytest.raises(NotInstalled, match=r"^this: requires SciPy: pip install 'iaunet-tf\[video\]'$"),
        needed("this", "video"),
    ):
        raise ModuleNotFoundError(name="scipy.sparse")
    with (
        pytest.raises(NotInstalled, match=r"^this: requires PyAV, and it does not load \(libx is missing\): pip"),
        needed("this"),
    ):
        raise ImportError("libx is missing", name="av._core")
    with pytest.raises(NotInstalled, match=r"^inner"), needed("outer"), needed("inner"):
        raise ModuleNotFoundError(name="ray")
