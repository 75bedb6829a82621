"""What pages take for granted: a folder with what their readers have, in small."""

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
from docs.pages import ROOT
from exporting.networks import randomised
from inference.others import write_onnx, write_openvino
from PIL import Image
from video.test_detectors import write_ssd

from iaunet_tf.commands import main
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images
from iaunet_tf.data.synthetic.tracklets import TrackletOptions, ensure_tracklets
from iaunet_tf.data.synthetic.world import WorldOptions, draw_world
from iaunet_tf.weights.pretrained import CACHE

PEOPLE = {"train_people": 8, "test_people": 24, "cameras_per_person": 2, "distractors": 6}
RUNS = (
    "OTHER_RUN",
    "runs/demo-20260101-120000",
    "runs/demo-20261126-154320",
    "runs/market1501-20260101-120000",
    "runs/msmt17-20260101-120000",
)


def prepare() -> None:
    """Makes it all in the current folder, which is also the reader's home."""
    _clone()
    _public_data()
    _own_images()
    _networks()
    _videos()


def run(*words: str) -> None:
    """Runs a command of `iaunet`."""
    assert main(words) == 0, words


def _clone():
    """The files of the repository that commands name; what they write into is copied."""
    for name in ("configs", "export", "train_keras.py", "benchmarks"):
        Path(name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "deploy", "deploy")
    Path("bin").mkdir()
    for name, words in (("iaunet", "-m iaunet_tf"), ("python", "")):
        Path("bin", name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        Path("bin", name).chmod(0o755)


def _public_data():
    """Drawn people in the layouts of public data sets, as `data/` and `datasets/`."""
    ensure_images("data/Market-1501", ImageOptions(shots=2, **PEOPLE))
    Path("datasets").symlink_to("data")
    for name in ("DukeMTMC-reID", "cuhk03-np/detected"):
        shutil.copytree("data/Market-1501", Path("data", name), ignore=shutil.ignore_patterns("*.json", "seg_part4"))
    ensure_tracklets("data/MARS", TrackletOptions(frames=4, train_people=6, test_people=4, distractors=2))
    _msmt17(Path("data/MSMT17"))
    for number, path in enumerate(sorted(Path("data/Market-1501/bounding_box_train").glob("*.jpg"))):
        copy = Path("data/flowers", ("daisy", "rose")[number % 2], path.name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    # Label maps of a human parser, for Market-1501 and for MARS.
    for name in ("0001_c1s1_000001_00", "bbox_train/0001/0001C1T0001F001"):
        labels = np.arange(20, dtype="uint8").repeat(8)[:, None].repeat(64, axis=1)
        path = Path("LABELS", f"{name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(labels).save(path)


def _msmt17(root):
    """The images of Market-1501 with MSMT17's lists."""
    for half, subsets in (
        ("train", {"bounding_box_train": "train"}),
        ("test", {"query": "query", "bounding_box_test": "gallery"}),
    ):
        people: dict[str, int] = {}
        for subset, name in subsets.items():
            lines = []
            for path in sorted(Path("data/Market-1501", subset).glob("*.jpg")):
                person, camera = path.name[:4], path.name[6]
                if person == "0000":
                    continue
                label = people.setdefault(person, len(people))
                file = f"{label:04}/{label:04}_{path.stem[-2:]}_{int(camera):02}_0303morning_0008_{subset[0]}.jpg"
                (root / half / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, root / half / file)
                lines.append(f"{file} {label}\n")
            (root / f"list_{name}.txt").write_text("".join(lines))
    (root / "list_val.txt").touch()


def _own_images():
    """`people/`, a folder for each of them, with a table of the same; pictures by themselves, and folders of them."""
    rows = ["path,person,camera,subset"]
    names = ("anna", "ben", "cem", "dora", "eva", "finn", "gina", "person-0031")
    for path in sorted(Path("data/Market-1501/bounding_box_train").glob("*.jpg")):
        person, camera = names[int(path.name[:4]) - 1], path.name[6]
        copy = Path("people", person, f"{path.stem[-2:]}_c{camera}.jpg")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
        subset = "train" if person in names[:5] else "query" if path.stem.endswith("00") else "gallery"
        rows.append(f"{copy},{person},{camera},{subset}")
    Path("people.csv").write_text("\n".join(rows) + "\n")
    query, gallery = (sorted(Path("data/Market-1501", name).glob("*.jpg")) for name in ("query", "bounding_box_test"))
    gallery = [path for path in gallery if not path.name.startswith("0000")]  # distractors
    for folder, pictures in {
        "query": query[:12],
        "gallery": gallery[:12],
        "crops": gallery[:24],
        "images": gallery[:24],
        "new_cameras": query + gallery,
    }.items():
        Path(folder).mkdir()
        for path in pictures:
            shutil.copy(path, folder)
    Path("more").mkdir()
    for name, path in zip(("a", "b", "query", "person", "more/a"), query, strict=False):
        shutil.copy(path, f"{name}.jpg")


def _networks():
    """Runs, an export of one, networks of others, and published weights with random numbers in them."""
    import keras

    from iaunet_tf import build_network
    from iaunet_tf.weights import save_weights

    run(
        *("train", "--config", "configs/market1501.yaml", "--data.root", "data/Market-1501", "--run_dir", "RUN"),
        *(
            "--data.height",
            "64",
            "--data.width",
            "32",
            "--model.width",
            "0.25",
            "--model.depths",
            "[1,1,1,1]",
            "--model.weights",
            "null",
        ),
        *("--train.epochs", "10", "--train.batch_size", "8", "--train.learning_rate", "4e-3", "--name", "demo"),
    )
    for name in RUNS:
        shutil.copytree("RUN", name)
    shutil.copy("RUN/model.keras", "iaunet.keras")
    run("export", "onnx", "RUN", "--out", "people.onnx")
    run(
        "evaluate",
        "people.onnx",
        "--data.name",
        "market1501",
        "--data.root",
        "data/Market-1501",
        "--run_dir",
        "EVALUATION",
    )
    write_onnx("osnet.onnx")
    write_openvino("person-reidentification-retail-0287.xml")
    cache = Path(CACHE).expanduser()
    cache.mkdir(parents=True)
    for name in ("osnet_x0_25", "osnet_x1_0"):
        keras.utils.set_random_seed(0)
        save_weights(randomised(build_network(name, 10)), cache / f"{name}.safetensors")
    shutil.copy(cache / "osnet_x0_25.safetensors", "osnet_x0_25_msmt17.safetensors")
    if importlib.util.find_spec("torch"):
        _checkpoints()


def _checkpoints():
    """Files of PyTorch with the names of the authors' code and of fast-reid."""
    import torch
    from safetensors.torch import load_file

    from iaunet_tf import IAUNet, build_network
    from iaunet_tf.weights import save_weights

    networks = {"best_model.pth.tar": IAUNet(10, width=0.25), "market_bot_R50.pth": build_network("bagtricks_R50", 10)}
    for name, network in networks.items():
        save_weights(randomised(network), "checkpoint.safetensors")
        torch.save(load_file("checkpoint.safetensors"), name)
    Path("checkpoint.safetensors").unlink()


def _videos():
    """Videos of two cameras with their detections, and a detector that finds one person at a fixed place."""
    import openvino

    draw_world("world-of-two", WorldOptions(cameras=2, people=3, seconds=4))
    for number, name in enumerate(("hall", "door"), start=1):
        for suffix, ending in ((".mp4", ".mp4"), (".noisy.txt", ".txt")):
            shutil.copy(f"world-of-two/camera{number}{suffix}", f"{name}{ending}")
    write_ssd("pedestrians.onnx", [[0, 1, 0.4, 0.4, 0.3, 0.5, 0.8]] * 3)
    openvino.save_model(openvino.convert_model("pedestrians.onnx"), "pedestrians.xml", compress_to_fp16=False)


if __name__ == "__main__":
    prepare()
