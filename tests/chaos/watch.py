"""Observers during the storm: the records that a reader of the topics sees, and the CSV's committed bytes."""

import hashlib
import json
import threading
from array import array
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from fraudstream.csv_file.journal import State, journal_of
from tests.chaos.load import Place, client
from tests.chaos.report import Report

_READ = 1_000
_READ_TIMEOUT_S = 0.2
_TAIL_EVERY_S = 0.2
_COMPARE_EVERY = 25
_UNAVAILABLE = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.OFFSET_NOT_AVAILABLE,
}


class Seen:
    """The output place of each input place, in eight bytes each, so that hours of load fit into memory."""

    def __init__(self, partitions: int) -> None:
        self.count = 0
        self._where = [array("q") for _ in range(partitions)]

    def note(self, place: Place, where: int) -> int | None:
        """Note that `place` was seen at `where`; return its earlier position, if it was seen before."""
        partition, offset = place
        known = self._where[partition]
        if offset >= len(known):
            known.extend([-1] * (offset + 1 - len(known)))
        before = known[offset]
        known[offset] = where
        if before >= 0:
            return before
        self.count += 1
        return None

    def __contains__(self, place: Place) -> bool:
        partition, offset = place
        return offset < len(self._where[partition]) and self._where[partition][offset] >= 0

    def places(self) -> list[Place]:
        """Return all places, in order."""
        return [
            (partition, offset)
            for partition, known in enumerate(self._where)
            for offset, where in enumerate(known)
            if where >= 0
        ]


class Piece(NamedTuple):
    """Bytes of the CSV that were committed when they were read."""

    generation: int
    start: int
    end: int
    digest: bytes


class Reader:
    """A read_committed reader, as another system would run it, with another client library than the scorer's."""

    def __init__(self, bootstrap: str, topics: Sequence[str], partitions: int, report: Report) -> None:
        self._input, self._scored, self._dlq = topics
        self.input, self.scored, self.dead = Seen(partitions), Seen(partitions), Seen(partitions)
        self.repeats = 0
        self._last: dict[tuple[str, int], int] = {}
        self._report = report
        options = {
            "group.id": "onlooker",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 100,
        }
        self._consumer = Consumer(client(bootstrap, **options))
        self._consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for topic in topics for number in range(partitions)]
        )
        self._over = threading.Event()
        self._thread = report.thread(self._read)

    @property
    def undecided(self) -> int:
        """The number of input records read so far that are neither scored nor a dead letter."""
        return self.input.count - self.scored.count - self.dead.count

    def start(self) -> None:
        """Start to read in a background thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading."""
        self._over.set()
        self._thread.join()
        self._consumer.close()

    def lost(self) -> list[Place]:
        """Return the input places that no output has."""
        return [place for place in self.input.places() if place not in self.scored and place not in self.dead]

    def _read(self) -> None:
        while not self._over.is_set():
            try:
                messages = self._consumer.consume(_READ, _READ_TIMEOUT_S)
            except KafkaException as error:
                self._report.add_finding(f"the reader of the topics failed: {error}")
                return
            for message in messages:
                self._note(message)

    def _note(self, message: Message) -> None:
        error = message.error()
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if error is not None:
            if error.code() not in _UNAVAILABLE:
                self._report.add_finding(f"reading {topic}/{partition}: {error}")
            return
        assert topic is not None
        assert partition is not None
        assert offset is not None
        if topic == self._input:
            self.input.note((partition, offset), offset)
            return
        source = _scored_place(message) if topic == self._scored else _dead_place(message)
        if source is None:
            return
        if source[0] != partition:
            self._report.add_finding(f"{topic}/{partition} at {offset} is of partition {source[0]}")
        seen, other = (self.scored, self.dead) if topic == self._scored else (self.dead, self.scored)
        before = seen.note(source, offset)
        if before is not None or source in other:
            self.repeats += 1
            self._report.add_finding(f"repeat: input {source} is in {topic} at {before} and {offset}")
        elif source[1] < self._last.get((topic, partition), -1):
            self._report.add_finding(f"disorder: input {source} is in {topic} at {offset}, after a later one")
        self._last[topic, partition] = source[1]


def _scored_place(message: Message) -> Place:
    event = json.loads(message.value() or b"{}")
    return event["source_partition"], event["source_offset"]


def _dead_place(message: Message) -> Place | None:
    """Return the place of the dead letter's message; None for a replay's marker."""
    headers = dict(message.headers() or [])
    if "dlq.replayed_offset" in headers and "dlq.offset" not in headers:
        return None
    return int(headers["dlq.partition"] or -1), int(headers["dlq.offset"] or -1)


class Tailer:
    """A comparison of the CSV's committed part with its earlier content: it may only grow; rotation must keep it."""

    def __init__(self, path: Path, report: Report) -> None:
        self._path = path
        self._journal = journal_of(path)
        self._report = report
        self._generation = 0
        self._length = 0
        self._pieces: list[Piece] = []
        self._over = threading.Event()
        self._thread = report.thread(self._tail)

    def start(self) -> None:
        """Start to compare in a background thread."""
        self._thread.start()

    def stop(self) -> None:
        """Compare everything once more, and end."""
        self._over.set()
        self._thread.join()
        self._look()
        self._compare()

    def state(self) -> State | None:
        """Return the journal's current state."""
        return self._journal.read()

    def _tail(self) -> None:
        looks = 0
        while not self._over.wait(_TAIL_EVERY_S):
            looks += 1
            with suppress(FileNotFoundError):  # it is being rotated
                self._look()
                if looks % _COMPARE_EVERY == 0:
                    self._compare()

    def _look(self) -> None:
        """Remember the bytes committed since the last call."""
        state = self.state()
        if state is None:
            if self._length:
                self._report.add_finding("the journal is unreadable or missing")
            return
        if state.generation > self._generation:
            self._generation, self._length = state.generation, 0
        if state.length < self._length:
            self._report.add_finding(f"the committed length shrank from {self._length} to {state.length}")
        if state.length > self._length:
            digest = self._digest(self._generation, self._length, state.length)
            self._pieces.append(Piece(self._generation, self._length, state.length, digest))
            self._length = state.length

    def _compare(self) -> None:
        """Read all again and compare."""
        for generation, start, end, digest in self._pieces:
            if self._digest(generation, start, end) != digest:
                self._report.add_finding(
                    f"committed bytes {start} … {end} of the CSV's generation {generation} have changed"
                )

    def _digest(self, generation: int, start: int, end: int) -> bytes:
        rotated = rotated_csv(self._path, generation)
        while True:
            path = rotated if rotated.exists() else self._path
            with path.open("rb") as file:
                file.seek(start)
                digest = hashlib.blake2b(file.read(end - start)).digest()
            if path == rotated or not rotated.exists():
                return digest


def rotated_csv(path: Path, generation: int) -> Path:
    """Return the name of the rotated CSV of this generation."""
    return path.with_name(f"{path.stem}.{generation + 1:04d}{path.suffix}")
