"""Takeover of partitions from their previous owner: tokens of the CSV, resume offsets, registration."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from prometheus_client import Counter

from fraudstream.csv_file.layout import StoredRow
from fraudstream.csv_file.protocol import Holding, Sink
from fraudstream.kafka.consumer import InputConsumer
from fraudstream.kafka.group_requests import Membership
from fraudstream.kafka.owner import Owner
from fraudstream.offsets import Case, Decided, Log, Resume, needs_fingerprint, resume
from fraudstream.runtime.failpoints import failpoint

T = TypeVar("T")
_MEANINGS = {
    Case.CSV_BEGINS_HERE: "the CSV has no rows of the partition yet; continuing at the committed offset",
    Case.OFFSETS_EXPIRED: "the group's committed offset is gone; continuing after the last row of the CSV",
    Case.RETENTION_PASSED: "retention deleted payments, or transaction markers, before they were scored",
    Case.GROUP_RESET_BACK: "the group was reset to offsets already scored; continuing after the last row of the CSV",
    Case.GROUP_AHEAD: "the offsets between are not in this CSV: another host scored them, or a reset skipped them",
    Case.TOPIC_RECREATED: "the topic was re-created; the previous CSV is renamed, continuing at the topic's beginning",
}


@dataclass(slots=True, kw_only=True)
class PartitionState:
    """A ready partition: the sink's token for it, and the rows that a replay must repeat.

    `position` is the committed offset, or the one to resume from. The next batch begins there; its first record may
    have a higher offset, where other producers' transactions have left offsets without a record.
    """

    token: int
    position: int
    rows: Mapping[int, StoredRow] = field(default_factory=dict)
    replay_until: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """The steps between the fence of the previous owners and the first cycle."""

    consumer: InputConsumer
    sink: Sink
    first: Mapping[int, int]
    """Start offsets, by partition, that this process committed for a new group."""
    records_lost: Counter

    async def run(
        self, owner: Owner, committed: Mapping[int, int | None], membership: Membership
    ) -> dict[int, PartitionState]:
        """Take the sink's tokens, read the log, register: in this order. `committed` was read after the fence.

        The log's end is read after the token: then the journal's last offset is before it, unless the topic is new.
        Changes that require the current group generation are made only after `register` has validated it.
        """
        holdings = await _uncancelled(asyncio.to_thread(self.sink.acquire, list(committed)))
        failpoint("token_taken")
        logs = await self.consumer.logs(committed)
        starts = {
            partition: await self._resume(partition, committed[partition], holdings[partition].decided, logs[partition])
            for partition in committed
        }
        failpoint("registering")
        await owner.register(membership, {partition: start.position for partition, start in starts.items()})
        failpoint("registered")
        renewed = [partition for partition, start in starts.items() if start.case is Case.TOPIC_RECREATED]
        if renewed:
            tokens = {partition: holdings[partition].token for partition in renewed}
            await _uncancelled(asyncio.to_thread(self.sink.forget, tokens))
        return {partition: _state(holdings[partition], start) for partition, start in starts.items()}

    async def _resume(self, partition: int, committed: int | None, decided: Decided | None, log: Log) -> Resume:
        if decided is not None and needs_fingerprint(committed, decided) and log.start <= decided.offset < log.end:
            actual = await self.consumer.fingerprint_at(partition, decided.offset)
            log = Log(start=log.start, end=log.end, fingerprint=actual)
        start = resume(committed, decided, log, self.first.get(partition))
        self.records_lost.inc(start.lost)
        meaning = _MEANINGS.get(start.case)
        if meaning:
            report = structlog.get_logger().error if start.lost else structlog.get_logger().warning
            report(
                start.case.value.replace("_", " "),
                partition=partition,
                position=start.position,
                committed=committed,
                last_row=decided.offset if decided else None,
                meaning=meaning,
                **({"lost": start.lost} if start.lost else {}),
            )
        return start


def _state(holding: Holding, start: Resume) -> PartitionState:
    state = PartitionState(token=holding.token, position=start.position)
    if holding.decided is not None and start.case is not Case.TOPIC_RECREATED:
        state.rows, state.replay_until = holding.rows, holding.decided.offset
    return state


async def _uncancelled(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; if cancelled, wait for its end before raising: a thread can't be cancelled."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
