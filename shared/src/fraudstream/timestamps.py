"""Kafka timestamps as text: RFC 3339, UTC, with milliseconds. Pure."""

from datetime import UTC, datetime
from typing import Literal

Precision = Literal["seconds", "milliseconds"]


def rfc3339(timestamp_ms: int) -> str:
    """Return a Kafka timestamp in RFC 3339, UTC, with milliseconds; empty if it is missing or can't be represented."""
    return "" if timestamp_ms == -1 else time_text(timestamp_ms)


def time_text(time_ms: int) -> str:
    """Return a time in milliseconds since 1970 in RFC 3339, UTC; empty if it can't be represented."""
    seconds, milliseconds = divmod(time_ms, 1000)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"
    except (ValueError, OverflowError, OSError):
        return ""


def utc_text(moment: datetime, precision: Precision = "milliseconds") -> str:
    """Return a time that has a zone in RFC 3339, UTC. Raises OverflowError near the years 1 and 9999."""
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


class Timestamps(dict[int, str]):
    """Cache of `rfc3339`: records of one batch mostly share their second, and often the whole timestamp."""

    def __init__(self) -> None:
        super().__init__({-1: ""})
        self._second: int | None = None
        self._prefix = ""

    def __missing__(self, timestamp_ms: int) -> str:
        second, millisecond = divmod(timestamp_ms, 1000)
        if second != self._second:
            self._second, self._prefix = second, rfc3339(second * 1000)[:-4]
        text = self[timestamp_ms] = f"{self._prefix}{millisecond:03d}Z" if self._prefix else ""
        return text
