"""Data shown on the page, in bounded memory: written from Kafka and metrics, read once a second. Pure."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from dashboard.fields import described
from dashboard.recent import Recent
from dashboard.records import Letter, dead_letter, dead_reason, second_of, shown
from dashboard.replicas import Replicas
from dashboard.sampling import Sampling
from dashboard.window import SECONDS, ScoredBy, Scores, Window, decision_numbers
from fraudstream.dead_letter import Replayed, replayed
from fraudstream.payment import APPROVE
from fraudstream.record import Record
from fraudstream.runtime.own_command import IN_COMPOSE
from fraudstream.scored_payment import ScoredFormat, ScoredPayment
from fraudstream.timestamps import rfc3339

FLAGGED_ON_A_PAGE, DEAD_ON_A_PAGE = 200, 100
FLAGGED_PER_TICK, DEAD_PER_TICK = 50, 20

KafkaState = Literal["connecting", "catching_up", "reading", "away"]


class Board:
    """State of the page; times are in seconds since 1970, given by the caller."""

    def __init__(
        self,
        servers: str,
        scored: ScoredFormat,
        replicas: Replicas,
        now_s: float,
        *,
        currency: str = "",
        command: str = IN_COMPOSE,
    ) -> None:
        """Start empty; the page shows `servers`, Kafka's address, and suggests `command`, the user's command line."""
        self.scored = scored
        self.schema = scored.schema
        self.described = described(scored.schema, currency)
        self.commands = {"fraudstream": command, "compose": command == IN_COMPOSE}
        self.kafka_state: KafkaState = "connecting"
        self.recent = Recent()
        self.found_since_s: int | None = None
        """Second of the first payment in `recent`; None before the first."""
        self.replicas = replicas
        self.sampling = Sampling()
        self._window = Window(int(now_s))
        self._servers = servers
        self._state_since_s = now_s
        self._history_s: int | None = None
        self._cut: set[int] = set()
        self._measured_s = int(now_s)
        self._flagged: deque[dict[str, Any]] = deque(maxlen=FLAGGED_ON_A_PAGE)
        self._dead: deque[Letter] = deque(maxlen=DEAD_ON_A_PAGE)
        self._new_flagged = self._new_dead = 0
        self._new_replays: dict[tuple[int, int], str] = {}

    @property
    def reading(self) -> bool:
        """Whether the board is up to date."""
        return self.kafka_state == "reading"

    def connected(self, now_s: float, *, caught_up: bool) -> None:
        """Record that Kafka answers; `caught_up`: the history has been read."""
        self._enter("reading" if caught_up else "catching_up", now_s)

    def disconnected(self, now_s: float) -> None:
        """Record that Kafka does not answer."""
        self._enter("connecting" if self.kafka_state == "connecting" else "away", now_s)

    def start_history(self, now_s: float, cut: Collection[int]) -> None:
        """Set the start of the history: 15 minutes ago, or in the `cut` partitions their first record read."""
        if self._history_s is None:
            self._history_s = int(now_s) - SECONDS
        self._cut |= set(cut)

    def add_scored(self, partition: int, records: Sequence[Record], now_s: float) -> None:
        """Add records from one partition of the scored topic."""
        self._window.advance(int(now_s))
        self.sampling.read(len(records), now_s)
        read = [(payment, record) for record in records if (payment := self.scored.read(record.value)) is not None]
        if not read:
            return
        payments = [payment for payment, _ in read]
        seconds = np.array([second_of(payment.scored_at) for payment in payments], dtype=np.int64)
        probabilities = np.array([payment.fraud_probability for payment in payments])
        decisions = decision_numbers([payment.decision for payment in payments])
        self._window.add(Scores(seconds, decisions, probabilities))
        self._add_versions(payments, seconds, probabilities)
        self.recent.add(partition, [payment.id for payment in payments], [record.offset for _, record in read])
        if partition in self._cut:
            self._cut.discard(partition)
            self._history_s = max(self._history_s or 0, int(seconds[0]))
        if self.found_since_s is None:
            self.found_since_s = int(seconds[0])
        flagged = [(payment, record) for payment, record in read if payment.decision != APPROVE]
        self._new_flagged += len(flagged)
        latest = flagged[-FLAGGED_ON_A_PAGE:]
        self._flagged.extend(shown(payment, self.schema, record.timestamp) for payment, record in latest)

    def add_dead(self, partition: int, records: Sequence[Record], now_s: float) -> None:
        """Add records from one partition of the dead-letter topic.

        Their timestamps can't be trusted: they count as of now, and only while catching up as of their timestamp.
        """
        self._window.advance(int(now_s))
        letters, markers = list[Record](), list[Replayed]()
        for record in records:
            if marker := replayed(partition, record):
                markers.append(marker)
            else:
                letters.append(record)
        for record in letters:
            second = int(now_s) if self.reading else record.timestamp // 1_000
            self._window.add_dead(second, dead_reason(record))
        self._new_dead += len(letters)
        latest = letters[-DEAD_ON_A_PAGE:]
        self._dead.extend(dead_letter(partition, record, is_masked=self.schema.has_secrets) for record in latest)
        if markers:
            self._mark(markers)

    def skip(self, count: int, now_s: float) -> None:
        """Record that `count` payments were skipped to keep up."""
        self._window.advance(int(now_s))
        self._window.skip(count, self.sampling.skip(count, now_s))

    def measure(self, now_s: float) -> None:
        """Store what the scorers measured since the last call."""
        self._window.advance(int(now_s))
        self._window.measure(self._measured_s, **self.replicas.measure()._asdict())
        self._measured_s = int(now_s)

    def snapshot(self, now_s: float) -> dict[str, Any]:
        """Return the whole state, for a new page."""
        return {
            **self._state(now_s, SECONDS),
            "schema": self.described,
            "commands": self.commands,
            "flagged": list(reversed(self._flagged)),
            "flagged_left_out": 0,
            "dead_letters": [letter.shown for letter in reversed(self._dead)],
        }

    def tick(self, now_s: float) -> dict[str, Any]:
        """Return the changes since the last tick."""
        self._window.advance(int(now_s))
        flagged, dead = min(self._new_flagged, FLAGGED_PER_TICK), min(self._new_dead, DEAD_PER_TICK)
        tick = {
            **self._state(now_s, self._window.take_changed()),
            "flagged": [self._flagged[-number] for number in range(1, flagged + 1)],
            "flagged_left_out": self._new_flagged - flagged,
            "dead_letters": [self._dead[-number].shown for number in range(1, dead + 1)],
            "replays": [
                {"partition": partition, "offset": offset, "replayed": at}
                for (partition, offset), at in self._new_replays.items()
            ],
        }
        self._new_flagged = self._new_dead = 0
        self._new_replays = {}
        return tick

    def dead_with_key(self, key: str) -> list[dict[str, Any]]:
        """Return those of the latest dead letters that have this key."""
        return [letter.shown for letter in reversed(self._dead) if letter.key == key]

    def _mark(self, markers: Sequence[Replayed]) -> None:
        """Set the time of replay on the letters of `markers` that the board holds."""
        letters = {(letter.shown["partition"], letter.shown["offset"]): letter.shown for letter in self._dead}
        for marker in markers:
            place = marker.partition, marker.letter_offset
            if letter := letters.get(place):
                letter["replayed"] = self._new_replays[place] = rfc3339(marker.timestamp_ms)

    def _state(self, now_s: float, seconds: int) -> dict[str, Any]:
        window, replicas = self._window, self.replicas
        window.advance(int(now_s))
        return {
            "now": window.now - 1,
            "window_s": SECONDS,
            "kafka": {"state": self.kafka_state, "since": int(self._state_since_s), "servers": self._servers},
            "history_since": self._history_s,
            "sampling": self.sampling.shown(now_s),
            "series": {"first": window.first(seconds), **window.series(seconds)},
            "scores": window.scores(),
            "dead_reasons": window.dead_reasons(),
            "models": self._models(),
            "agreement": replicas.agreement(),
            "model_refused": replicas.model_refused,
            "rules": replicas.rules(),
            "other_layouts": replicas.other_layouts(self.schema.layout),
            "replicas": replicas.shown(),
            "drift": replicas.drift(),
            "drift_waiting": replicas.drift_waiting(),
        }

    def _models(self) -> list[dict[str, Any]]:
        """Return the models that the scorers report; where no scorer answers, those of the window's records."""
        totals = self._window.versions()
        reported: Mapping[tuple[Any, str, str], int] = self.replicas.models()
        known = reported or {(*model, ""): 0 for model in totals}
        return [
            {"role": role, "version": version, "kind": kind, "replicas": count}
            | _scored(totals.get(ScoredBy(role, version)))
            for (role, version, kind), count in sorted(known.items(), key=_champion_first)
        ]

    def _add_versions(self, payments: Sequence[ScoredPayment], seconds: Any, probabilities: Any) -> None:
        for version, ours in _by_version([payment.model_version for payment in payments]):
            self._window.add_version(ScoredBy("champion", version), seconds[ours], probabilities[ours])
        shadows = [payment.challenger_version for payment in payments]
        if not any(shadows):
            return
        shadow = np.array([payment.challenger_probability for payment in payments], dtype=float)
        for version, ours in _by_version(shadows):
            self._window.add_version(ScoredBy("challenger", version), seconds[ours], shadow[ours])

    def _enter(self, state: KafkaState, now_s: float) -> None:
        if state != self.kafka_state:
            self.kafka_state, self._state_since_s = state, now_s


def _by_version(versions: Sequence[str | None]) -> Iterator[tuple[str, Any]]:
    """Yield each version with an index of its rows; rows without a version are left out."""
    distinct = dict.fromkeys(versions)
    for version in distinct:
        if version:
            yield version, slice(None) if len(distinct) == 1 else np.array([one == version for one in versions])


def _champion_first(entry: tuple[tuple[str, str, str], int]) -> tuple[bool, tuple[str, str, str]]:
    (role, version, kind), _ = entry
    return role != "champion", (role, version, kind)


def _scored(totals: tuple[int, float] | None) -> dict[str, Any]:
    payments, mean = totals or (0, None)
    return {"payments": payments, "mean": mean}
