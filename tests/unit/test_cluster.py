"""A broker's first, incomplete description of the topics just after its start is not used."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from fraudstream.kafka import cluster
from fraudstream.kafka.cluster import Cluster, describe

TOPICS = ("input", "scored", "dlq")
WHOLE = (range(6), range(6), range(6))
_UNKNOWN_TOPIC = 3


class _Admin:
    """A client of a broker that gives these answers, then repeats the last one."""

    def __init__(self, answers: Sequence[Sequence[Sequence[int]]]) -> None:
        self._answers: Iterator[Any] = iter(answers)
        self._last: Any = None
        self.requests = 0

    async def describe_cluster(self) -> dict[str, str]:
        return {"cluster_id": "one"}

    async def describe_topics(self, topics: list[str]) -> list[dict[str, Any]]:
        self.requests += 1
        self._last = next(self._answers, self._last)
        return [
            {
                "topic": topic,
                "error_code": 0 if known else _UNKNOWN_TOPIC,
                "partitions": [{"partition": one} for one in known],
            }
            for topic, known in zip(topics, self._last, strict=True)
        ]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat requests without a pause."""
    monkeypatch.setattr(cluster, "_SETTLE_PAUSE_S", 0.0)
    monkeypatch.setattr(cluster, "_SETTLE_S", 60.0)


def described(admin: Any) -> Cluster:
    """Return the cluster described by the answers."""
    return asyncio.run(describe(admin, TOPICS))


@pytest.mark.parametrize(
    "first",
    [
        ((), (), ()),
        (range(1), range(6), range(6)),
        (range(6), range(6), ()),
        ([0, 3, 5], [0, 3, 5], [0, 3, 5]),
        ([5], range(6), range(6)),
    ],
)
def test_requests_are_repeated_until_the_topics_agree(first: Sequence[Sequence[int]]) -> None:
    """The request is repeated while a topic is missing, is shorter than the others, or has gaps."""
    admin = _Admin([first, first, WHOLE])
    assert described(admin).partitions == dict.fromkeys(TOPICS, 6)
    assert admin.requests == 3


def test_consistent_topics_are_accepted_immediately() -> None:
    """Consistent topics are accepted without waiting."""
    admin = _Admin([WHOLE])
    assert described(admin).partitions == dict.fromkeys(TOPICS, 6)
    assert admin.requests == 1


def test_lasting_differences_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few partitions in an output topic, or a missing topic, are left to the caller to report."""
    monkeypatch.setattr(cluster, "_SETTLE_S", 0.2)
    assert described(_Admin([(range(6), range(2), ())])).partitions == {"input": 6, "scored": 2, "dlq": 0}
