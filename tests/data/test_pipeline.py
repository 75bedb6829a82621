import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.datasets import Split
from iaunet_tf.data.images import load_image
from iaunet_tf.data.loading import load_split
from iaunet_tf.data.pipeline import ERASED, eval_batches, train_batches
from iaunet_tf.data.sampling import epoch_augmentation, epoch_order
from iaunet_tf.errors import InputError

PEOPLE, SHOTS, SIZE = 3, 4, (32, 16)
PARTS = ("head", "upper_clothes", "lower_clothes", "shoes")


@pytest.fixture
def split(tmp_path):
    """Noise, each image with masks that are one where its red channel is bright."""
    rng = np.random.default_rng(0)
    paths, folders = [], []
    for i in range(PEOPLE * SHOTS):
        pixels = rng.integers(0, 256, (*SIZE, 3), dtype="uint8")
        paths.append(tmp_path / f"{i:02d}.png")
        Image.fromarray(pixels).save(paths[-1])
        folders.append(tmp_path / f"masks{i:02d}")
        folders[-1].mkdir()
        for part in PARTS:
            Image.fromarray(pixels[..., 0] > 127).save(folders[-1] / f"{part}.png")
    pids = np.repeat([4, 7, 9], SHOTS)
    return Split("train", paths, pids, np.ones_like(pids), folders)


def collect(loaded, epoch=0, batch_size=4, **options):
    batches = list(train_batches(loaded, batch_size, 4, seed=1, epoch=epoch, **options).as_numpy_iterator())
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


@pytest.mark.parametrize("cache", ["memory", "disk", "none", "auto"])
def test_batches_are_what_sampler_and_augmentation_say(split, cache, tmp_path):
    loaded = load_split(split, SIZE, cache, tmp_path / "cache")
    got = collect(loaded)
    order = epoch_order(split.labels, 4, 4, 1, 0)
    flips, boxes = epoch_augmentation(len(order), SIZE, 1, 0)
    assert got["images"].dtype == "float32"
    assert got["labels"].tolist() == split.labels[order].tolist()
    assert got["has_masks"].all()
    assert flips.any() and not flips.all() and boxes.any()
    for place, row in enumerate(order):
        image = load_image(split.paths[row]).astype("float32")
        if flips[place]:
            image = image[:, ::-1]
        np.testing.assert_array_equal(got["masks"][place], np.repeat(image[..., :1] > 127, 4, axis=-1))
        top, left, bottom, right = boxes[place]
        image = image.copy()
        image[top:bottom, left:right] = ERASED
        np.testing.assert_allclose(got["images"][place], image, rtol=1e-6)


def test_erased_pixels_are_the_recipes_values_once_normalised():
    normalised = (ERASED / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(normalised, [0.4914, 0.4822, 0.4465], rtol=1e-5)


def test_any_epoch_can_be_replayed(split):
    loaded = load_split(split, SIZE)
    first, again, other = collect(loaded, 5), collect(loaded, 5), collect(loaded, 6)
    for key in first:
        np.testing.assert_array_equal(first[key], again[key])
    assert (first["images"] != other["images"]).any()


def test_eval_batches_keep_order_and_pixels(split):
    images = np.concatenate(list(eval_batches(load_split(split, SIZE), np.arange(len(split)), 5).as_numpy_iterator()))
    np.testing.assert_array_equal(images, [load_image(path) for path in split.paths])


def test_without_masks_there_is_no_mask_key(split):
    assert set(collect(load_split(split.without_masks(), SIZE))) == {"images", "labels"}


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_missing_masks_are_said_once_and_weigh_nothing(split, cache):
    (split.masks[2] / "shoes.png").unlink()
    said = []
    loaded = load_split(split, SIZE, cache, say=said.append)
    assert said == ["train: 1 of 12 images have no part masks; they train without"]
    got = collect(loaded)
    missing = got["has_masks"] == 0
    assert missing.sum() == 1
    assert not got["masks"][missing].any()


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_mask_folders_without_masks_count_as_none(split, cache):
    for folder in split.masks:
        (folder / "head.png").unlink()
    loaded = load_split(split, SIZE, cache, say=lambda line: None)
    assert set(collect(loaded)) == {"images", "labels"}


@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_corrupt_images(split, cache, tmp_path):
    split.paths[5].write_bytes(split.paths[5].read_bytes()[:-100])
    for _ in range(2):  # the second time, a cache on disk is there
        with pytest.raises(InputError, match=r"05.png: not a readable image.*1 of 12 .*--data.on_corrupt skip"):
            load_split(split, SIZE, cache, tmp_path / "cache")
        said = []
        loaded = load_split(split, SIZE, cache, tmp_path / "cache", "skip", said.append)
        assert len(loaded.split) == len(loaded.split.labels) == 11
        assert len(said) == 1 and "1 of 12 images" in said[0] and "05.png" in said[0]
        np.testing.assert_array_equal(loaded.read([5])[0, ..., :3], load_image(split.paths[6]))


def test_nothing_readable_is_an_error(split):
    for path in split.paths:
        path.write_text("no picture")
    with pytest.raises(InputError, match="none of its 12 images is readable"):
        load_split(split, SIZE, on_corrupt="skip")


def test_disk_cache_is_reused_until_a_file_changes(split, tmp_path):
    cache = tmp_path / "cache"
    first = load_split(split, SIZE, "disk", cache)
    files = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    again = load_split(split, SIZE, "disk", cache)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert files == {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    Image.fromarray(np.zeros((*SIZE, 3), "uint8")).save(split.paths[0])
    changed = load_split(split, SIZE, "disk", cache)
    assert not changed.read([0])[..., :3].any()
    Image.fromarray(np.zeros(SIZE, bool)).save(split.masks[0] / "head.png")  # in place: the folder stays as it is
    changed = load_split(split, SIZE, "disk", cache)
    assert not changed.read([0])[..., 3].any()
    assert changed.read([0])[..., 4].any()


def test_resize_is_pillows(split):
    loaded = load_split(split, (48, 20), "memory")
    expected = Image.open(split.paths[3]).resize((20, 48), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(loaded.read([3])[0, ..., :3], expected)
