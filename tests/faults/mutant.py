"""`python -m tests.faults.mutant NAME`: the scorer with one of its rules removed. A fault test must fail with it.

A rule whose mutant passes all tests is unnecessary, and is deleted. `earlier_release` does not remove a rule: it is
used by the test of an upgrade.
"""

import asyncio
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from fraudstream.csv_file.journal import State
from fraudstream.csv_file.lock import FileLock
from fraudstream.csv_file.protocol import Batch
from fraudstream.kafka.first_start import commit_start
from fraudstream.kafka.group_requests import CommittedOffset, Membership
from fraudstream.kafka.owner import Owner
from fraudstream.kafka.producing import enqueue
from fraudstream.record import Message, Place
from fraudstream.runtime.failpoints import failpoint
from fraudstream.runtime.run import run
from scorer import csv_sink, startup
from scorer.__main__ import main
from scorer.pipeline import Pipeline
from scorer.scoring import Outcome
from scorer.takeover import PartitionState
from tests.faults.earlier_release import earlier_release


def no_lock() -> None:
    """Let any process append at any time; the check at start, which would refuse this, is removed too."""

    @contextmanager
    def held(_: FileLock) -> Iterator[None]:
        yield

    FileLock.held = held  # type: ignore[method-assign, assignment]
    csv_sink.CsvSink.prove = lambda _: None  # type: ignore[method-assign, assignment]


def no_skip() -> None:
    """Append rows again that the CSV already has."""
    csv_sink._is_replay = lambda *_: False

    def store(self: csv_sink.CsvSink, file: int, state: State, batches: Sequence[Batch]) -> None:
        unset = {partition: replace(mark, offset=-1) for partition, mark in state.marks.items()}
        original(self, file, replace(state, marks=unset), batches)

    original = csv_sink.CsvSink._store
    csv_sink.CsvSink._store = store  # type: ignore[method-assign]


def no_token() -> None:
    """Let a previous owner append."""

    class Every(int):
        """A token equal to any other."""

        def __eq__(self, _: object) -> bool:
            return True

        __hash__ = int.__hash__

    csv_sink._token = lambda *_: Every()


def commit_first() -> None:
    """Commit to Kafka before the append to the CSV."""

    async def commit(
        self: Pipeline, ready: Mapping[int, PartitionState], outcomes: Sequence[Outcome]
    ) -> Sequence[Outcome]:
        owner = self.ownership.owner
        offsets = {one.partition: one.last + 1 for one in outcomes}
        await owner.send(
            {(topic, one.partition): batch for one in outcomes for topic, batch in one.messages.items() if batch}
        )
        await owner.send_offsets(offsets)
        await owner.commit(offsets)
        failpoint("committed")
        return await self._store(ready, outcomes)

    Pipeline._commit = commit  # type: ignore[method-assign]


def not_awaited() -> None:
    """Do not wait for acknowledgements."""

    async def send(self: Owner, messages: Mapping[Place, Sequence[Message]]) -> dict[int, BaseException]:
        await self._producer.begin_transaction()
        for place, batch in messages.items():
            await enqueue(self._producer, *place, batch)
        return {}

    Owner.send = send  # type: ignore[method-assign]


def no_fence() -> None:
    """Let a takeover leave the previous owner's producer unfenced."""

    async def fence(_: Owner, __: Collection[str]) -> dict[str, str]:
        return {}

    Owner._fence = fence  # type: ignore[assignment, method-assign]


def no_legacy_fence() -> None:
    """Let a takeover fence only owners that the metadata names, none of an earlier release."""

    def owners(self: Owner, committed: Mapping[int, CommittedOffset]) -> dict[int, set[str]]:
        found = original(self, committed)
        return {partition: owner if committed[partition].metadata else set() for partition, owner in found.items()}

    original = Owner._owners
    Owner._owners = owners  # type: ignore[method-assign]


def no_start_fence() -> None:
    """Let a takeover leave a process unfenced that may still commit a new group's start."""

    def owners(self: Owner, committed: Mapping[int, CommittedOffset]) -> dict[int, set[str]]:
        found = original(self, committed)
        return {partition: {one for one in ids if not one.endswith("-start")} for partition, ids in found.items()}

    original = Owner._owners
    Owner._owners = owners  # type: ignore[method-assign]


def no_second_read() -> None:
    """Let a takeover rely on the offsets that it read before the fence."""

    async def fence_others(
        self: Owner, partitions: Collection[int], ended: Collection[str]
    ) -> tuple[dict[int, int | None], dict[int, str]]:
        before = await self._committed(partitions, stable=False)
        _, blocked = await original(self, partitions, ended)
        return {partition: one.offset for partition, one in before.items()}, blocked

    original = Owner.fence_others
    Owner.fence_others = fence_others  # type: ignore[method-assign]


def no_registration() -> None:
    """Let a takeover leave the previous owner's id in the metadata."""

    async def register(self: Owner, membership: Membership, _: Mapping[int, int]) -> None:
        self._membership = membership

    Owner.register = register  # type: ignore[assignment, method-assign]


def no_generation() -> None:
    """Commit a takeover's positions in a transaction, for which the group does not check the generation."""

    async def commit(self: Owner, positions: Mapping[int, int]) -> None:
        await self._producer.begin_transaction()
        await self.send_offsets(positions)
        await self._producer.commit_transaction()

    async def register(self: Owner, membership: Membership, positions: Mapping[int, int]) -> None:
        self._membership = membership
        request = asyncio.ensure_future(commit(self, positions))  # the commit that this replaces is one request, too
        try:
            await asyncio.shield(request)
        finally:
            await request

    Owner.register = register  # type: ignore[method-assign]


def no_metadata() -> None:
    """Commit a cycle without the owner's id in the metadata."""

    async def send_offsets(self: Owner, offsets: Mapping[int, int]) -> None:
        own, self.id = self.id, ""
        try:
            await original(self, offsets)
        finally:
            self.id = own

    original = Owner.send_offsets
    Owner.send_offsets = send_offsets  # type: ignore[method-assign]


def plain_start() -> None:
    """Commit the first start outside of a transaction."""

    async def plain(*where: Any, **options: Any) -> dict[int, int]:
        return await commit_start(*where, **{**options, "guarantee": "at_least_once"})

    startup.commit_start = plain  # type: ignore[attr-defined]


def none() -> None:
    """Change nothing."""


_FENCES = (no_fence, no_legacy_fence, no_start_fence, no_second_read, no_registration, no_generation, no_metadata)
_OTHERS = (none, no_lock, no_skip, no_token, commit_first, not_awaited, plain_start, earlier_release)
MUTANTS: Mapping[str, Callable[[], None]] = {mutant.__name__: mutant for mutant in (*_OTHERS, *_FENCES)}

if __name__ == "__main__":
    MUTANTS[sys.argv.pop(1)]()
    sys.exit(run(main))
