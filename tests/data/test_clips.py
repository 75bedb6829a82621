import numpy as np
import pytest
from PIL import Image

from iaunet_tf.data.augment import augment
from iaunet_tf.data.augmentation import Augmentation, epoch_augmentation
from iaunet_tf.data.batches import eval_batches, train_batches
from iaunet_tf.data.dataset import PARTS, Subset
from iaunet_tf.data.sampling import all_clips, clip_rows, epoch_clips, epoch_order, spaced_clips
from iaunet_tf.data.sources import Source
from iaunet_tf.errors import InputError

SIZE = (8, 4)


@pytest.fixture
def tracklets(tmp_path):
    """Three people with two tracklets each; red says which tracklet, green which frame, blue which side."""
    rows = []
    for number, length in enumerate((5, 40, 3, 33, 8, 32)):
        frames = []
        for frame in range(length):
            name = f"images/{number}/{frame:03d}.png"
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            pixels = np.zeros((16, 8, 3), "uint8")
            pixels[..., 0], pixels[..., 1], pixels[:, :4, 2] = number, frame, 200
            # Frames of different sizes are resized.
            Image.fromarray(pixels).resize((8, 16 + 2 * (frame % 2)), Image.Resampling.NEAREST).save(tmp_path / name)
            frames.append(name)
        rows.append((str(number), frames, number // 2 + 1, number % 2))
    return Subset.of_tracklets("train", tmp_path, rows)


def collect(source, epoch=0, erase=0.0):
    batches = train_batches(source, 4, 4, seed=3, epoch=epoch, augmentation=Augmentation(erase=erase)).map(augment)
    batches = list(batches.as_numpy_iterator())
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


def test_clips_follow_the_recipe():
    lengths = np.array([40, 32, 31, 5, 4, 3, 1] * 200)
    clips = epoch_clips(lengths, 4, 8, seed=0, epoch=0)
    assert clips.shape == (1400, 4) and clips.min() >= 0 and (clips < lengths[:, None]).all()
    assert (np.diff(clips, axis=1) >= 0).all()
    assert (np.diff(clips[lengths >= 32], axis=1) == 8).all()
    assert set(clips[lengths == 40][:, 0]) == set(range(16))  # every start that fits
    assert set(clips[lengths == 32][:, 0]) == set(range(8))
    short = clips[(lengths < 32) & (lengths >= 4)]
    assert (np.diff(short, axis=1) > 0).all()  # no frame twice
    assert len({tuple(clip) for clip in clips[lengths == 31]}) > 100
    assert (clips[lengths == 1] == 0).all()
    np.testing.assert_array_equal(clips, epoch_clips(lengths, 4, 8, seed=0, epoch=0))
    assert (clips != epoch_clips(lengths, 4, 8, seed=0, epoch=1)).any()


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (8, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        (6, [[0, 1, 2, 3], [4, 5, 4, 5]]),
        (5, [[0, 1, 2, 3], [4, 4, 4, 4]]),
        (3, [[0, 1, 2, 0]]),
        (1, [[0, 0, 0, 0]]),
    ],
)
def test_all_frames_in_consecutive_clips(length, expected):
    assert all_clips(length, 4).tolist() == expected


def test_evenly_spaced_clips():
    assert spaced_clips(40, 4, 1).tolist() == [[20, 21, 22, 23]]
    assert spaced_clips(40, 4, 2)[:, 0].tolist() == [8, 28]
    assert spaced_clips(6, 4, 3).tolist() == all_clips(6, 4).tolist()
    assert spaced_clips(9, 1, 1).tolist() == [[4]]


@pytest.mark.parametrize("cache", ["none", "memory", "auto"])
def test_batches_are_what_sampler_and_augmentation_say(tracklets, cache):
    source = Source(tracklets, SIZE, cache)
    order = epoch_order(tracklets.labels, 4, 4, 3, 1)
    clips = epoch_clips(tracklets.lengths[order], 4, 8, 3, 1)
    flips, _ = epoch_augmentation(len(order), SIZE, 3, 1)
    for _ in range(2):  # the second time from memory, if that is asked for
        got = collect(source, epoch=1)
        assert got["images"].shape == (12, 4, *SIZE, 3) and got["images"].dtype == "float32"
        np.testing.assert_array_equal(got["labels"], tracklets.labels[order])
        np.testing.assert_array_equal(got["images"][:, :, 0, 0, 0], np.repeat(order[:, None], 4, axis=1))
        np.testing.assert_array_equal(got["images"][:, :, 0, 0, 1], clips)
        # One flip for all frames of a clip.
        assert flips.any() and not flips.all()
        np.testing.assert_array_equal(got["images"][:, :, 0, 0, 2] < 100, np.repeat(flips[:, None], 4, axis=1))
        assert "masks" not in got


def test_only_frames_that_are_used_are_read(tracklets):
    for number, length in ((1, 40), (3, 33), (5, 32)):
        for frame in range(length):
            if frame % 8:
                tracklets.path(tracklets.starts[number] + frame).unlink()
    long = tracklets.take(np.array([3, 3, 5, 5]))
    two = tracklets.take(np.array([0, 2]))
    clips = eval_batches(Source(two, SIZE), clip_rows(two, 4)[0], 2)
    assert sum(len(batch) for batch in clips) == 3
    with pytest.raises(Exception, match="no such file"):
        collect(Source(long, SIZE), epoch=0)


def test_masks_of_clips(tracklets, tmp_path):
    assert tracklets.with_masks(tmp_path).masks is None
    for frame in range(len(tracklets.files)):
        path = tracklets.path(frame)
        if path.parent.name != "3":
            folder = (tmp_path / "seg_part4" / path.relative_to(tmp_path)).with_suffix("")
            folder.mkdir(parents=True)
            with Image.open(tracklets.path(frame)) as picture:
                for number, part in enumerate(PARTS):
                    value = 255 if number == frame % 4 else 0
                    Image.new("L", picture.size, value).save(folder / f"{part}.png")
    with_masks = tracklets.with_masks(tmp_path)
    assert with_masks.mask_folder(0).is_dir() and with_masks.without_masks().masks is None
    got = collect(Source(with_masks, SIZE, mask_sizes=[SIZE]), epoch=1)
    which = got["images"][:, 0, 0, 0, 0]
    np.testing.assert_array_equal(got["has_masks"], which != 3)
    assert got["masks_1"].shape == (12, 4, *SIZE, 4)
    frames = tracklets.starts[which.astype(int)][:, None] + got["images"][:, :, 0, 0, 1].astype(int)
    expected = np.eye(4)[frames % 4] * (which != 3)[:, None, None]
    np.testing.assert_array_equal(got["masks_1"].mean((2, 3)), expected)


def test_a_box_is_erased_from_all_frames(tracklets):
    got = collect(Source(tracklets, SIZE), erase=1.0)
    erased = got["images"][..., 0] > 100
    assert erased.any((1, 2, 3)).mean() > 0.8
    assert (erased == erased[:, :1]).all()


def test_evaluation_reads_every_frame(tracklets):
    source = Source(tracklets, SIZE)
    rows, of = clip_rows(tracklets, 4)
    batches = eval_batches(source, rows, 5)
    clips = np.concatenate([batch.numpy() for batch in batches])
    np.testing.assert_array_equal(np.bincount(of), [2, 10, 1, 9, 2, 8])
    np.testing.assert_array_equal(clips[:, 0, 0, 0, 0], of)
    for number, length in enumerate(tracklets.lengths):
        np.testing.assert_array_equal(clips[of == number][:, :, 0, 0, 1], all_clips(length, 4))
    _, of = clip_rows(tracklets, 4, clips=2)
    np.testing.assert_array_equal(np.bincount(of), [2, 2, 1, 2, 2, 2])


def test_unreadable_frames(tracklets):
    tracklets.path(2).write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"002.png: not a readable image .*on_corrupt skip takes a neighb"):
        Source(tracklets, SIZE).read(np.array([2]))
    pixels, *_ = Source(tracklets, SIZE, on_corrupt="skip").read(np.array([2]))
    assert pixels[0, 0, 0, 1] in (1, 3)
    for frame in range(tracklets.lengths[0]):
        tracklets.path(frame).write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"002\.png: unreadable, as is every other frame of the tracklet"):
        Source(tracklets, SIZE, on_corrupt="skip").read(np.array([2]))
