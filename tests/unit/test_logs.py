"""Log lines without payments: LOG_PAYMENTS=false."""

import io
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import structlog
from tests.any_schema import FORM
from tests.scores import PAYMENT, One, scored

from fraudstream.kafka.payment_sender import Delivery
from fraudstream.payment_files.rejections import Rejections
from fraudstream.payment_files.rows import Rejected
from fraudstream.record import KeyedMessage
from fraudstream.runtime import logs
from fraudstream.runtime.settings import LogSettings
from producer.report import Report
from scorer.narration import Narration
from scorer.scoring import Outcome
from scorer.summary import Summary


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the log lines."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def configured(**variables: str) -> io.StringIO:
    """Configure the logs of this process, and return where they go."""
    stream = io.StringIO()
    logs.configure(LogSettings.from_env({"LOG_FORMAT": "json", **variables}), "test", stream)
    return stream


def log_each() -> None:
    """Log the lines of a slow stream and of a rejected row."""
    log = structlog.get_logger()
    one = One(PAYMENT, 0.5, "review", "v1", 0, 0, 0)
    reasons = {0: '[{"field":"amount","contribution":1.0,"text":"amount 12.50"}]'}
    outcome = MagicMock(spec=Outcome, scored=replace(scored([one]), reasons=reasons), invalid=[])
    Narration(FORM.schema, "test-payments", MagicMock(spec=Summary)).cycle([outcome], 0.01)
    for value in (json.dumps(PAYMENT).encode(), b'{"payment_id":7}'):
        messages = [KeyedMessage(b"7", value, 0)]
        Report(FORM, log, 1.0, lambda: 0.0).add(Delivery(partition=2, offset=10, messages=messages))
    row = Rejected(line=3, reason="invalid_field", detail="column amount: 'x7' must be", problem="amount: must be")
    Rejections(Path("a.csv"), log).add([row])
    log.error("stopped", reason="a.csv, line 3, column amount: 'x7' must be a valid number")
    log.error("stopped", reason="CSV_PATH: a belongs to consumer group 'g'")


def test_payments_are_logged_by_default() -> None:
    """At a slow pace each payment has a line."""
    stream = configured()
    log_each()
    assert [line.get("payment_id") for line in lines(stream) if line["event"] == "payment scored"] == [7]
    assert stream.getvalue().count("x7") == 2


def test_without_payments() -> None:
    """No id and no value is logged; the place of a rejected row is, and so are names other than a file's."""
    stream = configured(LOG_PAYMENTS="false", LOG_LEVEL="debug")
    log_each()
    found = lines(stream)
    assert [line["event"] for line in found] == ["malformed message sent", "row rejected", "stopped", "stopped"]
    assert "7" not in "".join(str(value) for line in found for key, value in line.items() if key != "timestamp")
    assert found[1]["line"] == 3
    assert found[2]["reason"] == "a.csv, line 3, column amount: '…' must be a valid number"
    assert found[3]["reason"] == "CSV_PATH: a belongs to consumer group 'g'"


@pytest.mark.parametrize(("shown", "level"), [("true", logging.NOTSET), ("false", logging.CRITICAL)])
def test_the_client_logs_its_requests_only_with_payments(shown: str, level: int) -> None:
    """A produce request holds payments."""
    configured(LOG_LEVEL="debug", LOG_PAYMENTS=shown)
    assert logging.getLogger("aiokafka").level == level


@pytest.mark.parametrize(("level", "shown"), [("info", ["w"]), ("debug", ["i", "w"])])
def test_other_libraries_log_warnings_only(level: str, shown: list[str]) -> None:
    """Such as matplotlib, which logs its font cache at info; ours are unaffected."""
    stream = configured(LOG_LEVEL=level)
    logging.getLogger("matplotlib.font_manager").info("i")
    logging.getLogger("matplotlib.font_manager").warning("w")
    structlog.get_logger("matplotlib").info("ours")
    assert [line["event"] for line in lines(stream)] == [*shown, "ours"]
