"""`python -m tests.faults.mutant NAME`: the scorer with one of its rules taken out. A fault test must notice.

A rule whose mutant no test notices is no rule, and is deleted.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from fraudstream.failpoints import failpoint
from fraudstream.kafka.outlet import Outlet
from fraudstream.kafka.producing import enqueue
from fraudstream.records import Record
from fraudstream.rows import Message
from fraudstream.sinks import csv
from fraudstream.sinks.journal import State
from fraudstream.sinks.lock import FileLock
from fraudstream.sinks.protocol import Batch
from scorer.__main__ import main
from scorer.ownership import Lane
from scorer.pipeline import Pipeline
from scorer.scoring import Outcome


def no_lock() -> None:
    """Everybody may append at once; the proof at start, which would refuse this, is out with it."""

    @contextmanager
    def held(_: FileLock) -> Iterator[None]:
        yield

    FileLock.held = held  # type: ignore[method-assign, assignment]
    csv.CsvSink.prove = lambda _: None  # type: ignore[method-assign, assignment]


def no_skip() -> None:
    """Rows that the CSV has already are appended again."""
    csv._is_replay = lambda *_: False

    def store(self: csv.CsvSink, file: int, state: State, batches: Sequence[Batch]) -> None:
        forgetful = {partition: replace(mark, offset=-1) for partition, mark in state.marks.items()}
        original(self, file, replace(state, marks=forgetful), batches)

    original = csv.CsvSink._store
    csv.CsvSink._store = store  # type: ignore[method-assign]


def no_token() -> None:
    """A former owner may append."""

    class Every(int):
        """Equal to any token."""

        def __eq__(self, _: object) -> bool:
            return True

        __hash__ = int.__hash__

    csv._token = lambda *_: Every()


def commit_first() -> None:
    """Kafka's commit before the CSV."""

    async def cycle(self: Pipeline, fetched: Mapping[int, Sequence[Record]]) -> None:
        lanes: dict[int, Lane] = {p: lane for p, lane in self.ownership.lanes.items() if p in fetched}
        if not lanes:
            return
        outcomes = await self._decide(lanes, self._cut_replays(lanes, fetched))
        published = await self._each(lanes, outcomes, lambda lane, outcome: lane.outlet.send(outcome.messages))
        committed = await self._each(lanes, published, lambda lane, outcome: lane.outlet.commit(outcome.last + 1))
        failpoint("committed")
        stored: list[Outcome] = await self._store(lanes, committed)
        if stored:
            self._progressed()
            self.narration.cycle(stored, time.perf_counter())

    Pipeline._cycle = cycle  # type: ignore[method-assign]


def not_awaited() -> None:
    """Acknowledgements are not waited for."""

    async def send(self: Outlet, messages: Mapping[str, Sequence[Message]]) -> None:
        await self._producer.begin_transaction()
        for topic, batch in messages.items():
            await enqueue(self._producer, topic, self._source.partition, batch)

    Outlet.send = send  # type: ignore[method-assign]


MUTANTS: Mapping[str, Callable[[], None]] = {
    "none": lambda: None,
    "no_lock": no_lock,
    "no_skip": no_skip,
    "no_token": no_token,
    "commit_first": commit_first,
    "not_awaited": not_awaited,
}

if __name__ == "__main__":
    MUTANTS[sys.argv.pop(1)]()
    sys.exit(main())
