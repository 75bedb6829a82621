"""Times of videos: in seconds since 1970 where it is known when a video begins, otherwise since its begin."""

from datetime import datetime, timezone

FIRST_DATE = 1e8  # in 1973; no video is three years long


def is_date(time: float) -> bool:
    """Whether a time counts from 1970, rather than from the begin of a video."""
    return time >= FIRST_DATE


def text_of(time: float) -> str:
    """A time for people to read: `2026-11-26 13:00:00.5` in UTC, or `1:02:03.5` after the begin of a video."""
    tenths = round(time * 10)
    if is_date(time):
        return f"{datetime.fromtimestamp(tenths // 10, timezone.utc):%Y-%m-%d %H:%M:%S}.{tenths % 10}"
    sign, tenths = "-" if tenths < 0 else "", abs(tenths)
    minutes, seconds = divmod(tenths // 10, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02}:{seconds:02}.{tenths % 10}"
