"""What tests run instead of what pages write, and what they leave out, each with its reason."""

import importlib.util
import re
import sys

# A pattern, what takes its place, and why.
REPLACED = (
    (
        r"(?<![\w./])/(data|shared)/",
        r"\1/",
        "public data sets, of which there are small ones in the folder of the test",
    ),
    (r"\b8000\b", "{port}", "a port that is free"),
    (r"camera-server", "127.0.0.1", "another machine"),
    (r"--device cuda", "--device cpu", "a GPU"),
    (r"\$PWD/\.venv/bin/python", sys.executable, "the environment of `make install`"),
    (r"--cameras 4 --people 12 --seconds 60", "--cameras 2 --people 3 --seconds 4", "minutes of drawing"),
    (r'weights="imagenet"', "weights=None", "a download"),
)

# What a command gets besides, as far as it does not give it itself: its beginning, options, and why.
ADDED = (
    (
        r"(iaunet train|python train_keras.py)(?!.*(--resume|--help))",
        {"--train.epochs": "1", "--train.batch_size": "12", "--data.height": "64", "--data.width": "32"},
        "minutes of training",
    ),
    (
        r"(iaunet train|python train_keras.py)(?!.*(--resume|--help|--model.weights))",
        {"--model.weights": "null"},
        "a download",
    ),
    (
        r"iaunet train(?!.*(--resume|--help|--model.backbone|classify))",
        {"--model.width": "0.25"},
        "minutes of training",
    ),
    (
        r"iaunet train(?!.*(--resume|--help|--config))",
        {"--data.name": "market1501", "--data.root": "datasets/Market-1501"},
        "minutes of drawing",
    ),
    (
        r"iaunet train --config configs/demo_video.yaml",
        {"--data.name": "mars", "--data.root": "datasets/MARS"},
        "minutes of drawing",
    ),
    (r"iaunet adapt", {"--rounds": "1", "--train.epochs": "1", "--neighbours": "10"}, "few people, and minutes"),
    (
        r"iaunet data (images|tracklets)",
        {"--train_people": "3", "--test_people": "3", "--distractors": "1"},
        "minutes of drawing",
    ),
    (r"iaunet data world", {"--cameras": "2", "--people": "3", "--seconds": "4"}, "minutes of drawing"),
)

# Commands that are read, and not run: a pattern, and why.
LEFT_OUT = (
    (r"^make (train|test|lint|bench|bench-export|docs)\b|-m (benchmarks|pytest)\b", "takes minutes; it is there"),
    (r"^pip install|^python3? -m (pip|venv)|^source |^git clone", "installs something; extras and files exist"),
    (r"\bdocker\b", "needs Docker"),
    (r"client\.py|localhost:8501", "needs TensorFlow Serving; tests/deploy/test_clients.py tests the clients"),
    (r"^tritonserver", "needs Triton"),
    (r"127\.0\.0\.1:19530", "needs a Milvus server; tests/gallery has one"),
    (r"^srun", "needs Slurm"),
    (r"^TF_CONFIG=", "needs several hosts; tests/distribution has them"),
    (r"iaunet push (?!.*--dry-run)", "needs the Hugging Face hub; tests/cards has a stand-in"),
    (r"rtsp://10\.", "needs cameras; tests/video/test_cameras.py has a server"),
    (r"s3://", "needs object storage; tests/inference/test_ray.py has it"),
)
# Commands that need a package which is not everywhere, and run where it is.
NEEDED = (
    (r"--engine ray", "ray"),
    (r"iaunet weights \S+\.pth", "torch"),
)
# Commands that end with another code than 0, and what they then print.
ENDS = ((r"python deploy/check\.py", 1, r"should be \[3, 64, 32\]", "the files are for the full-size network"),)
# Python that is compiled, and not run: a pattern, and why.
PYTHON_LEFT_OUT = (
    (r"TrackingPipeline\(", "needs BoxMOT and reid; tests/inference/test_encoders.py tests the methods"),
    (r"hf://", "needs the Hugging Face hub; tests/cards has a stand-in"),
)

# Commands of other pages that a page goes on from.
BEFORE = {
    "docs/privacy.md": [
        "iaunet gallery add people.db people.onnx people/ --folders person --time 2026-11-26T13:00:00Z"
    ],
    "docs/search_page.md": ["iaunet gallery add people.db people.onnx crops/ --time 2026-11-26T13:00:00Z"],
}

# Names that Python uses as the reader's own.
NAMES = """
import numpy
generator = numpy.random.default_rng(0)
images = generator.integers(0, 256, (8, 256, 128, 3), "uint8")
query_images = gallery_images = images[:, ::4, ::4]
labels = query_pids = gallery_pids = numpy.arange(8) // 4
query_camids, gallery_camids = numpy.full(8, 1), numpy.full(8, 2)
masks = generator.uniform(size=(8, 32, 16, 4)).astype("float32")
query, gallery = generator.normal(size=(2, 8, 16)).astype("float32")
features = generator.normal(size=(1, 16, 8, 64)).astype("float32")
frame, boxes = images[0], [[10, 20, 60, 180]]
"""


def left_out(command: str) -> str | None:
    """Why a command is not run; None if it is."""
    for pattern, reason in LEFT_OUT:
        if re.search(pattern, command):
            return reason
    for pattern, package in NEEDED:
        if re.search(pattern, command) and importlib.util.find_spec(package) is None:
            return f"needs {package}, which is not installed"
    return None


def replaced(text: str, **values: object) -> str:
    """What is run instead of the text of a page."""
    for pattern, other, _ in REPLACED:
        text = re.sub(pattern, other.format(**values), text)
    return text


def added(command: str) -> list[str]:
    """Options that a command gets besides."""
    words = []
    for pattern, options, _ in ADDED:
        if re.match(pattern, command):
            words += [word for name, value in options.items() if name not in command for word in (name, value)]
    return words


def ending(command: str) -> tuple[int, str]:
    """The code that a command ends with, and a pattern of what it prints."""
    return next(((code, said) for pattern, code, said, _ in ENDS if re.match(pattern, command)), (0, ""))
