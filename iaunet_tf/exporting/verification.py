"""An export proves itself before it is called one."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.inference.embedder import Embedder


@dataclass(frozen=True)
class Limits:
    """How far an export may be from Keras.

    Attributes:
        difference: largest absolute difference of embeddings of length 1; None does not limit it.
        cosine: smallest cosine similarity.
    """

    difference: float | None = 1e-4
    cosine: float = 0.9999


LIMITS = {"fp32": Limits(), "int8": Limits(difference=None, cosine=0.99)}


@dataclass(frozen=True)
class Comparison:
    """An exported network beside the one it came from, on the same pictures.

    Attributes:
        pictures: how many.
        max_difference: of embeddings of length 1.
        min_cosine: similarity of a picture's two embeddings.
        same_nearest: share of the pictures whose nearest other picture is the same for both.
    """

    pictures: int
    max_difference: float
    min_cosine: float
    same_nearest: float


def compare(ours: np.ndarray, theirs: np.ndarray) -> Comparison:
    """Compares `(N, D)` embeddings of length 1."""
    nearest = [np.argmax(e @ e.T - 2 * np.eye(len(e)), axis=1) for e in (ours, theirs)]
    return Comparison(
        len(ours),
        float(np.abs(ours - theirs).max()),
        float((ours * theirs).sum(axis=1).min()),
        float((nearest[0] == nearest[1]).mean()),
    )


def verify(source: str | Path, exported: str | Path, pictures: list, limits: Limits) -> dict:
    """Embeds pictures with the network and with its export.

    Args:
        source: the `.keras` file or run.
        exported: the new file.
        pictures: for `Embedder`, at least two.
        limits: how far the export may be off.

    Returns:
        The comparison and the limits, for a report.

    Raises:
        InputError: the export is further off, or gives what is no number.
    """
    ours, theirs = (Embedder(path, batch_size=8)(pictures) for path in (source, exported))
    if not np.isfinite(theirs).all():
        raise InputError("the export gives embeddings that are no numbers")
    comparison = compare(ours, theirs)
    too_far = limits.difference is not None and comparison.max_difference > limits.difference
    if too_far or comparison.min_cosine < limits.cosine:
        raise InputError(
            f"the export differs from Keras by {comparison.max_difference:.2g} (cosine similarity at least "
            f"{comparison.min_cosine:.6f}) where {limits.difference} ({limits.cosine}) is allowed"
        )
    return {"comparison": asdict(comparison), "limits": asdict(limits)}


def sample_pictures(folder: str | Path | None, video: bool, count: int = 16) -> list:
    """Pictures to verify with: of a folder, or drawn pedestrians; clips of four of them for a video network.

    Raises:
        InputError: the folder holds fewer than two.
    """
    from iaunet_tf.data.images import SUFFIXES

    if folder is None:
        from iaunet_tf.data.embedded import EmbeddedOptions, cameras, cast
        from iaunet_tf.data.pedestrians import Shot, render

        people, scenes = cast(EmbeddedOptions(), 70_000, count), cameras(0)
        pictures: list = []
        for index, person in enumerate(people):
            rng = np.random.default_rng((70, index))
            camera = scenes[index % len(scenes)]
            pictures.append(render(person, camera, Shot.random(rng, camera))[0])
    else:
        if not Path(folder).is_dir():
            raise InputError(f"{folder}: no such folder of sample pictures")
        files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
        if len(files) < 2:
            raise InputError(f"{folder}: holds {len(files)} pictures; at least two are needed to compare with")
        pictures = files[:: max(1, len(files) // count)][:count]
    if not video:
        return pictures
    return [[pictures[(start + k) % len(pictures)] for k in range(4)] for start in range(0, len(pictures), 4)]
