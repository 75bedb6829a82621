"""Clips of tracklets by `tf.data`: only the frames that are used are read and decoded."""

import numpy as np
import psutil
import tensorflow as tf

from iaunet_tf.data.datasets import PARTS
from iaunet_tf.data.images import load_image, load_with_masks
from iaunet_tf.data.pipeline import augment, shared_batches
from iaunet_tf.data.sampling import WHOLE, Share, all_clips, epoch_augmentation, epoch_clips, epoch_order, spaced_clips
from iaunet_tf.data.tracklets import Tracklets
from iaunet_tf.errors import InputError


class LoadedTracklets:
    """Frames of tracklets, decoded when they are first wanted.

    Args:
        split: the tracklets.
        size: `(height, width)` that frames are resized to.
        cache: `"memory"` keeps decoded frames, `"none"` does not, `"auto"` does if all fit in half of what memory is
            available.
        on_corrupt: `"error"`, or `"skip"` to take the nearest readable frame of the tracklet in place of one that is
            not.
    """

    def __init__(self, split: Tracklets, size: tuple[int, int], cache: str = "none", on_corrupt: str = "error"):
        self.split, self.size, self.on_corrupt = split, size, on_corrupt
        self.channels = 3 + len(PARTS) * split.has_masks
        # Frames are kept by their place among those of this split.
        owned = np.concatenate([np.arange(s, s + n) for s, n in zip(split.starts, split.lengths, strict=True)])
        self._place = np.full(len(split.frames), -1)
        self._place[owned] = np.arange(len(owned))
        self._tracklet = np.repeat(np.arange(len(split)), split.lengths)
        shape = (len(owned), *size, self.channels)
        if cache == "auto":
            cache = "memory" if np.prod(shape) <= psutil.virtual_memory().available / 2 else "none"
        self._pixels = np.empty(shape, "uint8") if cache == "memory" else None
        # 0 not read yet, 1 without masks, 2 with.
        self._state = np.zeros(len(owned), "uint8")

    def read(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of some frames.

        Args:
            frames: `(...)` places in `split.frames`.

        Returns:
            uint8 `(..., height, width, 3 or 7)`; bool `(...)`, whether a frame has masks.

        Raises:
            InputError: a frame is unreadable and must not be skipped.
        """
        pixels = np.empty((frames.size, *self.size, self.channels), "uint8")
        has_masks = np.empty(frames.size, bool)
        for row, frame in enumerate(frames.flat):
            pixels[row], has_masks[row] = self._frame(frame)
        return pixels.reshape(*frames.shape, *pixels.shape[1:]), has_masks.reshape(frames.shape)

    def _frame(self, frame):
        place = self._place[frame]
        if self._pixels is not None and self._state[place]:
            return self._pixels[place], self._state[place] == 2
        pixels, found = self._decode_or_neighbour(frame)
        if self._pixels is not None:
            self._pixels[place] = pixels
            self._state[place] = 1 + found
        return pixels, found

    def _decode_or_neighbour(self, frame):
        try:
            return self._decode(frame)
        except InputError as error:
            if self.on_corrupt == "error":
                raise InputError(f"{error}; --data.on_corrupt skip takes a neighbouring frame") from None
        tracklet = self._tracklet[self._place[frame]]
        start, length = self.split.starts[tracklet], self.split.lengths[tracklet]
        others = np.arange(start, start + length)
        for other in others[np.argsort(np.abs(others - frame), kind="stable")][1:]:
            try:
                return self._decode(other)
            except InputError:
                continue
        raise InputError(
            f"{self.split.path(frame).parent}: no frame of tracklet {self.split.ids[tracklet]} is readable"
        )

    def _decode(self, frame):
        if not self.split.has_masks:
            return load_image(self.split.path(frame), self.size), False
        return load_with_masks(self.split.path(frame), self.split.masks(frame), self.size)


def train_clips(
    loaded: LoadedTracklets,
    frames: int,
    stride: int,
    batch_size: int,
    group_size: int,
    seed: int,
    epoch: int,
    flip: float = 0.5,
    erase: float = 0.0,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """The batches of one epoch, a clip of each tracklet, the same whenever seed and epoch are the same; of
    each the part of `share`.

    A clip is flipped, and its box erased, in all its frames alike.

    Returns:
        Data set of dictionaries: `"images"` float32 `(B, T, H, W, 3)` in 0..255, `"labels"` int32 `(B,)`, and in a
        split with masks `"masks"` float32 `(B, T, H, W, 4)` in 0..1 and `"has_masks"` float32 `(B,)`, 1 for clips all
        of whose frames have masks.
    """
    split = loaded.split
    order = epoch_order(split.labels, batch_size, group_size, seed, epoch)
    flips, boxes = epoch_augmentation(len(order), loaded.size, seed, epoch, flip, erase)
    within = epoch_clips(split.lengths[order], frames, stride, seed, epoch)
    places = {
        "frames": split.starts[order][:, None] + within,
        "flip": flips,
        "box": boxes,
        "labels": split.labels[order].astype("int32"),
    }
    dataset = shared_batches(places, batch_size, share)
    dataset = dataset.map(_reader(loaded, frames), num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.prefetch(tf.data.AUTOTUNE)


def split_clips(split: Tracklets, frames: int, clips: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The clips that embed every tracklet.

    Args:
        split: the tracklets.
        frames: length of a clip.
        clips: number of evenly spaced clips of a tracklet; 0 takes all its frames.

    Returns:
        `(M, T)` places in `split.frames`, and `(M,)` the tracklet of each clip.
    """
    within = [spaced_clips(length, frames, clips) if clips else all_clips(length, frames) for length in split.lengths]
    counts = [len(each) for each in within]
    places = np.concatenate([start + each for start, each in zip(split.starts, within, strict=True)])
    return places, np.repeat(np.arange(len(split)), counts)


def eval_clips(loaded: LoadedTracklets, places: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """The clips at `places` `(M, T)`: float32 `(B, T, H, W, 3)` in 0..255, the last batch shorter."""
    dataset = tf.data.Dataset.from_tensor_slices({"frames": places}).batch(batch_size)
    dataset = dataset.map(_reader(loaded, places.shape[1]), num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.map(lambda batch: tf.cast(batch["pixels"][..., :3], "float32"))
    return dataset.prefetch(tf.data.AUTOTUNE)


def _reader(loaded, frames):
    def decode(places):
        pixels, has_masks = loaded.read(places)
        return pixels, has_masks.all(axis=1).astype("float32")

    def read(batch):
        batch = dict(batch)
        pixels, has_masks = tf.numpy_function(decode, [batch.pop("frames")], (tf.uint8, tf.float32), stateful=False)
        batch["pixels"] = tf.ensure_shape(pixels, (None, frames, *loaded.size, loaded.channels))
        batch["has_masks"] = tf.ensure_shape(has_masks, (None,))
        return batch

    return read
