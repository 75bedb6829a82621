"""Videos in files and at addresses, decoded by PyAV, which is FFmpeg."""

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.wording import either, without_password

if TYPE_CHECKING:
    import av

ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://[^\s/]")
# FFmpeg's demuxers for files of videos. All others are refused: many open further files by names that a file chooses,
# as playlists do, or are devices.
FORMATS = (
    *("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "ivf", "mxf", "dv"),
    *("h264", "hevc", "vvc", "obu", "m4v", "mpegvideo", "mjpeg", "mpjpeg"),
)
# What FFmpeg may open by the kind of an address. No address leads to a file.
PROTOCOLS = {
    "file": "file",
    "http": "http,https,tls,tcp",
    "https": "http,https,tls,tcp",
    "rtsp": "rtsp,rtp,rtcp,udp,tcp",
    "rtsps": "rtsp,rtsps,rtp,srtp,rtcp,udp,tcp,tls",
}
LIVE = ("rtsp", "rtsps")
LARGEST = 1 << 26  # pixels of a picture, 8192x8192
NO_TIMES = 0x80  # FFmpeg's AVFMT_NOTIMESTAMPS: not even a rate


def is_address(source: str | Path) -> bool:
    """Whether it is an address, which may send something else the next time, rather than a file or a folder."""
    return bool(ADDRESS.match(str(source))) and not os.path.exists(source)


def is_live(source: str | Path) -> bool:
    """Whether it is the address of a camera that sends what it sees now."""
    return is_address(source) and str(source).partition(":")[0].lower() in LIVE


class Stream:
    """The video stream of a file or at an address.

    Args:
        source: path of a file, or an address of one of `PROTOCOLS`.
        timeout: seconds after which an address that sends nothing is given up.

    Attributes:
        name: the source without a password.
        rate: frames per second as the container states them, None if it does not.
        count: number of frames as the container states it, None if it does not.
        live: whether it is a camera that sends what it sees now.
        fault: what ended `pictures` before the end, None if nothing did.
        damaged: how many packets could not be decoded.

    Raises:
        InputError: PyAV is not installed, or there is no video that can be read.
    """

    def __init__(self, source: str | Path, timeout: float):
        self.name, self.fault, self.damaged = without_password(str(source)), None, 0
        self._timeout = timeout
        with needed(self.name):
            import av
        self._errors = av.error.FFmpegError
        # One thread converts a frame to RGB: more, as PyAV has it since version 17, cost five times what they gain.
        self._threads = {"threads": 1} if int(av.__version__.partition(".")[0]) >= 17 else {}
        av.logging.set_level(None)  # what fails is raised, and need not be printed as well
        address = ADDRESS.match(str(source))
        protocol = address[1].lower() if address else "file"
        if protocol not in PROTOCOLS:
            known = either([name for name in PROTOCOLS if name != "file"])
            raise InputError(f"{self.name}: videos are files, folders of images, or addresses of {known}")
        self.live = protocol in LIVE
        # The prefix: a name such as concat:a|b would be a protocol of FFmpeg's.
        place = str(source) if address else f"file:{os.path.abspath(source)}"
        formats = {"file": FORMATS, "http": (*FORMATS, "hls"), "https": (*FORMATS, "hls")}.get(protocol, ("rtsp",))
        options = {"protocol_whitelist": PROTOCOLS[protocol], "format_whitelist": ",".join(formats)}
        options |= {"max_pixels": str(LARGEST)} | ({"rtsp_transport": "tcp"} if self.live else {})
        try:
            self._container = av.open(place, options=options, timeout=timeout if address else None)
        except Exception as error:  # besides PyAV's errors, ValueError and OSError
            raise InputError(f"{self.name}: not a readable video ({self._reason(error)})") from None
        self._stream = stream = self._container.streams.best("video")  # and not the picture of a cover
        if stream is None or not stream.codec_context:
            self.close()
            raise InputError(f"{self.name}: holds no video that can be decoded")
        if stream.width * stream.height > LARGEST:
            self.close()
            raise InputError(
                f"{self.name}: its pictures, {stream.width}x{stream.height}, have more than {LARGEST} pixels"
            )
        stream.codec_context.options = {"max_pixels": str(LARGEST)}  # for those after the first
        stream.thread_type = "AUTO"
        form = self._container.format
        self.rate = float(stream.average_rate) if stream.average_rate and not form.flags & NO_TIMES else None
        self.count = stream.frames or None
        # AVI has a rate, and time stamps in the order of decoding only.
        self._base = None if form.flags & NO_TIMES or form.name == "avi" else stream.time_base

    def pictures(self) -> Iterator[tuple[float | None, "av.VideoFrame"]]:
        """Decodes the frames, one after the other: the seconds since the first one by the container's time stamps,
        None where there are none, and the frame, for `pixels`."""
        first = None
        for frame in self._decoded():
            seconds = None if self._base is None or frame.pts is None else float(frame.pts * self._base)
            first = seconds if first is None else first
            yield None if seconds is None or first is None else seconds - first, frame

    def pixels(self, frame: "av.VideoFrame") -> np.ndarray:
        """RGB pixels of a frame `(H, W, 3)`, upright."""
        image = frame.reformat(format="rgb24", **self._threads).to_ndarray()
        return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90))) if frame.rotation else image

    def close(self) -> None:
        """Closes the file or the connection."""
        self._container.close()

    def _decoded(self):
        packets = self._container.demux(self._stream)
        seen, end = 0, None
        while True:
            try:
                packet = next(packets, None)
            except Exception as error:
                self.fault = self._reason(error)
                packet = None
            if packet is not None:
                if not packet.size:  # the last one that PyAV gives; anything after it is not decoded
                    continue
                seen += 1
                end = packet.pts + (packet.duration or 0) if packet.pts is not None else end
            damaged = packet is not None and packet.is_corrupt
            try:
                for frame in self._stream.decode(packet):  # without a packet, those that are still to come
                    damaged = damaged or frame.is_corrupt
                    yield frame
            except self._errors:
                damaged = True
            self.damaged += damaged
            if packet is None:
                break
        self.fault = self.fault or ("the connection was closed" if self.live else self._cut(seen, end))

    def _cut(self, seen, end):
        """What is missing by what the container states, in words."""
        stream, container = self._stream, self._container
        if stream.frames and seen < stream.frames:
            return f"the file states {stream.frames} frames and holds {seen}"
        lasts = None
        if stream.duration is not None:
            lasts = stream.duration * stream.time_base
        elif container.duration is not None and len(container.streams) == 1 and self._base is not None:
            lasts = container.duration / 1e6
        start = stream.start_time or 0
        if lasts is None or end is None or (end - start) * stream.time_base > float(lasts) - 1:
            return None
        return f"the file states {float(lasts):.1f} seconds"

    def _reason(self, error):
        if type(error).__name__ == "ExitError":  # of the timeout
            return f"nothing came for {self._timeout:g} seconds"
        if getattr(error, "errno", None) == errno.EINVAL:  # of a format that is not among FORMATS
            return "damaged, or in no format that is read, such as MP4, Matroska, AVI and MPEG"
        # Messages of PyAV end with the address, and so with the password.
        return reason_of(getattr(error, "strerror", None) or error)
