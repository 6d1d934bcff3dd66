"""A Kafka record as it is read here; the client's fit."""

from collections.abc import Sequence
from typing import Protocol


class Record(Protocol):
    """What is read of a record."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""
        ...

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970; any that Kafka takes."""
        ...

    @property
    def timestamp_type(self) -> int | None:
        """0 where the sender set the timestamp, 1 where the broker did."""
        ...

    @property
    def key(self) -> bytes | None:
        """As sent."""
        ...

    @property
    def value(self) -> bytes | None:
        """As sent; None is a tombstone."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """As sent."""
        ...
