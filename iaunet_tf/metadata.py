"""Metadata stored in exported networks, which specifies how pixels must be prepared."""

import json
from dataclasses import asdict, dataclass

from iaunet_tf.errors import InputError

KEY = "iaunet_tf"  # key in a file's own metadata
FILE = f"{KEY}.json"  # file name in exports that contain files


@dataclass(frozen=True)
class Metadata:
    """Description of an exported network: where it comes from, its input in pixels, its embeddings.

    Attributes:
        version: version of iaunet-tf.
        source: name of the file or run that was exported.
        video: whether the input is clips rather than images.
        layout: `"image"` is `(batch, [frames,] height, width, 3)`, RGB in 0..255, normalised by the network;
            `"tracker"` is `(batch, 3, height, width)`, RGB normalised by the caller with the ImageNet statistics.
        dtype: data type of the input.
        embedding: number of embedding dimensions.
    """

    name: str
    version: str
    source: str
    video: bool
    height: int
    width: int
    layout: str
    dtype: str
    embedding: int
    unit_length: bool = True

    @property
    def input(self) -> str:
        """Name of the network's input."""
        return "clips" if self.video else "images"

    @property
    def leading(self) -> tuple[None, ...]:
        """Shape of the axes before those of an image, all of any length: batch, and frames for video."""
        return (None, None) if self.video else (None,)

    def to_json(self) -> str:
        """Serialises the metadata as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, path: object) -> "Metadata":
        """Parses the output of `to_json`; error messages name `path`."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            raise InputError(f"{path}: the iaunet-tf metadata cannot be read; export the network again") from None
