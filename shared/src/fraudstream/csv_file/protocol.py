"""What the scorer asks of a sink. Calls may block: run them in a thread."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fraudstream.offsets import Decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose offsets these are; the same numbers of another cluster, topic or group mean nothing here."""

    cluster: str
    topic: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the sink already holds for a record: a replay publishes this, not a new score."""

    fraud_probability: float
    decision: str
    model_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A partition taken over: what was decided before, the rows of its last batch, and the token to write with."""

    token: int
    decided: Decided | None = None
    rows: dict[int, Row] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One partition's share of a cycle: its CSV lines by ascending offset, and the range of offsets decided with them.

    `base` is the position at which the batch began: the committed offset, which is before its first record where other
    producers' transactions left offsets without one. Records that became dead letters have no row but lie within
    `base` … `last`. A batch is all new or all a replay.
    """

    partition: int
    token: int
    base: int
    last: int
    fingerprint: int
    rows: bytes


class Sink(Protocol):
    """Keeps each record's row once. Every call may raise SinkUnavailableError, and then has changed nothing."""

    def acquire(self, partitions: Collection[int]) -> dict[int, Holding]:
        """Take the partitions over from whoever had them: a former owner's token is refused from now on."""
        ...

    def append(self, batches: Sequence[Batch]) -> frozenset[int]:
        """Store the batches together; returns the partitions whose token holds. A replay is accepted and skipped."""
        ...

    def forget(self, tokens: Mapping[int, int]) -> None:
        """The topic was made anew: set what is stored aside and start these partitions from nothing.

        `tokens` by partition: one that somebody else has taken meanwhile is passed over, as it may have rows anew. What
        others of the same topic have stored since they were forgotten stays.
        """
        ...

    def is_new(self) -> bool:
        """Whether nothing was ever stored under this identity."""
        ...
