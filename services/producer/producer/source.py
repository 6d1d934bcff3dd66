"""Interface of the sources of payments."""

from typing import Protocol

from fraudstream.record import KeyedMessage


class Source(Protocol):
    """Source of messages that are ready to be sent."""

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return the next `count` messages, created at `now_ms` (UTC); fewer near the source's end, none at its end."""
