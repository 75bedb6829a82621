"""Embeddings for other people's trackers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from iaunet_tf.data.decoding import SMALLEST
from iaunet_tf.errors import InputError
from iaunet_tf.inference.embedder import Embedder


class AppearanceEncoder:
    """Embeds what is in the boxes of frames, with any network that an `Embedder` opens.

    - BoxMOT 25: an appearance encoder (`embedding_dim`, `requirements`, `encode`) for its pipelines, and the
      `reid_model` of its trackers (`get_features`).
    - Roboflow's `reid` 0.1: in place of a `ReIDModel` (`extract_embeddings`, `extract_embeddings_from_paths`).
    - Anything else: a call with a frame and boxes.

    Boxes are `(left, top, right, bottom)` in pixels; they are rounded, and cut off at the edges of the frame. A box
    that then has less than 2x2 pixels gets the embedding of a black picture: trackers want one of length 1 for every
    box. For a network for clips, each crop is a clip of one frame.

    Args:
        embedder: embeds the crops, in batches of its `batch_size`. Several threads may share it.

    Examples:
        >>> encoder = AppearanceEncoder(Embedder("people.onnx"))
        >>> encoder(frame, [[10, 20, 60, 150]]).shape
        (1, 2048)
    """

    def __init__(self, embedder: Embedder):
        if not isinstance(embedder, Embedder):
            raise InputError(f"an encoder takes an Embedder; received {type(embedder).__name__}")
        self.embedder = embedder

    def __call__(self, frame: np.ndarray, boxes: object) -> np.ndarray:
        """Embeddings of length 1, float32 `(N, D)`, in the order of the boxes; `(0, D)` if there are none.

        Args:
            frame: RGB, uint8 `(height, width, 3)`.
            boxes: `(N, 4)`.

        Raises:
            InputError: the frame or the boxes are of another kind, or a box is not finite.
        """
        return self._embed(self._crops(frame, boxes))

    # BoxMOT

    @property
    def embedding_dim(self) -> int:
        """Number of dimensions of embeddings."""
        return self.embedder.metadata.embedding

    @property
    def requirements(self):
        """BoxMOT's `EncoderRequirements`: boxes alone, no masks."""
        try:
            from boxmot.reid.protocols import EncoderRequirements
        except ImportError:
            raise InputError("requires BoxMOT 25 or later: pip install boxmot") from None
        return EncoderRequirements()

    def encode(self, frames: Sequence, detections: Sequence) -> list:
        """Embeddings of all people in some of BoxMOT's frames.

        Args:
            frames: BoxMOT's `Frame`s, whose images are RGB `(3, height, width)`.
            detections: for each frame, BoxMOT's `Detections` with upright boxes.

        Returns:
            For each frame, a float32 tensor `(N, D)` on the CPU.

        Raises:
            InputError: detections are not those of the frames, or their boxes are oriented.
        """
        import torch

        frames, detections = list(frames), list(detections)
        if [each.sample_id for each in frames] != [each.sample_id for each in detections]:
            raise InputError("detections are not those of the frames: as many, with the same sample_id, are needed")
        crops = []
        for frame, found in zip(frames, detections, strict=True):
            crops.append(self._crops(frame.image.permute(1, 2, 0).numpy(), found.geometry.values))
        embeddings = torch.from_numpy(self._embed([crop for own in crops for crop in own]))
        return [part.contiguous() for part in embeddings.split([len(own) for own in crops])]

    def get_features(self, boxes: object, image: np.ndarray) -> np.ndarray:
        """The same as a call, as BoxMOT's trackers want it of their `reid_model`: the image is BGR."""
        return self._embed(self._crops(image, boxes, bgr=True))

    # Roboflow

    def extract_embeddings(self, detections: Any, frame: np.ndarray, *, batch_size: int | None = None) -> np.ndarray:
        """Embeddings of `supervision.Detections` in a BGR frame, `(N, D)`.

        Args:
            detections: what has boxes as `xyxy`.
            frame: BGR, uint8 `(height, width, 3)`.
            batch_size: has no effect; that of the `Embedder` holds.
        """
        return self._embed(self._crops(frame, detections.xyxy, bgr=True))

    def extract_embeddings_from_paths(
        self, image_paths: Sequence, *, batch_size: int | None = None, num_workers: int = 0
    ) -> np.ndarray:
        """Embeddings of image files, `(N, D)`.

        Args:
            image_paths: files of crops.
            batch_size: has no effect; that of the `Embedder` holds.
            num_workers: has no effect; images are decoded on all cores.
        """
        return self._embed(list(image_paths))

    def _embed(self, pictures):
        return self.embedder([[each] for each in pictures] if self.embedder.metadata.video else pictures)

    def _crops(self, frame, boxes, bgr=False):
        """RGB crops, views of the frame where that is possible."""
        frame = np.asarray(frame)
        if frame.ndim != 3 or frame.shape[-1] != 3 or frame.dtype != np.uint8:
            raise InputError(f"a frame must be uint8 (height, width, 3); received {frame.dtype} {frame.shape}")
        boxes = np.asarray(boxes, "float64")
        boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise InputError(f"boxes must be (N, 4): left, top, right, bottom; received {boxes.shape}")
        if not np.isfinite(boxes).all():
            raise InputError(f"boxes must be finite; that of number {_first_bad(boxes)} is not")
        height, width = frame.shape[:2]
        edges = boxes.round().clip(0, (width, height, width, height)).astype(int)
        crops = []
        for left, top, right, bottom in edges:
            crop = frame[top:bottom, left:right, ::-1] if bgr else frame[top:bottom, left:right]
            crops.append(crop if min(crop.shape[:2]) >= SMALLEST else self._nothing())
        return crops

    def _nothing(self):
        """A black picture."""
        return np.zeros((self.embedder.metadata.height, self.embedder.metadata.width, 3), "uint8")


def _first_bad(boxes):
    return int((~np.isfinite(boxes).all(axis=1)).argmax()) + 1
