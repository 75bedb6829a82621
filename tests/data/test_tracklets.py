"""Readers of tracklets, each on a small tree of its published layout."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from iaunet_tf.data.dataset import Subset
from iaunet_tf.data.readers.dukemtmc_videoreid import read_dukemtmc_videoreid
from iaunet_tf.data.readers.ls_vid import read_ls_vid
from iaunet_tf.data.readers.mars import read_mars
from iaunet_tf.data.readers.table import size_warnings
from iaunet_tf.data.readers.two_cameras import read_ilids_vid, read_prid2011
from iaunet_tf.data.synthetic.tracklets import TrackletOptions, ensure_tracklets
from iaunet_tf.errors import InputError


def draw(path, colour=(9, 9, 9)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 16), colour).save(path)


def names(tracklets, row):
    return [path.name for path in tracklets.paths(row)]


# --- MARS ----------------------------------------------------------------------------------------------


@pytest.fixture
def mars(tmp_path):
    """Two people to train on, two to test, a distractor and junk; each tracklet has three frames."""
    root = tmp_path / "MARS"
    (root / "info").mkdir(parents=True)
    halves = {
        "train": [("0001", 1, 1), ("0001", 2, 1), ("0003", 1, 1), ("0003", 5, 1)],
        "test": [("00-1", 1, 1), ("0000", 3, 1), ("0002", 1, 1), ("0002", 6, 1), ("0004", 2, 1), ("0004", 2, 2),
                 ("0004", 4, 1)],
    }  # fmt: skip
    for half, tracks in halves.items():
        lines, rows = [], []
        for pid, camera, number in tracks:
            first = len(lines) + 1
            for frame in range(1, 4):
                lines.append(f"{pid}C{camera}T{number:04d}F{frame:03d}.jpg")
                draw(root / f"bbox_{half}" / pid / lines[-1])
            rows.append([first, len(lines), -1 if pid == "00-1" else int(pid), camera])
        (root / "info" / f"{half}_name.txt").write_text("\n".join(lines) + "\n")
        savemat(root / "info" / f"tracks_{half}_info.mat", {f"track_{half}_info": np.array(rows)})
    savemat(root / "info" / "query_IDX.mat", {"query_IDX": np.array([[3, 5]])})
    return root


def test_mars(mars):
    data = read_mars(mars)
    assert data.train.pids.tolist() == [1, 1, 3, 3] and data.train.camids.tolist() == [1, 2, 1, 5]
    assert names(data.train, 3) == [f"0003C5T0001F00{k}.jpg" for k in (1, 2, 3)]
    assert all(path.is_file() for row in range(7 - 1) for path in data.gallery.paths(row))
    assert data.query.pids.tolist() == [2, 4] and [data.query.path(start).name[:11] for start in data.query.starts] == [
        "0002C1T0001",
        "0004C2T0001",
    ]
    # The gallery has the queries and the distractor, and no junk.
    assert data.gallery.pids.tolist() == [0, 2, 2, 4, 4, 4]
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert "4 tracklets      2 identities" in data.summary()


def test_mars_index_is_kept_and_made_anew_when_info_changes(mars, tmp_path):
    cache = tmp_path / "cache"
    first = read_mars(mars, cache)
    shutil.rmtree(mars / "bbox_test" / "0004")  # not looked at again
    again = read_mars(mars, cache)
    np.testing.assert_array_equal(first.gallery.files, again.gallery.files)
    assert again.query.starts.tolist() == first.query.starts.tolist()
    (mars / "info" / "test_name.txt").write_text((mars / "info" / "test_name.txt").read_text() + "\n")
    with pytest.raises(InputError, match="9 of the 18 frames"):
        read_mars(mars, cache)


@pytest.mark.parametrize(
    "damage",
    [
        lambda index, path: path.write_bytes(path.read_bytes()[:-40]),
        lambda index, path: path.write_bytes(path.read_bytes()[:100] + b"\1\2\3" + path.read_bytes()[103:]),
        lambda index, path: path.write_bytes(b""),
        lambda index, path: path.write_bytes(b"garbage"),
        lambda index, path: np.savez(path, **{**index, "query": index["query"] + 99}),
        lambda index, path: np.savez(path, **{**index, "query": index["query"].astype(float)}),
        lambda index, path: np.savez(path, **{**index, "test_tracks": index["test_tracks"][:, :3]}),
        lambda index, path: np.savez(path, **{**index, "test_frames": index["test_frames"][:3]}),
        lambda index, path: np.savez(path, **{**index, "train_frames": index["train_frames"].astype(str)}),
        lambda index, path: np.savez(path, query=index["query"]),
        lambda index, path: np.savez(path, **{**index, "query": np.array([{}])}),
    ],
)
def test_damaged_mars_index_is_made_anew(mars, tmp_path, damage, capsys):
    cache = tmp_path / "cache"
    whole = read_mars(mars, cache)
    (path,) = cache.iterdir()
    with np.load(path) as arrays:
        damage(dict(arrays), path)
    again = read_mars(mars, cache)
    for name in ("train", "query", "gallery"):
        ours, theirs = getattr(whole, name), getattr(again, name)
        assert [ours.paths(k) for k in range(len(ours))] == [theirs.paths(k) for k in range(len(theirs))]
        np.testing.assert_array_equal(ours.pids, theirs.pids)
    assert f"{path}: damaged, made anew" in capsys.readouterr().out
    read_mars(mars, cache)
    assert not capsys.readouterr().out and list(cache.iterdir()) == [path]


def test_mars_index_that_cannot_be_kept_is_no_error(mars, tmp_path, capsys):
    (tmp_path / "cache").touch()
    assert len(read_mars(mars, tmp_path / "cache").train)
    assert "the index is not kept (--data.cache_dir)" in capsys.readouterr().out


def test_mars_mistakes(mars):
    info = mars / "info"
    (mars / "bbox_train" / "0003" / "0003C5T0001F002.jpg").unlink()
    with pytest.raises(
        InputError, match=r"1 of the 12 frames of .*train_name.txt do not exist: bbox_train/0003/0003C5"
    ):
        read_mars(mars)
    for row, message in (
        ([1, 4, 1, 1], r"track 1 belongs to identity 1 in camera 1, but its frame 0001C2T0001F001.jpg does not"),
        ([4, 3, 1, 1], r"track 1 is empty \(4 to 3\)"),
        ([1, 99, 1, 1], r"track 1 has frames 1 to 99, but there are only 12"),
    ):
        savemat(info / "tracks_train_info.mat", {"track_train_info": np.array([row])})
        with pytest.raises(InputError, match=message):
            read_mars(mars)
    savemat(info / "tracks_train_info.mat", {"other": np.array([row])})
    with pytest.raises(InputError, match="contains no matrix track_train_info"):
        read_mars(mars)
    (info / "tracks_train_info.mat").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable MATLAB file"):
        read_mars(mars)
    (info / "tracks_train_info.mat").unlink()
    (info / "query_IDX.mat").unlink()
    with pytest.raises(
        InputError, match=r"no file info/tracks_train_info.mat, info/query_IDX.mat; the layout of MARS is"
    ):
        read_mars(mars)


def test_mars_query_numbers(mars):
    savemat(mars / "info" / "query_IDX.mat", {"query_IDX": np.array([[1, 5]])})
    assert read_mars(mars).query.pids.tolist() == [4]  # the first one is junk
    savemat(mars / "info" / "query_IDX.mat", {"query_IDX": np.array([[5, 5]])})
    with pytest.raises(InputError, match=r"query_IDX.mat: names a track twice"):
        read_mars(mars)
    savemat(mars / "info" / "query_IDX.mat", {"query_IDX": np.array([[8]])})
    with pytest.raises(InputError, match=r"query_IDX.mat: track numbers must be between 1 and 7"):
        read_mars(mars)


def test_street(street):
    data = read_mars(street / "mars")
    assert (len(data.train), len(data.query), len(data.gallery)) == (30, 15, 30)
    assert data.train.num_people == data.query.num_people == 15


# --- DukeMTMC-VideoReID --------------------------------------------------------------------------------


def test_dukemtmc_videoreid(tmp_path):
    for split, pid, track, camera in (
        ("train", "0001", "0000", 5), ("train", "0001", "0001", 2), ("query", "0002", "0000", 1),
        ("gallery", "0002", "0001", 7), ("gallery", "0003", "0002", 8),
    ):  # fmt: skip
        for frame in (1, 2, 10):
            draw(tmp_path / split / pid / track / f"{pid}_C{camera}_F{frame}_X{20 - frame}.jpg")
    data = read_dukemtmc_videoreid(tmp_path)
    assert data.train.camids.tolist() == [5, 2] and data.gallery.pids.tolist() == [2, 3]
    assert names(data.query, 0) == ["0002_C1_F1_X19.jpg", "0002_C1_F2_X18.jpg", "0002_C1_F10_X10.jpg"]
    draw(tmp_path / "train" / "0001" / "0001" / "0001_C3_F0004_X9.jpg")
    with pytest.raises(InputError, match=r"0001: mixes identities \[1\] or cameras \[2, 3\]"):
        read_dukemtmc_videoreid(tmp_path)
    shutil.rmtree(tmp_path / "train" / "0001" / "0001")
    (tmp_path / "train" / "0001" / "0001").mkdir()
    with pytest.raises(InputError, match="tracklet train/0001/0001 has no frames"):
        read_dukemtmc_videoreid(tmp_path)
    shutil.rmtree(tmp_path / "query")
    with pytest.raises(InputError, match="no folder query; the layout of DukeMTMC-VideoReID is"):
        read_dukemtmc_videoreid(tmp_path)


# --- iLIDS-VID and PRID2011 ----------------------------------------------------------------------------


def test_ilids_vid(tmp_path):
    for camera in (1, 2):
        for person in (2, 5, 7, 9):
            for frame in (1, 2):
                folder = tmp_path / "i-LIDS-VID" / "sequences" / f"cam{camera}" / f"person{person:03d}"
                draw(folder / f"cam{camera}_person{person:03d}_{frame:05d}.png")
    with pytest.raises(InputError, match=r"train_test_splits_ilidsvid.mat: no such file"):
        read_ilids_vid(tmp_path)
    (tmp_path / "train-test people splits").mkdir()
    splits = tmp_path / "train-test people splits" / "train_test_splits_ilidsvid.mat"
    savemat(splits, {"ls_set": np.array([[1, 2, 3, 4], [4, 1, 2, 3]])})
    data = read_ilids_vid(tmp_path, 1)  # tests on the fourth and the first
    assert [path.parent.name for path in data.query.paths(0)] == ["person002"] * 2
    assert [path.parts[-3] for path in (data.query.path(0), data.gallery.path(0))] == ["cam1", "cam2"]
    assert data.query.pids.tolist() == data.gallery.pids.tolist() == [1, 4]
    assert data.people == {1: "person002", 2: "person005", 3: "person007", 4: "person009"}
    assert data.train.pids.tolist() == [2, 2, 3, 3] and data.train.camids.tolist() == [1, 2, 1, 2]
    with pytest.raises(InputError, match=r"data.fold 2 does not exist: choose 0 to 1"):
        read_ilids_vid(tmp_path, 2)
    savemat(splits, {"ls_set": np.array([[1, 2]])})
    with pytest.raises(InputError, match=r"lists 2 identities, but .* contains 4"):
        read_ilids_vid(tmp_path)


def test_prid2011(tmp_path):
    shots = tmp_path / "prid_2011" / "multi_shot"
    for camera in "ab":
        for person in (1, 2, 3, 5, 8):
            for frame in range(1, 28 if (camera, person) != ("b", 3) else 27):
                draw(shots / f"cam_{camera}" / f"person_{person:04d}" / f"{frame:04d}.png")
    draw(shots / "cam_a" / "person_0300" / "0001.png")
    data = read_prid2011(tmp_path, 4)
    people = {path.parent.name for row in range(2) for path in data.gallery.paths(row)}
    # The third is too short in camera b, nobody else is where only camera a has a person.
    assert len(people) == 2 and people < {"person_0001", "person_0002", "person_0005", "person_0008"}
    assert len(data.train) == 4 and not set(data.train.pids) & set(data.query.pids)
    assert [data.people[pid] for pid in data.query.pids] == [
        data.query.path(row).parent.name for row in data.query.starts
    ]
    chosen = [tuple(read_prid2011(tmp_path, fold).query.pids) for fold in range(10)]
    assert len(set(chosen)) > 2 and chosen[4] == tuple(data.query.pids)
    with pytest.raises(InputError, match=r"data.fold 10 does not exist: choose 0 to 9"):
        read_prid2011(tmp_path, 10)
    content = [{"train": ["person_0008", "person_0001"], "test": ["person_0002", "person_0005"]}]
    (tmp_path / "splits_prid2011.json").write_text(json.dumps(content))
    assert read_prid2011(tmp_path).query.path(0).parent.name == "person_0002"
    (tmp_path / "splits_prid2011.json").write_text(json.dumps([{"train": ["person_0003"], "test": []}]))
    with pytest.raises(InputError, match="not a list of train and test identities"):
        read_prid2011(tmp_path)
    with pytest.raises(InputError, match="no folder multi_shot"):
        read_prid2011(tmp_path / "gone")


# --- LS-VID --------------------------------------------------------------------------------------------


def test_ls_vid(tmp_path):
    h5py = pytest.importorskip("h5py")
    lists = {
        "train": ["0001_0001_01 1", "0001_0002_03 1"],
        "test": ["0005_0001_02 5", "0005_0002_15 5", "0006_0003_01 6"],
    }
    (tmp_path / "list_sequence").mkdir()
    for half, lines in lists.items():
        for line in lines:
            prefix, pid = line.split()
            for frame in (1, 2, 3):
                draw(tmp_path / f"tracklet_{half}" / f"{int(pid):04d}" / f"{prefix}_{frame:04d}.jpg")
        text = [f"tracklet_{half}/{int(line.split()[1]):04d}/{line}" for line in lines]
        (tmp_path / "list_sequence" / f"list_seq_{half}.txt").write_text("\n".join(text) + "\n")
    info = tmp_path / "test" / "data" / "info_test.mat"
    with pytest.raises(InputError, match=r"no file test/data/info_test.mat; the layout of LS-VID is"):
        read_ls_vid(tmp_path)
    info.parent.mkdir(parents=True)
    with h5py.File(info, "w") as file:
        file["query"] = np.array([[1.0], [2.0]])
    data = read_ls_vid(tmp_path)
    assert data.query.pids.tolist() == [5, 5] and data.gallery.pids.tolist() == [5, 5, 6]
    assert data.gallery.camids.tolist() == [2, 15, 1]
    assert names(data.train, 1) == [f"0001_0002_03_000{k}.jpg" for k in (1, 2, 3)]
    with h5py.File(info, "w") as file:
        file["query"] = np.array([[4.0]])
    with pytest.raises(InputError, match="tracklet numbers must be between 1 and 3"):
        read_ls_vid(tmp_path)
    info.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable MATLAB file"):
        read_ls_vid(tmp_path)
    (tmp_path / "tracklet_train" / "0001" / "0001_0002_04_0009.jpg").touch()
    (tmp_path / "list_sequence" / "list_seq_train.txt").write_text("tracklet_train/0001/0001_0002 1\n")
    with pytest.raises(InputError, match="must have one camera id"):
        read_ls_vid(tmp_path)
    (tmp_path / "list_sequence" / "list_seq_train.txt").write_text("tracklet_train/0009/0009_0002 9\n")
    with pytest.raises(InputError, match=r"line 1: tracklet tracklet_train/0009/0009_0002 has no frames"):
        read_ls_vid(tmp_path)


# --- all of them ---------------------------------------------------------------------------------------


def test_counts_are_compared_with_the_published_ones_once_a_data_set_seems_whole(mars):
    data = read_mars(mars)
    assert size_warnings(data, ((625, 8298),)) == []
    assert size_warnings(data, ((2, 4), (None, 2))) == []
    (line,) = size_warnings(data, ((2, 4), (3, 2)))
    assert line == "mars query: 2 identities and 2 tracklets; published are 3 identities and 2 tracklets"


def test_no_tracklets_at_all(tmp_path):
    with pytest.raises(InputError, match="holds no tracklets for train"):
        Subset.of_tracklets("train", tmp_path, [])


# --- the synthetic ones ---------------------------------------------------------------------------------

OPTIONS = TrackletOptions(train_people=2, test_people=2, cameras_per_person=2, frames=6, distractors=1, masks=True)


def test_synthetic_tracklets_are_in_mars_layout(tmp_path):
    ensure_tracklets(tmp_path / "a", OPTIONS)
    data = read_mars(tmp_path / "a")
    assert (len(data.train), len(data.query), len(data.gallery)) == (4, 2, 5)
    assert data.train.masks is not None and data.gallery.pids.min() == 0
    for query, pid in enumerate(data.query.pids):
        others = data.gallery.camids[data.gallery.pids == pid]
        assert set(others) - {data.query.camids[query]}
    lengths = np.concatenate([data.train.lengths, data.gallery.lengths])
    assert lengths.min() >= 4 and lengths.max() <= 6
    frames = np.stack([np.asarray(Image.open(path), int) for path in data.train.paths(0)])
    assert frames.shape[1:] == (128, 64, 3)
    assert np.abs(np.diff(frames, axis=0)).mean((1, 2, 3)).min() > 2  # they walk
    folder = data.train.mask_folder(data.train.starts[0])
    assert sorted(path.stem for path in folder.iterdir()) == [
        "foreground", "head", "lower_clothes", "shoes", "upper_clothes",
    ]  # fmt: skip


def test_synthetic_tracklets_follow_from_the_seed(tmp_path):
    for name in "ab":
        ensure_tracklets(tmp_path / name, OPTIONS)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.jpg"))
    assert files and all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    with pytest.raises(InputError, match="drawn with other options"):
        ensure_tracklets(tmp_path / "a", TrackletOptions())
