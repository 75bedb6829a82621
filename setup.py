"""Packaging: metadata in pyproject.toml, dependencies here, each with its reason.

The exact versions that `make install` uses, indirect ones included, are pinned in requirements.txt. Lower bounds marked
"holes" are the first versions without known ways for a hostile file to do harm.
"""

from itertools import chain

from setuptools import find_packages, setup

TENSORFLOW = ">=2.21,<2.22"  # tf.data, tf.distribute, the default Keras backend, SavedModel
TRAINING = [
    # The networks; 3.12 is the last for Python 3.10. Holes before: safe mode, HDF5 links and shapes, archives.
    "keras>=3.12.4,<3.13; python_version < '3.11'",
    "keras>=3.14,<3.16; python_version >= '3.11'",
    "scipy>=1.11",  # MATLAB files of the video data sets, sparse matrices for re-ranking
    "h5py>=3.10",  # newer MATLAB files, those of LS-VID and CUHK03; Keras needs it too
    "psutil>=5.9",  # how much memory is available for the cache of decoded images
    "jsonargparse[signatures]>=4.40",  # typed configuration from YAML and command line, with help
    "safetensors>=0.4",  # weights from and to PyTorch without pickles
    "huggingface_hub>=0.30",  # published weights: download and cache; model cards, iaunet push
    "matplotlib>=3.8",  # the CMC curve and other figures
    "Jinja2>=3.1.6",  # the page of a report, model cards; holes before
    "tensorboard>=2.20",  # training curves; TensorFlow no longer brings it
]
# One of the three. onnxruntime and onnxruntime-gpu install the same module, so that cpu and gpu exclude each other.
CPU = {"cpu": [f"tensorflow{TENSORFLOW}", *TRAINING, "onnxruntime>=1.23"]}
GPU = {"gpu": [f"tensorflow[and-cuda]{TENSORFLOW}", *TRAINING, "onnxruntime-gpu>=1.23"]}
INFERENCE = {"inference": ["onnxruntime>=1.23"]}

ADAPT = {"adapt": ["scikit-learn>=1.5"]}  # clusters of people without labels: DBSCAN and HDBSCAN
GALLERY = {
    "gallery": [
        # Milvus' client, and Milvus Lite for galleries in a folder, which older versions cannot read.
        *("pymilvus>=3.0", "milvus-lite>=3.2"),
        "Jinja2>=3.1.6",  # the page of a search; holes before
    ]
}
VIDEO = {
    "video": [
        "av>=17.1",  # frames, and FFmpeg with it; 17.0 keeps memory for every frame
        "trackers>=2.6",  # ByteTrack and SORT, which take time stamps since then; brings OpenCV
        "supervision>=0.26",  # what trackers takes and returns, and many detectors return
        "scipy>=1.11",  # clusters of tracklets
        "matplotlib>=3.8",  # the font of names in films
        *GALLERY["gallery"],  # people who are known
    ]
}
SERVE = {
    "serve": [
        *GALLERY["gallery"],
        "starlette>=1.3.1",  # routing, requests and answers; holes before: addresses by a forged Host, ranges of files
        "uvicorn>=0.35",  # the HTTP server
    ]
}
EXPORT = {
    "onnx": ["tf2onnx>=1.17", "onnx>=1.21"],  # writing ONNX; holes before: external data outside the folder
    "serving": ["tensorflow-serving-api>=2.19"],  # warm-up requests in SavedModels, and the gRPC client
    "litert": ["ai-edge-litert>=2.0"],  # running, and so checking, .tflite files
    "openvino": ["openvino>=2025.0"],  # running .xml files of others, and ONNX in bfloat16; exports are tested in it
    "parquet": ["pyarrow>=15"],  # embeddings as Parquet
}

setup(
    # The configurations stand at the top of the repository, and travel in the package.
    packages=[*find_packages(include=["iaunet_tf*"]), "iaunet_tf.configs"],
    package_dir={"iaunet_tf.configs": "configs"},
    # What running a network in a file needs beside its runtime, and searching what it embeds.
    install_requires=[
        "numpy>=1.26",  # pixels, embeddings, search
        # Reading, resizing and drawing pictures; 12.3 is the last for Python 3.10. Holes before: decoders of images.
        "Pillow>=12.3; python_version < '3.11'",
        "Pillow>=13.0; python_version >= '3.11'",
        "PyYAML>=6.0",  # what is stated of a network of others
        "wrapt>=1.15",  # registers our layers when, and only if, Keras is imported
        "tqdm>=4.66.3",  # progress bars in terminals and notebooks
    ],
    extras_require={
        **CPU,
        **GPU,
        **INFERENCE,
        **EXPORT,
        **ADAPT,
        **GALLERY,
        **SERVE,
        **VIDEO,
        # Very many images: `iaunet embed --engine ray`; tried with 2.60, whose processes ask each other for a token.
        "ray": ["ray[data]>=2.60"],
        "wandb": ["wandb>=0.19"],  # histories of runs at Weights & Biases
        "mlflow": ["mlflow>=3.1"],  # histories of runs in MLflow
        "torch": ["torch>=2.10"],  # reading .pth checkpoints, tests against PyTorch; holes before: weights_only
        # The pages as a site, by `make docs`. MkDocs 1.6 is the last of its line, and Material for it gets fixes alone,
        # until May 2027: both are pinned, build static pages, and run nowhere but where the pages are built.
        "docs": [
            *("mkdocs>=1.6.1,<2", "mkdocs-material>=9.7,<10"),
            "mkdocstrings[python]>=1.0,<2",  # the reference, read from the source by griffe without importing it
            "latex2mathml>=3.81",  # formulas become MathML when the site is built, without JavaScript
            "ruff>=0.15",  # lays out signatures
        ],
        "notebooks": ["nbclient>=0.10", "nbformat>=5.10", "ipykernel>=6.29"],  # running those of docs/ again
        # Slow tests: the program of a Milvus server, Debian's chromium driven by a program, and storage as S3 has it.
        "slow": ["milvus==2.3.5", "playwright", "moto[server]", "boto3"],
        # Tests, whose workers share exports by filelock, and style.
        "dev": [
            *("pytest", "pytest-xdist", "filelock", "ruff"),
            "pyrefly>=1.4",  # the type checker
            "build",  # the wheel and the sdist, which tests unpack
            "jsonschema",  # checks answers against their description
            *chain.from_iterable(extra for each in (CPU, EXPORT, ADAPT, SERVE, VIDEO) for extra in each.values()),
        ],
    },
)
