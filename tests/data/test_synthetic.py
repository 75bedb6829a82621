import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.decoding import load_image, load_masks
from iaunet_tf.data.readers.market1501 import read_market1501
from iaunet_tf.data.synthetic import pedestrians
from iaunet_tf.data.synthetic.drawing import cameras, cast
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images, sample_sheet
from iaunet_tf.data.synthetic.pedestrians import Camera, Person, Shot, render
from iaunet_tf.errors import InputError

SMALL = ImageOptions(seed=3, train_people=4, test_people=3, cameras_per_person=2, shots=2, distractors=5)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("synthetic") / "set"
    ensure_images(root, SMALL)
    return root


def test_is_a_market1501_tree(tree):
    dataset = read_market1501(tree)
    assert (len(dataset.train), dataset.train.num_people) == (4 * 2 * 2, 4)
    assert (len(dataset.query), dataset.query.num_people) == (3 * 2, 3)
    assert (dataset.gallery.pids == 0).sum() == 5
    assert len(dataset.gallery) == 3 * 2 + 5
    assert not set(dataset.train.pids) & set(dataset.query.pids)
    assert load_image(dataset.train.path(0)).shape == (128, 64, 3)


def test_masks_lie_on_the_person(tree):
    subset = read_market1501(tree).train
    folders = [subset.mask_folder(row) for row in range(len(subset))]
    assert all(folder is not None for folder in folders)
    for folder in folders:
        masks = load_masks(folder, (128, 64), (128, 64)) > 127
        assert masks.sum(-1).max() <= 1  # parts do not overlap
        foreground = load_image(folder / "foreground.png")[..., 0] > 127
        assert (masks.any(-1) <= foreground).all()
        rows = [np.flatnonzero(masks[..., k].any(1)).mean() for k in range(4) if masks[..., k].any()]
        assert rows == sorted(rows)  # head above upper above lower above shoes


def test_drawing_again_gives_the_same_files(tree, tmp_path):
    ensure_images(tmp_path / "again", SMALL)
    files = sorted(p.relative_to(tree) for p in tree.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file())
    for file in files:
        assert (tree / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file


def test_leaves_what_is_there(tree, tmp_path):
    before = {p: p.stat().st_mtime_ns for p in tree.rglob("*.jpg")}
    ensure_images(tree, SMALL)
    assert before == {p: p.stat().st_mtime_ns for p in tree.rglob("*.jpg")}
    with pytest.raises(InputError, match="drawn with other options"):
        ensure_images(tree, ImageOptions(seed=4))
    (tree / "synthetic.json").rename(tree / "embedded.json")  # as older versions call it
    ensure_images(tree, SMALL)
    (tree / "embedded.json").rename(tree / "synthetic.json")
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="is not a synthetic data set"):
        ensure_images(tmp_path, SMALL)
    assert (tmp_path / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("lost", "line"),
    [
        ("query/*.jpg", "query: holds 5 of the 6 files that were drawn; remove the data set to draw it anew"),
        ("bounding_box_train/*.jpg", "bounding_box_train: holds 15 of the 16 files"),
        ("bounding_box_test/0000*.jpg", "bounding_box_test: holds 10 of the 11 files"),
        ("seg_part4/*/*/shoes.png", "seg_part4: holds 79 of the 80 files"),
        ("seg_part4", "seg_part4: holds 0 of the 80 files"),
    ],
)
def test_a_thinned_data_set_is_noticed(tree, tmp_path, lost, line):
    root = tmp_path / "set"
    shutil.copytree(tree, root)
    for name in ("query/Thumbs.db", "query/._0005_c1s1_000005_00.jpg"):  # of file managers
        (root / name).touch()
    ensure_images(root, SMALL)
    path = next(root.glob(lost))
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(InputError, match=re.escape(line)):
        ensure_images(root, SMALL)
    description = json.loads((root / "synthetic.json").read_text())
    del description["files"]  # older versions did not count
    (root / "synthetic.json").write_text(json.dumps(description))
    ensure_images(root, SMALL)


@pytest.mark.parametrize("content", ["", "[]", "{", "7", "null", "\x00"])
def test_a_damaged_description_is_not_drawn_over(tree, tmp_path, content):
    root = tmp_path / "set"
    shutil.copytree(tree, root)
    (root / "synthetic.json").write_text(content)
    with pytest.raises(
        InputError, match=r"exists and is not a synthetic .* own images: --config configs/own.yaml --data.root .*set$"
    ):
        ensure_images(root, SMALL)
    assert len(list(root.rglob("*.jpg"))) == 33


def test_two_drawings_at_once_give_one_data_set(tree, tmp_path):
    root, command = tmp_path / "set", [sys.executable, "-m", "iaunet_tf", "data", "images"]
    options = [f"--{key}={value}" for key, value in asdict(SMALL).items()]
    processes = [subprocess.Popen([*command, str(root), *options], stderr=subprocess.PIPE) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 3
    assert list(tmp_path.iterdir()) == [root]
    names = [sorted(p.relative_to(each) for p in each.rglob("*") if p.is_file()) for each in (root, tree)]
    assert names[0] == names[1]
    ensure_images(root, SMALL)


def test_draws_into_an_empty_folder_and_through_a_link(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "set")
    ensure_images(tmp_path / "link", SMALL)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "set" / "synthetic.json").exists()


def test_description_says_how_it_was_drawn(tree):
    assert json.loads((tree / "synthetic.json").read_text())["train_people"] == 4


def test_some_people_wear_the_same_clothes():
    people = cast(0, 3, 0, 12)
    assert people[0].upper == people[1].upper == people[2].upper
    assert people[6].upper == people[7].upper
    assert people[2].upper != people[3].upper
    assert len({(p.build, p.hat, p.shoes) for p in people}) == 12


def test_people_of_a_larger_cast_start_with_the_same():
    assert cast(0, 3, 0, 4) == cast(0, 3, 0, 9)[:4]


# Nobody and nothing else in the picture.
CLEAR = Shot(0.0, 0.0, 0.0, 0, 0, 0.9, 1, (0.5, 0.5), occluder=None, passer=None, noise=1)


@pytest.fixture
def labels_of():
    """Labels of one person in one camera, given the shot."""
    rng = np.random.default_rng(0)
    camera = Camera.random(rng, 0.0)
    person = Person.random(rng)
    return lambda shot: render(person, camera, shot)[1]


def test_clear_view_shows_all_parts_and_an_occluder_hides_some(labels_of):
    labels = labels_of(CLEAR)
    shares = np.bincount(labels.ravel(), minlength=6) / labels.size
    assert (shares[1:5] > 0.005).all()
    assert shares[pedestrians.UPPER] > shares[pedestrians.HEAD] > shares[pedestrians.SHOES]
    visible = [(labels_of(replace(CLEAR, occluder=seed)) > 0).mean() for seed in range(10)]
    assert max(visible) <= (labels > 0).mean()
    assert min(visible) < 0.8 * (labels > 0).mean()


def test_passers_are_no_part_of_the_person(labels_of):
    for seed in range(5):
        np.testing.assert_array_equal(labels_of(replace(CLEAR, passer=seed)), labels_of(CLEAR))


def test_cameras_and_sheet_are_deterministic():
    assert [c.gain for c in cameras(0)] == [c.gain for c in cameras.__wrapped__(0)]
    assert isinstance(sample_sheet(people=2), Image.Image)
    np.testing.assert_array_equal(sample_sheet(people=2), sample_sheet(people=2))
