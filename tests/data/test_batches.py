import resource

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.augment import ERASED, augment
from iaunet_tf.data.augmentation import epoch_augmentation
from iaunet_tf.data.batches import eval_batches, train_batches
from iaunet_tf.data.dataset import Subset
from iaunet_tf.data.decoding import load_image
from iaunet_tf.data.sampling import epoch_order
from iaunet_tf.data.sources import open_source
from iaunet_tf.errors import InputError
from iaunet_tf.losses.part_masks import resize_aligned_corners
from iaunet_tf.run import Run

PEOPLE, SHOTS, SIZE = 3, 4, (32, 16)
PARTS = ("head", "upper_clothes", "lower_clothes", "shoes")


@pytest.fixture
def subset(tmp_path):
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
    return Subset.of_images("train", paths, pids, np.ones_like(pids), folders)


def collect(source, epoch=0, batch_size=4, **options):
    batches = train_batches(source, batch_size, 4, seed=1, epoch=epoch, **options).map(augment)
    batches = list(batches.as_numpy_iterator())
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


@pytest.mark.parametrize("cache", ["memory", "disk", "none", "auto"])
def test_batches_are_what_sampler_and_augmentation_say(subset, cache, tmp_path):
    source = open_source(subset, SIZE, cache, tmp_path / "cache", mask_sizes=[SIZE, (5, 3)])
    got = collect(source)
    order = epoch_order(subset.labels, 4, 4, 1, 0)
    flips, boxes = epoch_augmentation(len(order), SIZE, 1, 0)
    assert got["images"].dtype == "float32"
    assert got["labels"].tolist() == subset.labels[order].tolist()
    assert got["has_masks"].all()
    assert flips.any() and not flips.all() and boxes.any()
    for place, row in enumerate(order):
        image = load_image(subset.path(row)).astype("float32")
        if flips[place]:
            image = image[:, ::-1]
        mask = np.repeat(image[..., :1] > 127, 4, axis=-1)
        np.testing.assert_array_equal(got["masks_1"][place], mask)
        np.testing.assert_allclose(got["masks_2"][place], resize_aligned_corners(mask, 5, 3), atol=1e-6)
        top, left, bottom, right = boxes[place]
        image = image.copy()
        image[top:bottom, left:right] = ERASED
        np.testing.assert_allclose(got["images"][place], image, rtol=1e-6)


def test_erased_pixels_are_the_recipes_values_once_normalised():
    normalised = (ERASED / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(normalised, [0.4914, 0.4822, 0.4465], rtol=1e-5)


def test_any_epoch_can_be_replayed(subset):
    source = open_source(subset, SIZE)
    first, again, other = collect(source, 5), collect(source, 5), collect(source, 6)
    for key in first:
        np.testing.assert_array_equal(first[key], again[key])
    assert (first["images"] != other["images"]).any()


def test_eval_batches_keep_order_and_pixels(subset):
    images = np.concatenate(
        list(eval_batches(open_source(subset, SIZE), np.arange(len(subset)), 5).as_numpy_iterator())
    )
    np.testing.assert_array_equal(images, [load_image(subset.path(row)) for row in range(len(subset))])


def test_without_masks_there_is_no_mask_key(subset):
    assert set(collect(open_source(subset, SIZE))) == {"images", "labels"}
    assert set(collect(open_source(subset.without_masks(), SIZE, mask_sizes=[SIZE]))) == {"images", "labels"}


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_missing_masks_are_said_once_and_weigh_nothing(subset, cache):
    (subset.mask_folder(2) / "shoes.png").unlink()
    said = []
    source = open_source(subset, SIZE, cache, say=said.append, mask_sizes=[SIZE])
    assert said == ["train: 1 of 12 images have no part masks; they train without"]
    got = collect(source)
    missing = got["has_masks"] == 0
    assert missing.sum() == 1
    assert not got["masks_1"][missing].any()


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_mask_folders_without_masks_count_as_none(subset, cache):
    for row in range(len(subset)):
        (subset.mask_folder(row) / "head.png").unlink()
    source = open_source(subset, SIZE, cache, say=lambda line: None, mask_sizes=[SIZE])
    assert set(collect(source)) == {"images", "labels"}


@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_corrupt_images(subset, cache, tmp_path):
    path = subset.path(5)
    path.write_bytes(path.read_bytes()[:-100])
    for _ in range(2):  # the second time, a cache on disk is there
        with pytest.raises(InputError, match=r"05.png: not a readable image.*1 of 12 .*--data.on_corrupt skip"):
            open_source(subset, SIZE, cache, tmp_path / "cache")
        said = []
        source = open_source(subset, SIZE, cache, tmp_path / "cache", "skip", said.append)
        assert len(source.subset) == len(source.subset.labels) == 11
        assert len(said) == 1 and "1 of 12 images" in said[0] and "05.png" in said[0]
        row = source.subset.starts[5]
        np.testing.assert_array_equal(source.read(np.array([row]))[0][0, ..., :3], load_image(subset.path(6)))


def test_nothing_readable_is_an_error(subset):
    for row in range(len(subset)):
        subset.path(row).write_text("no picture")
    with pytest.raises(InputError, match="none of its 12 images is readable"):
        open_source(subset, SIZE, on_corrupt="skip")


def test_disk_cache_is_reused_until_a_file_changes(subset, tmp_path):
    cache = tmp_path / "cache"
    first = open_source(subset, SIZE, "disk", cache, mask_sizes=[SIZE])
    files = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    again = open_source(subset, SIZE, "disk", cache, mask_sizes=[SIZE])
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert files == {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    Image.fromarray(np.zeros((*SIZE, 3), "uint8")).save(subset.path(0))
    changed = open_source(subset, SIZE, "disk", cache, mask_sizes=[SIZE])
    assert not changed.read(np.array([0]))[0].any()
    Image.fromarray(np.zeros(SIZE, bool)).save(subset.mask_folder(0) / "head.png")
    changed = open_source(subset, SIZE, "disk", cache, mask_sizes=[SIZE])
    masks = changed.read(np.array([0]))[1].reshape(*SIZE, 4)
    assert not masks[..., 0].any() and masks[..., 1].any()


@pytest.mark.parametrize(
    "damage",
    [
        lambda pixels, found: pixels.write_bytes(pixels.read_bytes()[:-1]),
        lambda pixels, found: pixels.write_bytes(pixels.read_bytes()[:50]),
        lambda pixels, found: pixels.write_bytes(b""),
        lambda pixels, found: pixels.write_bytes(b"garbage" * 9),
        lambda pixels, found: np.save(pixels, np.load(pixels)[:-1]),
        lambda pixels, found: np.save(pixels, np.load(pixels).astype("float32")),
        lambda pixels, found: pixels.unlink(),
        lambda pixels, found: found.unlink(),
        lambda pixels, found: found.write_bytes(found.read_bytes()[:-9]),
        lambda pixels, found: found.write_bytes(b"PK"),
        lambda pixels, found: np.savez(found, other=np.zeros(3)),
        lambda pixels, found: np.savez(found, found=np.full(99, 1, "uint8")),
        lambda pixels, found: np.savez(found, found=np.zeros(1)),
    ],
)
def test_damaged_disk_cache_is_made_anew(subset, tmp_path, damage):
    cache = tmp_path / "cache"
    first = open_source(subset, SIZE, "disk", cache)
    expected = np.array(first.pixels), np.array(first.found)
    (pixels,), (found,) = cache.glob("*.npy"), cache.glob("*.npz")
    del first
    damage(pixels, found)
    again = open_source(subset, SIZE, "disk", cache)
    np.testing.assert_array_equal(again.pixels, expected[0])
    np.testing.assert_array_equal(again.found, expected[1])
    assert sorted(cache.iterdir()) == sorted([pixels, found])


def test_disk_cache_that_does_not_fit_names_its_key(subset, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"train-.*.npy: File too large for .* set another --data.cache_dir"):
            open_source(subset, SIZE, "disk", tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list((tmp_path / "cache").iterdir())


def test_a_place_of_the_cache_or_of_a_run_that_is_a_file_names_its_key(subset, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"set another --data.cache_dir, or --data.cache none"):
        open_source(subset, SIZE, "disk", tmp_path / "file")
    with pytest.raises(InputError, match=r"cannot be made, since .*file is a file; choose another --run_dir"):
        Run(tmp_path / "file" / "run").require_new()


def test_resize_is_pillows(subset):
    source = open_source(subset, (48, 20), "memory")
    expected = Image.open(subset.path(3)).resize((20, 48), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(source.read(np.array([3]))[0][0, ..., :3], expected)
