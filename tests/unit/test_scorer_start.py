"""What the scorer makes of a cluster's first answers."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka.errors import KafkaConnectionError

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.cluster import Cluster
from fraudstream.kafka.limits import OutputLimits
from scorer import service
from scorer.service import ScorerSettings

SETTINGS = ScorerSettings.from_env({})
TOPICS = (SETTINGS.topics.input, SETTINGS.topics.scored, SETTINGS.topics.dlq)
GOOD = Cluster(id="c", partitions=dict.fromkeys(TOPICS, 4))
NO_TOPICS = Cluster(id="c", partitions=dict.fromkeys(TOPICS, 0))


def found(monkeypatch: pytest.MonkeyPatch, *answers: Cluster | Exception) -> Cluster | None:
    """What is found in a cluster that answers so, one answer after the other, in no time."""
    left: Iterator[Cluster | Exception] = iter(answers)

    async def asked(*_: object) -> Cluster:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def at_once(*_: object) -> None:
        """No waiting."""

    monkeypatch.setattr(service, "_describe_cluster", asked)
    monkeypatch.setattr(service, "wait_for_stop", at_once)
    return asyncio.run(service._find_cluster(SETTINGS, OutputLimits(SETTINGS.kafka, TOPICS), asyncio.Event()))


def test_a_broker_that_has_just_started_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it took to answer at all; and once more from the start when it was away in between."""
    away = KafkaConnectionError("away")
    assert found(monkeypatch, *[NO_TOPICS] * 5, GOOD) == GOOD
    assert found(monkeypatch, *[NO_TOPICS] * 5, away, *[NO_TOPICS] * 5, GOOD) == GOOD


def test_topics_that_stay_away_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which says how to make them."""
    with pytest.raises(KafkaSetupError, match="fraudstream topics"):
        found(monkeypatch, *[NO_TOPICS] * 6, GOOD)
