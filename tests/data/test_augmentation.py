"""What is done to training images: the plan against its frequencies, the pixels against PIL and NumPy."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from iaunet_tf.data.augment import augment, paste, randaugment
from iaunet_tf.data.augmentation import JITTER, Augmentation, epoch_augmentation
from iaunet_tf.data.batches import labelled_batches, train_batches
from iaunet_tf.data.dataset import LabelledImages, Subset
from iaunet_tf.data.labelled import LabelledSource
from iaunet_tf.data.sampling import Share
from iaunet_tf.data.sources import Source

SIZE = (32, 16)
NOTHING = {"flip": 0, "erase": 0}
EVERYTHING = Augmentation(0.5, 0.5, pad=4, jitter=0.5, grey=0.3, patch=0.5, randaugment=0.5)
RNG = np.random.default_rng(0)
# Smooth, as pictures are.
COLOURS = Image.fromarray(RNG.integers(0, 256, (4, 3, 3), "uint8"))
PICTURE = np.asarray(COLOURS.resize(SIZE[::-1], Image.Resampling.BICUBIC))


def changed(pixels, masks=None, **plan):
    """One image, or a clip, after the step's changes; nothing is flipped or erased unless the plan says so."""
    batch = {"pixels": tf.constant(pixels[None]), "flip": tf.constant([False]), "box": tf.zeros((1, 4), "int64")}
    batch |= {name: tf.constant(np.array(value)[None]) for name, value in plan.items()}
    if masks is not None:
        batch["masks_1"] = tf.constant(masks[None])
    result = augment(batch)
    return result["images"][0].numpy(), result.get("masks_1", [None])[0]


def test_what_is_off_is_not_planned_and_what_is_on_leaves_the_others_as_they_are():
    plain, full = Augmentation().plan(500, SIZE, 1, 2), EVERYTHING.plan(500, SIZE, 1, 2)
    assert set(plain) == {"flip", "box"}
    flips, boxes = epoch_augmentation(500, SIZE, 1, 2)
    for plan in (plain, full):
        np.testing.assert_array_equal(plan["flip"], flips)
        np.testing.assert_array_equal(plan["box"], boxes)
    for name, values in EVERYTHING.plan(500, SIZE, 1, 2).items():
        np.testing.assert_array_equal(values, full[name], err_msg=name)
    assert any((values != full[name]).any() for name, values in EVERYTHING.plan(500, SIZE, 1, 3).items())


def test_frequencies_and_ranges():
    plan = EVERYTHING.plan(20_000, SIZE, 0, 0)
    assert set(plan["shift"].ravel()) == set(range(-4, 5))
    colour = plan["colour"]
    jittered = (colour[:, :4] != (1, 1, 1, 0)).any(axis=1)
    assert jittered.mean() == pytest.approx(0.5, abs=0.02) and colour[:, 4].mean() == pytest.approx(0.3, abs=0.02)
    span = np.abs(colour[:, :4] - (1, 1, 1, 0)).max(axis=0)
    np.testing.assert_allclose(span, JITTER, rtol=0.01)
    patch = plan["patch"]
    used = patch.any(axis=1)
    assert used.mean() == pytest.approx(0.5, abs=0.03)
    tall, wide = (patch[:, 2] - patch[:, 0])[used], (patch[:, 3] - patch[:, 1])[used]
    assert (tall > 0).all() and (wide > 0).all() and (tall * wide <= 0.55 * 32 * 16).all()
    assert (patch[used, 4] + tall <= 32).all() and (patch[used, 5] + wide <= 16).all() and patch.min() >= 0
    assert plan["policy"][:, 0].mean() == pytest.approx(0.5, abs=0.02)
    assert plan["partner"].min() >= 0 and plan["partner"].max() < 20_000


@pytest.mark.parametrize("shift", [(3, -5), (0, 2), (-4, 0), (31, 15), (40, 0)])
@pytest.mark.parametrize("frames", [(), (3,)])
def test_a_shift_is_a_crop_of_the_padded_image_and_takes_the_masks_along(shift, frames):
    pixels = RNG.integers(1, 256, (*frames, *SIZE, 3), "uint8")
    pad = 40
    padded = np.pad(pixels, [(0, 0)] * len(frames) + [(pad, pad), (pad, pad), (0, 0)])
    expected = padded[..., pad - shift[0] :, pad - shift[1] :, :][..., : SIZE[0], : SIZE[1], :]
    image, masks = changed(pixels, (pixels[..., :1] / 255).astype("float32"), shift=shift)
    np.testing.assert_array_equal(image, expected)
    np.testing.assert_allclose(masks, expected[..., :1] / 255, atol=1e-6)


def test_masks_of_another_size_move_by_the_same_share():
    """A mask that is linear in the position has, moved by a tenth of its length, the values from there."""
    line = np.linspace(0, 1, 11, dtype="float32")
    masks = np.broadcast_to(line[:, None, None], (11, 7, 4)).copy()
    _, moved = changed(np.zeros((101, 61, 3), "uint8"), masks, shift=(25, 0))
    np.testing.assert_allclose(moved[3:, :, 0], np.broadcast_to(line[3:, None] - 0.25, (8, 7)), atol=1e-6)


def test_flipped_images_are_moved_after_they_are_flipped():
    image, _ = changed(PICTURE, flip=True, shift=(0, 4))
    np.testing.assert_array_equal(image[:, 4:], PICTURE[:, ::-1][:, :-4])
    assert not image[:, :4].any()


@pytest.mark.parametrize(
    ("place", "enhance"), [(0, ImageEnhance.Brightness), (1, ImageEnhance.Contrast), (2, ImageEnhance.Color)]
)
@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_colour_jitter_is_that_of_pil(place, enhance, factor):
    colour = np.array([1, 1, 1, 0, 0], "float32")
    colour[place] = factor
    expected = np.asarray(enhance(Image.fromarray(PICTURE)).enhance(factor)).astype("float32")
    np.testing.assert_allclose(changed(PICTURE, colour=colour)[0], expected, atol=2)


def test_hue_turns_as_in_colorsys():
    found, _ = changed(PICTURE, colour=np.array([1, 1, 1, 0.1, 0], "float32"))
    for pixel, result in zip(PICTURE.reshape(-1, 3)[::7], found.reshape(-1, 3)[::7], strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255))
        np.testing.assert_allclose(result, 255 * np.array(colorsys.hsv_to_rgb(hue + 0.1, saturation, value)), atol=0.1)


def test_grey_is_that_of_pil_and_no_colour_changes_nothing():
    found, _ = changed(PICTURE, colour=np.array([1, 1, 1, 0, 1], "float32"))
    expected = np.asarray(Image.fromarray(PICTURE).convert("L")).astype("float32")
    np.testing.assert_allclose(found, np.repeat(expected[..., None], 3, axis=-1), atol=1)
    np.testing.assert_array_equal(changed(PICTURE, colour=np.array([1, 1, 1, 0, 0], "float32"))[0], PICTURE)


def test_patches():
    pixels, others = (RNG.integers(0, 256, (2, 8, 6, 3), "uint8") for _ in range(2))
    before = pixels.copy()
    paste(pixels, others, np.array([[1, 2, 4, 5, 5, 0, 0], [0, 0, 2, 6, 6, 0, 1]]))
    np.testing.assert_array_equal(pixels[0, 5:8, 0:3], others[0, 1:4, 2:5])
    np.testing.assert_array_equal(pixels[1, 6:8], others[1, 0:2, ::-1])
    np.testing.assert_array_equal(pixels[0, :5], before[0, :5])
    np.testing.assert_array_equal(pixels[0, :, 3:], before[0, :, 3:])


def test_randaugment_follows_from_its_seed_and_treats_frames_alike():
    results = []
    for seed in range(12):
        one, again, clip = PICTURE.copy(), PICTURE.copy(), np.stack([PICTURE] * 3)
        moved = randaugment(one, seed)
        assert randaugment(again, seed) == randaugment(clip, seed) == moved
        np.testing.assert_array_equal(one, again)
        np.testing.assert_array_equal(clip, np.stack([one] * 3))
        results.append((one.tobytes(), moved))
    assert len({pixels for pixels, _ in results}) > 9 and {moved for _, moved in results} == {True, False}


@pytest.fixture
def subset(tmp_path):
    paths, folders = [], []
    for number in range(12):
        paths.append(tmp_path / f"{number:02d}.png")
        Image.fromarray(RNG.integers(0, 256, (*SIZE, 3), "uint8")).save(paths[-1])
        folders.append(tmp_path / f"masks{number:02d}")
        folders[-1].mkdir()
        for part in ("head", "upper_clothes", "lower_clothes", "shoes"):
            Image.new("L", SIZE[::-1], 255).save(folders[-1] / f"{part}.png")
    return Subset.of_images("train", paths, np.repeat([0, 1, 2], 4), np.arange(12) % 2, folders)


def collected(batches):
    batches = list(batches.map(augment).as_numpy_iterator())
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_all_changes_together_are_the_same_however_a_batch_is_shared_out(subset, cache):
    source = Source(subset, SIZE, cache, mask_sizes=[(8, 4)])
    whole = collected(train_batches(source, 8, 4, 5, 1, EVERYTHING))
    again = collected(train_batches(source, 8, 4, 5, 1, EVERYTHING))
    parts = [collected(train_batches(source, 8, 4, 5, 1, EVERYTHING, share=Share(0, w, 2))) for w in range(2)]
    for name, values in whole.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)
        shared = np.concatenate([part[name].reshape(-1, 4, *values.shape[1:]) for part in parts], axis=1)
        np.testing.assert_array_equal(shared.reshape(values.shape), values, err_msg=name)
    assert whole["images"].min() >= 0 and whole["images"].max() <= 255
    many = [collected(train_batches(source, 8, 4, 5, epoch, EVERYTHING))["has_masks"] for epoch in range(6)]
    assert 0 < np.mean(many) < 1  # those that RandAugment moved have none
    kept = collected(train_batches(source, 8, 4, 5, 1, Augmentation(**NOTHING)))["images"]
    np.testing.assert_array_equal(kept, source.read(subset.starts)[0][_rows(kept, source)])  # the cache is untouched


def _rows(images, source):
    every = source.read(source.subset.starts)[0].astype("float32")
    return [int(np.flatnonzero((every == image).all(axis=(1, 2, 3)))[0]) for image in images]


def test_values_beside_images_come_along(subset):
    beside = {"teacher": np.arange(12, dtype="float32")[:, None]}
    batch = collected(train_batches(Source(subset, SIZE), 8, 4, 5, 1, Augmentation(**NOTHING), beside=beside))
    rows = _rows(batch["images"], Source(subset, SIZE))
    np.testing.assert_array_equal(batch["teacher"][:, 0], rows)


def test_labelled_images_take_patches_too(subset):
    images = LabelledImages("train", [subset.path(n) for n in range(12)], np.arange(12) % 3, ["a", "b", "c"])
    source = LabelledSource(images, SIZE)
    plain, patched = (
        collected(labelled_batches(source, 6, 0, 0, 1.0, Augmentation(0, 0, patch=p)))["images"] for p in (0.0, 1.0)
    )
    assert ((plain != patched).any(axis=(1, 2, 3))).mean() > 0.8
