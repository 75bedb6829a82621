"""What an exported network says of itself, so that nobody has to guess how its pixels are prepared."""

import json
from dataclasses import asdict, dataclass

from iaunet_tf.errors import InputError

KEY = "iaunet_tf"  # under which a file's own metadata holds it
FILE = f"{KEY}.json"  # in exports that hold files


@dataclass(frozen=True)
class Metadata:
    """Description of an exported network.

    Attributes:
        name: of the network.
        version: of iaunet-tf.
        source: file it was exported from.
        video: takes clips instead of images.
        height: of the input, pixels.
        width: of the input, pixels.
        layout: `"image"` is `(batch, [frames,] height, width, 3)` with RGB in 0..255, normalised inside; `"tracker"` is
            `(batch, 3, height, width)` with RGB that the caller normalised by ImageNet's statistics.
        dtype: of the input.
        embedding: length of the embedding.
        unit_length: whether embeddings have length 1.
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
        """Name of the input."""
        return "clips" if self.video else "images"

    @property
    def leading(self) -> tuple[None, ...]:
        """The axes before a picture's, of any length: batch, and for video frames."""
        return (None, None) if self.video else (None,)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, path: object) -> "Metadata":
        """Reads what `to_json` wrote; `path` is for the message.

        Raises:
            InputError: it is something else.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            raise InputError(f"{path}: its metadata is not that of iaunet-tf {cls.__name__}; export it again") from None
