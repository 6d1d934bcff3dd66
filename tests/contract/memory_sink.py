"""The sink's contract without a file, for tests of the code that uses a sink."""

from collections.abc import Collection, Mapping, Sequence

from tests.scores import LAYOUT

from fraudstream.csv_file.protocol import Batch, Holding
from fraudstream.offsets import Decided


class MemorySink:
    """Rows in memory, as `rows[partition][offset]`."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[int, bytes]] = {}
        self._tokens: dict[int, int] = {}
        self._decided: dict[int, Decided] = {}

    def is_new(self) -> bool:
        """Return whether no partition was ever acquired."""
        return not self._tokens

    def acquire(self, partitions: Collection[int]) -> dict[int, Holding]:
        """Acquire the partitions."""
        for partition in partitions:
            self._tokens[partition] = self._tokens.get(partition, 0) + 1
        return {partition: self._holding(partition) for partition in partitions}

    def append(self, batches: Sequence[Batch]) -> frozenset[int]:
        """Keep the rows that are new."""
        held = [batch for batch in batches if self._tokens.get(batch.partition) == batch.token]
        for batch in held:
            decided = self._decided.get(batch.partition)
            if decided is not None and batch.last <= decided.offset:
                continue
            if decided is not None and batch.base <= decided.offset:
                raise ValueError(f"a batch of partition {batch.partition} is new and also a replay")
            kept = self.rows.setdefault(batch.partition, {})
            kept.update({LAYOUT.stored_row(row).offset: row for row in batch.rows.splitlines(keepends=True)})
            self._decided[batch.partition] = Decided(offset=batch.last, base=batch.base, fingerprint=batch.fingerprint)
        return frozenset(batch.partition for batch in held)

    def forget(self, tokens: Mapping[int, int]) -> None:
        """Drop the rows of these partitions."""
        for partition, token in tokens.items():
            if self._tokens.get(partition) == token:
                self.rows.pop(partition, None)
                self._decided.pop(partition, None)

    def _holding(self, partition: int) -> Holding:
        decided = self._decided.get(partition)
        if decided is None:
            return Holding(token=self._tokens[partition])
        rows = {}
        for offset, line in self.rows.get(partition, {}).items():
            if offset >= decided.base:
                rows[offset] = LAYOUT.stored_row(line)
        return Holding(token=self._tokens[partition], decided=decided, rows=rows)
