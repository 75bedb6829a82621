"""Small videos whose frames say which they are."""

from fractions import Fraction
from pathlib import Path

import numpy as np

SIZE = 64, 96  # height and width
BITS = 8
CODECS = {".mp4": "mpeg4", ".mkv": "mpeg4", ".avi": "mpeg4", ".ts": "mpeg2video", ".264": "libx264", ".mjpeg": "mjpeg"}


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture whose left half shows `number` in binary, as black and white bars, and whose right half is red over
    blue."""
    height, width = size
    image = np.zeros((height, width, 3), "uint8")
    image[: height // 2, width // 2 :] = 220, 30, 30
    image[height // 2 :, width // 2 :] = 30, 30, 220
    bar = height // BITS
    for bit in range(BITS):
        image[bit * bar : (bit + 1) * bar, : width // 2] = 255 * (number >> bit & 1)
    return image


def number_of(image: np.ndarray) -> int:
    """The number that a picture shows."""
    height, width = image.shape[:2]
    bar = height // BITS
    means = [image[bit * bar + 2 : (bit + 1) * bar - 2, 4 : width // 2 - 4].mean() for bit in range(BITS)]
    assert all(mean < 60 or mean > 195 for mean in means), means
    return sum((mean > 128) << bit for bit, mean in enumerate(means))


def write_video(
    path: Path, count: int, size=SIZE, rate=25, codec=None, options=None, times=None, container=None, b_frames=0, gop=12
) -> Path:
    """Writes a video of pictures 1 to `count`; `times` are theirs in milliseconds, by default at the `rate`."""
    import av

    codec = codec or CODECS[path.suffix]
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.options = {"threads": "1", **(options or {})}
        stream.codec_context.bit_rate = 2_000_000
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(picture(index + 1, size), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path
