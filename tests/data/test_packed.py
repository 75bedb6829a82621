"""Data sets in shards, against the files that they were packed from."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from iaunet_tf.commands import data as command
from iaunet_tf.data.dataset import PARTS, join
from iaunet_tf.data.packed import PackedPath
from iaunet_tf.data.packing import pack, plan
from iaunet_tf.data.readers.market1501 import read_market1501
from iaunet_tf.data.readers.packed import COLUMNS, read_packed
from iaunet_tf.data.sources import Source, open_source
from iaunet_tf.errors import InputError
from iaunet_tf.tasks.task import describe_data

SIZE, MASKS = (16, 8), [(4, 2)]
FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}


@pytest.fixture
def root(tmp_path):
    """Four people to train on, whose images are not in the order of people, some with part masks, and two to find."""
    rng = np.random.default_rng(0)
    root = tmp_path / "set"
    rows = [("train", 1 + shot % 4, 1 + shot // 4, shot) for shot in range(20)]
    rows += [(name, person, camera, 0) for person in (7, 8) for name, camera in (("query", 1), ("gallery", 2))]
    for name, person, camera, shot in rows:
        path = root / FOLDERS[name] / f"{person:04}_c{camera}s1_{shot:06}_00.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16 + shot, 8 + shot // 2, 3), "uint8")).save(path)
        if name == "train" and shot % 3:
            masks = root / "seg_part4" / "Market1501_train_seg_part4" / path.stem
            masks.mkdir(parents=True)
            for part in PARTS:
                mask = rng.integers(0, 256, (16 + shot, 8 + shot // 2), "uint8")
                Image.fromarray(mask).save(masks / f"{part}.png")
    return root


@pytest.fixture
def packed(root, tmp_path):
    target = str(tmp_path / "a.tfrecord" / "packed")
    pack(read_market1501(root), str(root), target, images=6)
    return target


def subsets(dataset):
    return [getattr(dataset, name) for name in FOLDERS]


def test_everything_is_as_in_the_files(root, packed):
    before, after = read_market1501(root), read_packed(packed)
    assert after.name == "market1501"
    for one, other in zip(subsets(before), subsets(after), strict=True):
        assert one.summary() == other.summary()
        np.testing.assert_array_equal(one.pids, other.pids)
        np.testing.assert_array_equal(one.camids, other.camids)
        for row in range(len(one)):
            assert one.path(row).read_bytes() == other.path(row).read_bytes()
            assert str(other.path(row)).endswith(f".tfrecord/{one.path(row).relative_to(root)}")
        pixels = [open_source(each, SIZE, mask_sizes=MASKS).read(np.arange(len(each))) for each in (one, other)]
        for ours, theirs in zip(*pixels, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    plain = [(path.name, path.stat().st_size) for path in map(before.train.path, range(20))]
    files = (plain, before.train.names_and_sizes(), after.train.names_and_sizes())
    lines = {describe_data(each, before.train.labels, np.zeros(20), "images") for each in files}
    assert len(lines) == 1  # a run may go on from shards
    assert after.train.masks is not None and after.query.masks is None


def test_records_are_tensorflows(root, packed):
    """Whoever has TensorFlow reads shards without this package, and `sha256sum` checks them."""
    summary = json.loads((Path(packed) / "index.json").read_text())
    shards = summary["subsets"]["train"]["shards"]
    assert [shard["images"] for shard in shards] == [10, 10]  # two people of five each
    kinds = {"identity": tf.int64, "cameras": tf.int64, "names": tf.string, "images": tf.string, "masks": tf.string}
    people = []
    for shard in shards:
        file = f"{packed}/{shard['file']}"
        assert hashlib.sha256(Path(file).read_bytes()).hexdigest() == shard["sha256"]
        for record in tf.data.TFRecordDataset(file):
            found = tf.io.parse_single_example(record, {key: tf.io.VarLenFeature(kind) for key, kind in kinds.items()})
            found = {key: tf.sparse.to_dense(value).numpy().tolist() for key, value in found.items()}
            people += found["identity"]
            for row, name in enumerate(found["names"]):
                path = root / name.decode()
                assert path.name.startswith(f"{found['identity'][0]:04}_c{found['cameras'][row]}s1")
                assert path.read_bytes() == found["images"][row]
                masks = root / "seg_part4" / "Market1501_train_seg_part4" / path.stem
                for number, part in enumerate(PARTS):
                    content = (masks / f"{part}.png").read_bytes() if masks.is_dir() else b""
                    assert found["masks"][4 * row + number] == content
    assert people == [1, 2, 3, 4]
    assert sorted(os.listdir(packed)) == sorted(
        ["index.json", "index.npz", *(s["file"] for each in summary["subsets"].values() for s in each["shards"])]
    )


def test_shards_hold_whole_people(root):
    train = read_market1501(root).train
    for images, expected in ((1, [5, 5, 5, 5]), (5, [5, 5, 5, 5]), (6, [10, 10]), (11, [15, 5]), (99, [20])):
        shards = plan(train, images)
        assert [len(shard.entries) for shard in shards] == expected
        assert sorted(np.concatenate([shard.entries for shard in shards])) == list(range(20))
        people = [set(train.pids[shard.entries]) for shard in shards]
        assert sum(map(len, people)) == 4


def test_packing_goes_on_where_it_was_interrupted(root, tmp_path):
    dataset, target = read_market1501(root), tmp_path / "packed"
    path = dataset.train.path(int(plan(dataset.train, 6)[1].entries[3]))
    content = path.read_bytes()
    stat = path.stat()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\0"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # one shard fails, of the same packing
    with pytest.raises(InputError, match=rf"{path.name}: not a readable image .*; --on_corrupt skip leaves such"):
        pack(dataset, str(root), str(target), images=6)
    with pytest.raises(InputError, match=r"index.npz: no such file; make it, or finish an interrupted packing, by"):
        read_packed(target)
    first = target / "train-00000-of-00002.tfrecord"
    before = first.stat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    pack(dataset, str(root), str(target), images=6)
    assert first.stat().st_mtime_ns == before
    assert len(read_packed(target).train) == 20
    whole = {path.name: path.stat().st_mtime_ns for path in target.iterdir()}
    pack(dataset, str(root), str(target), images=6)  # nothing is left to do
    assert whole == {path.name: path.stat().st_mtime_ns for path in target.iterdir()}


def test_unreadable_images_are_left_out_on_request(root, tmp_path):
    dataset = read_market1501(root)
    for row in (3, 4):
        dataset.train.path(row).write_text("no picture")
    said = []
    pack(dataset, str(root), str(tmp_path / "packed"), on_corrupt="skip", say=said.append)
    assert said == [
        f"train: 2 of 20 images are left out, the first: {dataset.train.path(3)}: " + said[0].split(": ")[-1]
    ]
    after = read_packed(tmp_path / "packed").train
    assert [after.path(row).name for row in range(18)] == [
        dataset.train.path(row).name for row in range(20) if row not in (3, 4)
    ]
    for row in range(20):
        dataset.train.path(row).write_text("no picture")
    with pytest.raises(InputError, match="none of its 20 images is readable"):
        pack(dataset, str(root), str(tmp_path / "other"), on_corrupt="skip", say=said.append)


def test_addresses_of_tensorflows_file_systems(root):
    target = "ram://bucket/set"
    dataset = read_market1501(root)
    pack(dataset, str(root), target, images=6)
    pack(dataset, str(root), target, images=6)
    after = read_packed(target)
    assert isinstance(after.train.path(0), PackedPath)
    for one, other in zip(subsets(dataset), subsets(after), strict=True):
        pixels = [open_source(each, SIZE, mask_sizes=MASKS).read(np.arange(len(each))) for each in (one, other)]
        for ours, theirs in zip(*pixels, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(InputError, match=r"^ram://other/index.npz: no such file"):
        read_packed("ram://other")
    tf.io.gfile.remove(f"{target}/train-00001-of-00002.tfrecord")
    with pytest.raises(InputError, match=r"^ram://bucket/set/train-00001-of-00002.tfrecord: No such file"):
        read_packed(target)


def shard(packed):
    return f"{packed}/train-00000-of-00002.tfrecord"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda packed: os.truncate(shard(packed), 100), r"tfrecord: has 100 bytes, \d+ were packed; pack the data"),
        (lambda packed: os.remove(shard(packed)), r"tfrecord: No such file or directory; pack the data set again"),
        (lambda packed: os.truncate(f"{packed}/index.npz", 1000), "index.npz: damaged .*; pack the data set again"),
        (lambda packed: os.remove(f"{packed}/index.npz"), "index.npz: no such file"),
        (lambda packed: np.savez(f"{packed}/index.npz", name="x"), "index.npz: damaged"),
        (lambda packed: np.savez(f"{packed}/index.npz", name=np.array([{}])), "index.npz: damaged"),
        (lambda packed: shutil.copy(shard(packed), f"{packed}/index.npz"), "index.npz: damaged"),
    ],
)
def test_damage_is_told_and_mended_by_packing_again(root, packed, damage, message):
    damage(packed)
    with pytest.raises(InputError, match=message):
        read_packed(packed)
    pack(read_market1501(root), str(root), packed, images=6)
    assert len(read_packed(packed).train) == 20


@pytest.mark.parametrize(
    "change",
    [
        {"train_shards": lambda values: np.array(["../../a.tfrecord", "/b.tfrecord"])},
        {"train_shard": lambda values: values + 9},
        {"train_shard": lambda values: values - 1},
        {"train_names": lambda values: values.astype(str)},
        {"train_pids": lambda values: values + 0.5},
        {"train_pids": lambda values: values[:-1]},
        {"train_camids": lambda values: values[:, None]},
        {"query_masked": lambda values: ~values},
        {"train_packed": lambda values: values["offset"]},
        {f"query_{column}": lambda values: values[:0] for column in COLUMNS[2:]},
        {"name": lambda values: np.array("../x")},
    ],
)
def test_an_index_that_packing_did_not_write(packed, change):
    with np.load(f"{packed}/index.npz") as file:
        arrays = dict(file)
    read_packed(packed)
    np.savez(f"{packed}/index.npz", **{**arrays, **{name: make(arrays[name]) for name, make in change.items()}})
    with pytest.raises(InputError, match=r"index.npz: damaged \(.*\); pack the data set again"):
        read_packed(packed)


@pytest.mark.parametrize(
    ("field", "value"), [("offset", -5), ("offset", 2**60), ("length", 2**31 - 1), ("checksum", 1)]
)
def test_places_that_are_none(packed, field, value):
    train = read_packed(packed).train
    train.packed[field] = value
    with pytest.raises(InputError, match=r"png: .*; pack the data set again"):
        open_source(train, SIZE).read(np.arange(3))


def test_damage_inside_of_a_shard(root, packed):
    path = read_packed(packed).train.path(0)
    with open(path.shard, "r+b") as file:
        file.seek(path.offset + path.length // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    after = read_packed(packed)
    with pytest.raises(InputError, match=rf"{path}: is not as it was packed: the shard is damaged; pack the data set"):
        Source(after.train, SIZE).decode(0)
    with pytest.raises(InputError, match=r"pack the data set again$"):
        open_source(after.train, SIZE, "memory").read(np.arange(20))
    pack(read_market1501(root), str(root), packed, images=6)
    Source(read_packed(packed).train, SIZE).decode(0)


def test_what_cannot_be_packed(root, packed, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.docx").touch()
    with pytest.raises(InputError, match="other: holds other files; choose another folder"):
        pack(read_market1501(root), str(root), str(other))
    with pytest.raises(InputError, match=r"packed: holds another data set, other sizes of shards, or"):
        pack(read_market1501(root), str(root), packed, images=11)
    read_market1501(root).train.path(0).write_bytes(read_market1501(root).train.path(1).read_bytes())
    with pytest.raises(InputError, match=r"or images that have changed since; choose another folder"):
        pack(read_market1501(root), str(root), packed, images=6)
    assert len(read_packed(packed).train) == 20


def test_packed_and_other_images_train_together(root, packed):
    plain, shards = read_market1501(root).train, read_packed(packed).train
    for first, second in ((plain, shards), (shards, plain), (shards, shards)):
        both = join([first, second])
        pixels, masks, masked = Source(both, SIZE, mask_sizes=MASKS).read(np.arange(40))
        np.testing.assert_array_equal(pixels[:20], pixels[20:])
        np.testing.assert_array_equal(masks[:20], masks[20:])
        assert masked.sum() == 26
        assert both.in_shards == (first is second)


def test_images_may_be_checked_while_training(root):
    train = read_market1501(root).train
    path = train.path(5)
    path.write_text("no picture")
    source = open_source(train, SIZE, "memory", check=False)
    assert not source.found.any()  # nothing was read
    with pytest.raises(
        InputError, match=rf"{path}: not a .*; --data.on_corrupt skip takes a neighbouring image of the"
    ):
        source.read(np.arange(20))
    source = open_source(train, SIZE, on_corrupt="skip", check=False)
    pixels = source.read(np.arange(20))[0]
    same = [row for row in range(20) if row != 5 and train.pids[row] == train.pids[5]]
    assert any((pixels[row] == pixels[5]).all() for row in same)
    for row in same:
        train.path(row).write_text("no picture")
    with pytest.raises(InputError, match=rf"{path}: unreadable, as is every other image of the person"):
        source.read(np.arange(5, 6))


def test_the_command(root, tmp_path, capsys):
    target = tmp_path / "new" / "packed"
    command.main(["pack", f"market1501={root}", str(target), "--images", "6"])
    assert f"24 images in 4 shards, 0.0 MiB: {target}" in capsys.readouterr().out
    for words, message in (
        ([str(root), str(target)], "must be NAME=ROOT, NAME one of synthetic, market1501"),
        ([f"nothing={root}", str(target)], "must be NAME=ROOT"),
        ([f"mars={root}", str(target)], "consists of tracklets; only images can be packed"),
        ([f"market1501={root}/none", str(target)], "name another root"),
        ([f"market1501={root}", str(root)], "holds other files; choose another folder"),
        ([f"market1501={root}"], "missing: target"),
        ([f"market1501={root}", "nosuch://bucket/set"], "nosuch"),
    ):
        with pytest.raises((InputError, OSError), match=message) as caught:
            command.main(["pack", *words])
        assert "\n" not in str(caught.value)
