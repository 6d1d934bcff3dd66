"""Consequences of a refused record, by the known settings of the topic."""

import asyncio
from collections.abc import Mapping

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from structlog.testing import capture_logs

from fraudstream.errors import TopicRefusesError
from fraudstream.kafka import limits
from fraudstream.kafka.limits import OutputLimits, TopicsChangedError
from fraudstream.kafka.refused_records import TopicLimits
from fraudstream.runtime.settings import KafkaSettings

KAFKA = KafkaSettings.from_env({})


class Admin:
    """A client without answers of its own."""

    async def start(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Disconnect."""


def refused(
    monkeypatch: pytest.MonkeyPatch, *answers: Mapping[str, str] | None, stamped: tuple[str, ...] = ()
) -> Exception:
    """Return the error raised after a refusal, given the settings read at the start and again."""
    left = iter(answers)

    async def read(*_: object) -> dict[str, TopicLimits | None]:
        settings = next(left)
        return {"scores": None if settings is None else TopicLimits(topic="scores", settings=settings)}

    async def scenario() -> Exception:
        known = OutputLimits(KAFKA, ("scores",), stamped)
        await known.refresh()
        return await known.refused(known.of("scores"), MessageSizeTooLargeError(), [])

    monkeypatch.setattr(limits, "_read", read)
    monkeypatch.setattr(limits, "admin_client", lambda _: Admin())
    return asyncio.run(scenario())


def test_settings_that_have_changed_are_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The records may fit the new settings."""
    with capture_logs() as logs:
        error = refused(monkeypatch, {"max.message.bytes": "900"}, {"max.message.bytes": "800"})
    assert isinstance(error, TopicsChangedError)
    assert [line["settings"] for line in logs] == [{"max.message.bytes": "800"}]


def test_settings_that_are_the_same_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the setting and the command."""
    error = refused(monkeypatch, *[{"max.message.bytes": "900"}] * 2)
    assert isinstance(error, TopicRefusesError)
    assert "max.message.bytes=900" in str(error)


def test_settings_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the missing right too."""
    error = refused(monkeypatch, None, None)
    assert isinstance(error, TopicRefusesError)
    assert "max.message.bytes=unknown" in str(error)
    assert "lacks DescribeConfigs on topic scores; grant it: kafka-acls" in str(error)


def test_remarks_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A remark is logged once, however often the settings are read."""
    with capture_logs() as logs:
        refused(monkeypatch, *[{"message.timestamp.type": "LogAppendTime"}] * 2)
    assert [line["setting"] for line in logs] == ["message.timestamp.type=LogAppendTime"]


def test_timestamps_of_the_broker_by_intention(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dead letters have them, as the command that creates the topics sets, and no start logs a warning about it."""
    settings = {"message.timestamp.type": "LogAppendTime", "cleanup.policy": "compact"}
    with capture_logs() as logs:
        refused(monkeypatch, settings, settings, stamped=("scores",))
    assert [line["setting"] for line in logs] == ["cleanup.policy=compact"]
