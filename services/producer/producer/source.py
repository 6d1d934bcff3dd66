"""Where payments come from."""

from typing import Protocol

from fraudstream.record import KeyedMessage


class Source(Protocol):
    """Makes messages, ready to be sent."""

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """The next `count` messages, made at `now_ms` (UTC); fewer near the end of the source, none at its end."""
