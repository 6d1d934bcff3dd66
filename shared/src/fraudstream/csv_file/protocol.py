"""Interface between the scorer and a sink. Calls may block: run them in a thread."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fraudstream.csv_file.layout import StoredRow
from fraudstream.offsets import Decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Owner of offsets; the same numbers of another cluster, topic or group are unrelated."""

    cluster: str
    topic: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """An acquired partition: offsets decided before, the rows of its last batch, and the token to write with.

    A replay publishes these rows, by offset, instead of new scores.
    """

    token: int
    decided: Decided | None = None
    rows: dict[int, StoredRow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One partition's share of a cycle: its CSV lines by ascending offset, and the range of offsets decided with them.

    `base` is the position at which the batch starts: the committed offset, which is before its first record if other
    producers' transactions left offsets without a record. Records that became dead letters have no row but lie within
    `base` … `last`. A batch is entirely new or entirely a replay.
    """

    partition: int
    token: int
    base: int
    last: int
    fingerprint: int
    rows: bytes


class Sink(Protocol):
    """Storage of each record's row, once. A call that raises SinkUnavailableError has changed nothing."""

    def acquire(self, partitions: Collection[int]) -> dict[int, Holding]:
        """Acquire the partitions; their previous owners' tokens are refused from now on."""

    def append(self, batches: Sequence[Batch]) -> frozenset[int]:
        """Store the batches together; return the partitions whose token is valid. A replay is accepted and skipped."""

    def forget(self, tokens: Mapping[int, int]) -> None:
        """Move the stored rows aside and reset these partitions, as their topic was re-created.

        `tokens` by partition: a partition that another replica has acquired meanwhile is skipped, as it may have new
        rows. Rows of the topic's other partitions stored since their own reset are kept.
        """

    def is_new(self) -> bool:
        """Return whether nothing was ever stored under this identity."""
