"""State of the services' replicas by their metrics, and totals over them. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from dashboard.exposition import KINDS, Kind, Reading
from fraudstream.runtime.addresses import addresses
from fraudstream.runtime.latency import BUCKETS_MS, quantile

_FORGET_AFTER_S = 60.0
_RATE_OVER_S = 10.0
_NO_ADDRESS = ""
_RULES = 16
"""Model versions whose decision rules are kept, for payments that earlier models decided."""


class Answer(NamedTuple):
    """Result of one scrape: a reading, or the reason for its absence."""

    name: str
    reading: Reading | None
    reason: str = ""


class Measured(NamedTuple):
    """Values over all scorers; None is unknown."""

    p50: float | None
    p99: float | None
    lag: int | None


@dataclass(slots=True, kw_only=True)
class Replica:
    """One address of a service."""

    address: str
    name: str
    seen_s: float
    reading: Reading = field(default_factory=Reading)
    state: Literal["ready", "not_ready", "away"] = "away"
    reason: str = ""
    per_second: float | None = None
    cpu: float | None = None
    history: list[tuple[float, float, float]] = field(default_factory=list)
    """Samples of the last 10 s: time, messages handled, seconds of CPU."""
    ages: list[int] = field(default_factory=list)
    """Latency counts by bucket since the last call of `measure`."""

    def update(self, now_s: float, answer: Answer) -> None:
        """Update the state from a scrape."""
        self.name = answer.name
        if answer.reading is None:
            self.state, self.reason, self.per_second, self.cpu = "away", answer.reason, None, None
            self.history.clear()
            return
        before, self.reading, self.seen_s = self.reading, answer.reading, now_s
        self.state = "ready" if self.reading.ready else "not_ready"
        self.reason = answer.reason
        is_same_process = self.reading.started_s == before.started_s
        if not is_same_process:
            self.history.clear()
        self._update_rates(now_s)
        counts, previous = _counts(self.reading.ages), _counts(before.ages) if is_same_process else []
        fresh = [count - then for count, then in zip(counts, previous, strict=True)] if counts and previous else []
        self.ages = _sum(self.ages, fresh if min(fresh, default=0) >= 0 else [])

    def _update_rates(self, now_s: float) -> None:
        self.history.append((now_s, self.reading.handled, self.reading.cpu_s))
        while len(self.history) > 1 and now_s - self.history[0][0] > _RATE_OVER_S:
            self.history.pop(0)
        then_s, handled, cpu_s = self.history[0]
        elapsed_s = now_s - then_s
        self.per_second = (self.reading.handled - handled) / elapsed_s if elapsed_s else None
        self.cpu = (self.reading.cpu_s - cpu_s) / elapsed_s if elapsed_s else None

    def shown(self) -> dict[str, Any]:
        """Return the replica for the page."""
        return {
            "name": self.name or f"{self.reading.kind} {self.address}",
            "kind": self.reading.kind,
            "state": self.state,
            "reason": self.reason,
            "partitions": [
                {"partition": partition, "ready": ready, "lag": self.reading.lags.get(partition)}
                for partition, ready in sorted(self.reading.partitions.items())
                if self.state != "away"
            ],
            "archive_lags": {} if self.state == "away" else dict(sorted(self.reading.archive_lags.items())),
            "per_second": self.per_second,
            "memory_bytes": self.reading.memory_bytes,
            "cpu": self.cpu,
        }


class Replicas:
    """Replicas that answered within the last minute, and a placeholder for each service without any."""

    def __init__(self) -> None:
        self._replicas: dict[tuple[str, str], Replica] = {}
        self._rules: dict[str, dict[str, Any]] = {}

    def update(self, target: str, answers: Mapping[str, Answer], now_s: float) -> None:
        """Update from the scrapes of `target`; a missing replica is unavailable, and removed after a minute."""
        for address, answer in answers.items():
            if answer.reading is not None or (target, address) in self._replicas:
                replica = Replica(address=address, name=answer.name, seen_s=now_s)
                self._replicas.setdefault((target, address), replica).update(now_s, answer)
        for (owner, address), replica in list(self._replicas.items()):
            if owner == target and address not in answers:
                replica.update(now_s, Answer(replica.name, None, "gone"))
            if now_s - replica.seen_s > _FORGET_AFTER_S or (answers and address == _NO_ADDRESS):
                del self._replicas[owner, address]
        if not any(owner == target for owner, _ in self._replicas):
            self._replicas[target, _NO_ADDRESS] = _unreachable(target, now_s)
        for reading in self._scorers():
            for version, rule in reading.rules().items():
                self._rules.pop(version, None)
                self._rules[version] = rule
        for version in list(self._rules)[:-_RULES]:
            del self._rules[version]

    def measure(self) -> Measured:
        """Return what the scorers measured since the last call."""
        ages = list[int]()
        for replica in self._replicas.values():
            ages, replica.ages = _sum(ages, replica.ages), []
        lags = [lag for reading in self._scorers() for lag in reading.lags.values()]
        return Measured(quantile(0.5, ages), quantile(0.99, ages), sum(lags) if lags else None)

    def shown(self) -> list[dict[str, Any]]:
        """Return the replicas for the page, by name."""
        return [replica.shown() for replica in sorted(self._replicas.values(), key=_order)]

    def models(self) -> Counter[tuple[str, str, str]]:
        """Count the scorers by model: (role, version, kind)."""
        return Counter(model for reading in self._scorers() for model in reading.models)

    @property
    def scorer_ready(self) -> bool:
        """Whether any scorer is ready."""
        return any(one.state == "ready" and one.reading.kind == "scorer" for one in self._replicas.values())

    @property
    def model_refused(self) -> bool:
        """Whether any scorer refuses the active model."""
        return any(reading.model_refused for reading in self._scorers())

    def rules(self) -> dict[str, dict[str, Any]]:
        """Return the decision rule of each model that decides or has decided, by version."""
        return dict(self._rules)

    def other_layouts(self, layout: str) -> list[dict[str, str]]:
        """Return the services that hold a schema of another layout than `layout`, by name, each with its own."""
        return [
            {"name": replica.name or replica.address, "layout": replica.reading.layout}
            for replica in sorted(self._replicas.values(), key=_order)
            if replica.state != "away" and replica.reading.layout not in {"", layout}
        ]

    def agreement(self) -> float | None:
        """Return the share of challenged payments in which champion and challenger made the same decision."""
        challenged = sum(reading.challenged for reading in self._scorers())
        return sum(reading.agreed for reading in self._scorers()) / challenged if challenged else None

    def drift(self) -> list[dict[str, Any]]:
        """Return the drift of each field, as measured by the scorer with the highest PSI relative to its limit."""
        worst: dict[str, dict[str, Any]] = {}
        for reading in self._scorers():
            for name, psi in reading.psi.items():
                limit = reading.limit.get(name, 0.0)
                found = {"field": name, "psi": psi, "limit": limit, "drifting": reading.drifting.get(name, False)}
                if name not in worst or psi * worst[name]["limit"] > worst[name]["psi"] * limit:
                    worst[name] = found
        return list(worst.values())

    def _scorers(self) -> Iterable[Reading]:
        return (
            replica.reading
            for replica in self._replicas.values()
            if replica.state != "away" and replica.reading.kind == "scorer"
        )


def _unreachable(target: str, now_s: float) -> Replica:
    host = str(addresses(target, needs_port=True)[0]._replace(port=None))
    kind: Kind = host if host in KINDS else "service"
    reading = Reading(kind=kind)
    return Replica(address=target, name=host, seen_s=now_s, reading=reading, reason="not running, or not answering")


def _counts(ages: Mapping[float, float]) -> list[int]:
    """Return the counts by bucket; empty if the buckets are another version's, or not cumulative."""
    if len(ages) != len(BUCKETS_MS) + 1:
        return []
    counts = [round(high - low) for low, high in pairwise([0.0, *(ages[bound] for bound in sorted(ages))])]
    return counts if min(counts) >= 0 else []


def _sum(one: list[int], other: list[int]) -> list[int]:
    return [here + there for here, there in zip(one, other, strict=True)] if one and other else one or other


def _order(replica: Replica) -> tuple[bool, str, list[tuple[bool, int | str]]]:
    """Return the sort key: scorers first, `scorer-10` after `scorer-9`."""
    parts = (replica.name or replica.address).replace("-", " ").replace(":", " ").split()
    kind = replica.reading.kind
    return kind != "scorer", kind, [(part.isdecimal(), int(part) if part.isdecimal() else part) for part in parts]
