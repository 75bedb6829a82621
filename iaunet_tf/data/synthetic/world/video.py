"""Videos, written in parts that are joined without coding them again."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

from iaunet_tf.extras import needed

# In one thread, so that the same frames give the same file, and without frames that refer to later ones, so that parts
# can follow each other.
ENCODERS = {
    "libx264": {"crf": "20", "preset": "veryfast", "bf": "0"},
    "mpeg4": {"qmin": "2", "qmax": "5", "bf": "0"},
}


def require_av(what: str | Path):
    """PyAV; an InputError, which begins with `what`, if it is not installed."""
    with needed(str(what)):
        import av
    return av


def write_video(path: Path, frames: Iterable[np.ndarray], rate: Fraction, width: int, height: int) -> None:
    """Writes RGB frames, uint8 `(height, width, 3)`, as an MP4: H.264 if PyAV can encode it, else MPEG-4."""
    av = require_av(path)
    encoder = next(name for name in ENCODERS if name in av.codecs_available or name == "mpeg4")
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream(encoder, rate=rate, options=ENCODERS[encoder])
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())


def join_videos(path: Path, parts: list[Path]) -> None:
    """Writes an MP4 of the frames of `parts`, one after the other, which `write_video` wrote in the same way."""
    av = require_av(path)
    with av.open(str(path), "w", format="mp4") as file:
        stream, end = None, 0
        for part in parts:
            with av.open(str(part)) as source:
                stream = stream or file.add_stream_from_template(source.streams.video[0])
                start = end
                for packet in source.demux(video=0):
                    if packet.dts is None:  # the empty packet at the end
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + start, packet.dts + start, stream
                    end = packet.pts + packet.duration
                    file.mux(packet)
