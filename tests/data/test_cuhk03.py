import json

import h5py
import numpy as np
import pytest

from iaunet_tf.commands.train import main as run_command
from iaunet_tf.data.decoding import load_image
from iaunet_tf.data.readers.cuhk03 import read_cuhk03
from iaunet_tf.errors import InputError

PEOPLE = {1: 6, 2: 4}  # of each pair of cameras


def write(path, boxes=("detected", "labeled"), tests=(((1, 1), (1, 4), (2, 3)), ((1, 2), (2, 1)))):
    """A file as MATLAB writes it: cells are references, axes are the other way round, some cells are empty."""
    rng = np.random.default_rng(0)
    pixels = {}
    with h5py.File(path, "w") as file:
        store = file.create_group("#refs#")

        def reference(array):
            return store.create_dataset(str(len(store)), data=array).ref

        for name in boxes:
            tables = []
            for pair, people in PEOPLE.items():
                table = np.empty((10, people), dtype=h5py.ref_dtype)
                for person in range(people):
                    for number in range(10):
                        if number == 4 and person == 2:
                            table[number, person] = reference(np.zeros(2, "uint64"))
                            continue
                        image = rng.integers(0, 256, (20 + pair, 10, 3), "uint8")
                        pixels[name, pair, person + 1, number + 1] = image
                        table[number, person] = reference(image.T)
                tables.append(reference(table))
            file.create_dataset(name, data=np.array([tables], dtype=h5py.ref_dtype))
        cells = [[reference(np.array(each, float).T) for each in tests]]
        file.create_dataset("testsets", data=np.array(cells, dtype=h5py.ref_dtype))
    return pixels


def test_folds_and_images(tmp_path):
    (tmp_path / "cuhk03_release").mkdir()
    pixels = write(tmp_path / "cuhk03_release" / "cuhk-03.mat")
    dataset = read_cuhk03(tmp_path, "detected")
    assert (dataset.train.num_people, len(dataset.train)) == (7, 7 * 10 - 1)
    assert (dataset.query.num_people, len(dataset.query)) == (3, 3 * 10 - 1)
    assert dataset.query.files.tolist() == dataset.gallery.files.tolist()
    assert not set(dataset.query.pids) & set(dataset.train.pids)
    assert set(dataset.query.camids) == {1, 2}
    names = {dataset.query.path(frame).name for frame in dataset.query.starts}
    assert {"1_001_1_05.png", "1_001_2_06.png", "2_003_2_10.png"} < names and "2_003_1_05.png" not in names
    query = dataset.query
    assert all(query.path(row).name.startswith(f"{dataset.people[pid]}_") for row, pid in enumerate(query.pids))
    shown = load_image(tmp_path / "images_detected" / "1_004_2_09.png")
    np.testing.assert_array_equal(shown, pixels["detected", 1, 4, 9])
    again = read_cuhk03(tmp_path, "detected", fold=1)
    assert {again.query.path(frame).name[:5] for frame in again.query.starts} == {"1_002", "2_001"}
    assert len(read_cuhk03(tmp_path, "labeled").query) == 29


def test_trains_by_the_classic_protocol(tmp_path, capsys):
    write(tmp_path / "cuhk-03.mat")
    run_command(
        [
            "--config=configs/cuhk03_classic.yaml",
            "--model.weights=null",
            f"--data.root={tmp_path}",
            f"--run_dir={tmp_path / 'run'}",
            "--data.fold=1",
            "--data.height=32",
            "--data.width=16",
            "--model.width=0.25",
            "--model.depths=[1,1,1,1]",
            "--train.epochs=0",
            "--train.batch_size=8",
        ]
    )
    assert "20 queries with a match among 20 gallery images" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())["cuhk03_classic"]
    # One of the two people is found first by chance half of the time, and is always among the first two.
    assert 0 < metrics["mAP"] == metrics["mINP"] <= 1 and metrics["rank-5"] == 1


def test_mistakes_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no file cuhk-03.mat or cuhk03_release/cuhk-03.mat"):
        read_cuhk03(tmp_path, "detected")
    (tmp_path / "cuhk-03.mat").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"cuhk-03.mat: not the file of CUHK03"):
        read_cuhk03(tmp_path, "detected")
    write(tmp_path / "cuhk-03.mat", boxes=("labeled",))
    with pytest.raises(InputError, match=r"not the file of CUHK03"):
        read_cuhk03(tmp_path, "detected")
    with pytest.raises(InputError, match="choose 0 to 1"):
        read_cuhk03(tmp_path, "labeled", fold=2)
    assert not (tmp_path / "images_detected").exists()
