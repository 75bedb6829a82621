"""Cameras that send what they see now: several at the same time, until they stop or nobody watches any longer."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from iaunet_tf.video.frames import Frame

LATEST = 1.0  # seconds after which a frame is left out
Result = TypeVar("Result")
Ended = Callable[[], bool]


class Live:
    """Says which frames of a camera are taken.

    Args:
        seconds: how long it is watched from its first frame; None for as long as it sends.
        ended: whether it is not to be watched any longer.

    Attributes:
        left_out: how many frames came late.
    """

    def __init__(self, seconds: float | None, ended: Ended):
        self.left_out = 0
        self._seconds, self._ended = seconds, ended
        self._first: float | None = None
        self._lag: float | None = None

    def over(self, frame: Frame) -> bool:
        """Whether the camera is not watched any longer."""
        self._first = frame.time if self._first is None else self._first
        return self._ended() or (self._seconds is not None and frame.time - self._first >= self._seconds)

    def late(self, frame: Frame) -> bool:
        """Whether a frame is left out, as those before took longer than the camera."""
        lag = time.monotonic() - frame.time
        self._lag = lag if self._lag is None else self._lag
        late = lag - self._lag > LATEST
        self.left_out += late
        return late


def together(jobs: Sequence[Callable[[Ended], Result]]) -> list[Result]:
    """What jobs return that run at the same time, each in a thread.

    A job is given a callable that says whether to end: when somebody has pressed Ctrl-C, and when another job has
    failed, whose exception is raised. A second Ctrl-C raises KeyboardInterrupt.
    """
    end = threading.Event()
    with ThreadPoolExecutor(max(len(jobs), 1)) as pool:
        running = [pool.submit(job, end.is_set) for job in jobs]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:
            print("cameras are not watched any longer; press Ctrl-C again to give up")
        finally:
            end.set()
    return [job.result() for job in running]
