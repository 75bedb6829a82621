"""Packages that not every installation has, and what to install for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from iaunet_tf.errors import InputError, reason_of

# The extras of setup.py, and by what names their packages are imported. Of several that have one, the first is named.
# The first package of an extra stands for it: where that is missing, it is the one that is named.
EXTRAS = {
    "cpu": {
        "tensorflow": "TensorFlow",
        "keras": "Keras",
        "h5py": "h5py",
        "huggingface_hub": "huggingface_hub",
        "jinja2": "Jinja2",
        "jsonargparse": "jsonargparse",
        "matplotlib": "matplotlib",
        "psutil": "psutil",
        "safetensors": "safetensors",
        "scipy": "SciPy",
        "tensorboard": "TensorBoard",
    },
    "inference": {"onnxruntime": "ONNX Runtime"},
    "onnx": {"tf2onnx": "tf2onnx", "onnx": "onnx"},
    "serving": {"tensorflow_serving": "tensorflow-serving-api"},
    "litert": {"ai_edge_litert": "LiteRT"},
    "openvino": {"openvino": "OpenVINO"},
    "parquet": {"pyarrow": "pyarrow"},
    "adapt": {"sklearn": "scikit-learn"},
    "gallery": {"pymilvus": "pymilvus", "milvus_lite": "Milvus Lite", "jinja2": "Jinja2"},
    "serve": {"starlette": "Starlette", "uvicorn": "Uvicorn", "anyio": "AnyIO"},
    "video": {"av": "PyAV", "trackers": "trackers", "supervision": "supervision", "scipy": "SciPy"},
    "ray": {"ray": "Ray"},
    "wandb": {"wandb": "wandb"},
    "mlflow": {"mlflow": "MLflow"},
}
NOTES = {
    "cpu": ", or [gpu] on NVIDIA GPUs",
    "inference": ", or onnxruntime-gpu on NVIDIA GPUs",
}


class NotInstalled(InputError, ImportError):
    """A package is missing; the message says what to install."""


@contextmanager
def needed(what: str, extra: str = "") -> Iterator[None]:
    """For imports: a package of an extra that is missing is a `NotInstalled`, whose message begins with `what`, and
    names `extra` if the package is one of it."""
    try:
        yield
    except NotInstalled:
        raise
    except ImportError as error:
        module = (error.name or "").partition(".")[0]
        home = next((each for each in (extra, *EXTRAS) if module in EXTRAS.get(each, ())), None)
        if home is None:
            raise
        doubt = "" if isinstance(error, ModuleNotFoundError) else f", and it does not load ({reason_of(error)})"
        first = next(iter(EXTRAS[home]))
        if not doubt and find_spec(first) is None:  # the whole extra is missing
            module = first
        title, note = EXTRAS[home][module], NOTES.get(home, "")
        raise NotInstalled(f"{what}: requires {title}{doubt}: pip install 'iaunet-tf[{home}]'{note}") from None
