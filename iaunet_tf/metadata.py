"""Metadata stored in exported networks, which specifies how pixels must be prepared."""

import json
from dataclasses import asdict, dataclass, field, fields

from iaunet_tf.errors import InputError
from iaunet_tf.preprocessing import COLOURS, INTERPOLATIONS, SCALES
from iaunet_tf.thresholds import Thresholds

KEY = "iaunet_tf"  # key in a file's own metadata
FILE = f"{KEY}.json"  # file name in exports that contain files
LARGEST = 1 << 20  # bytes of the metadata in a file, many times what an exporter writes
LARGEST_BATCH = 1024  # images or clips that a file may demand at a time
RANGES = {"height": (16, 4096), "width": (16, 4096), "embedding": (1, 65536)}
CHOICES = {
    "layout": ("image", "tracker", "nchw"),
    "dtype": ("float32", "float16", "uint8"),
    "interpolation": INTERPOLATIONS,
    "colour": COLOURS,
    "scale": (*SCALES,),
}
SCALE_OF = {"image": "none", "tracker": "imagenet", "nchw": "none"}  # what files of older versions mean by a layout


@dataclass(frozen=True)
class Metadata:
    """Description of an exported network: where it comes from, its input in pixels, its embeddings.

    Attributes:
        version: version of iaunet-tf.
        source: name of the file or run that was exported.
        video: whether the input is clips rather than images.
        layout: `"image"` is `(batch, [frames,] height, width, 3)`, `"tracker"` and `"nchw"` are
            `(batch, 3, height, width)`.
        dtype: data type of the input.
        embedding: number of embedding dimensions.
        interpolation: how images are resized.
        colour: order of the colours.
        scale: how the caller normalises pixels, a key of `iaunet_tf.preprocessing.SCALES`.
        thresholds: those of the network that was exported, if it was evaluated.

    Raises:
        InputError: a value is of the wrong type or out of range.
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
    interpolation: str = "bicubic"
    colour: str = "rgb"
    scale: str = ""
    thresholds: Thresholds | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        if self.scale == "":
            object.__setattr__(self, "scale", SCALE_OF.get(self.layout, ""))
        for entry in fields(self)[:-1]:
            value = getattr(self, entry.name)
            low, high = RANGES.get(entry.name, (None, None))
            if type(value) is not entry.type or (low is not None and not low <= value <= high):
                wanted = f"from {low} to {high}" if low is not None else f"of type {entry.type.__name__}"
            elif entry.name in CHOICES and value not in CHOICES[entry.name]:
                wanted = " or ".join(CHOICES[entry.name])
            else:
                continue
            raise InputError(f"{entry.name} must be {wanted}; received {value!r:.40}")
        if self.channels_first and self.video:
            raise InputError(
                f"layout {self.layout} is for single images, but this is a video network: take layout image"
            )
        if self.scale != "none" and self.dtype == "uint8":
            raise InputError(f"scale {self.scale} is for floating-point pixels; received {self.dtype}")

    @property
    def channels_first(self) -> bool:
        """Whether the axis of colours comes before height and width."""
        return self.layout != "image"

    @property
    def input(self) -> str:
        """Name of the network's input."""
        return "clips" if self.video else "images"

    @property
    def leading(self) -> tuple[None, ...]:
        """Shape of the axes before those of an image, all of any length: batch, and frames for video."""
        return (None, None) if self.video else (None,)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of the network's input, with None for axes of any length."""
        size = (self.height, self.width)
        return (None, 3, *size) if self.channels_first else (*self.leading, *size, 3)

    def to_json(self) -> str:
        """Serialises the metadata as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes, path: object, key: str = "") -> "Metadata":
        """Parses the output of `to_json`, or an object that has it under `key`; error messages name `path`."""
        try:
            if len(text) > LARGEST:
                raise InputError(f"longer than {LARGEST} bytes")
            values = json.loads(text)[key] if key else json.loads(text)
            known = {entry.name for entry in fields(cls)}
            other = ", ".join(sorted(set(values) - known))
            if other:
                raise InputError(f"{other[:80]} is unknown; a newer iaunet-tf may have written it")
            if "thresholds" in values and values["thresholds"] is not None:
                values["thresholds"] = Thresholds.from_dict(values["thresholds"])
            return cls(**values)
        except InputError as error:
            reason = str(error)
        except (ValueError, TypeError, LookupError, RecursionError):  # no JSON or UTF-8, no object, without a field
            reason = "damaged"
        raise InputError(f"{path}: the iaunet-tf metadata cannot be used: {reason}; export the network again")

    def check(self, path: object, inputs: dict[str, tuple], outputs: dict[str, tuple]) -> None:
        """Compares the metadata with the inputs and outputs that a file declares by name: for each its shape, in which
        an axis of any length is not a positive number, and its data type. The batch may be fixed, for both alike."""
        expected = (
            (self.input, inputs, self.shape, self.dtype),
            ("embedding", outputs, (None, self.embedding), "float32"),
        )
        if len(inputs) != 1:
            raise InputError(f"{path}: takes {len(inputs)} inputs ({', '.join(inputs):.80}), not {self.input} alone")
        batches = (None, *range(1, LARGEST_BATCH + 1))
        for name, declared, shape, dtype in expected:
            if name not in declared:
                raise InputError(f"{path}: has no {name}, only {', '.join(declared):.80}; export the network again")
            found, kind = declared[name]
            found = tuple(axis if isinstance(axis, int) and axis > 0 else None for axis in found)
            fits = all(axis in (None, wanted) for axis, wanted in zip(found[1:], shape[1:], strict=False))
            fits &= (found or (None,))[0] in batches
            if (len(found), kind) != (len(shape), dtype) or not fits:
                raise InputError(
                    f"{path}: {name} is {kind} {found} in the network, but {dtype} {shape} in the metadata; "
                    "export the network again"
                )
            batches = None, found[0]  # of what comes out, after what goes in
