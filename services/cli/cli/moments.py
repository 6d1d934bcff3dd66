"""Times in arguments. Pure."""

import re
from datetime import UTC, datetime

from fraudstream.timestamps import time_text

_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)


def moment_ms(text: str, now_ms: int) -> int:
    """Parse an RFC 3339 time (UTC without a zone), or an age before now: 90s, 30m, 2h, 3d; 0 before 1970.

    Raises ValueError.
    """
    if match := _DURATION.fullmatch(text):
        return max(now_ms - int(match[1]) * _MS[match[2]], 0)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a time, such as 2026-09-21T14:00:00Z, nor a duration, such as 2h"
        ) from None
    moment = max(round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1_000), 0)
    if not time_text(moment):
        raise ValueError(f"{text!r} is after the year 9999")
    return moment
