"""The demo's pace, and the texts that it shows."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from demo import texts
from demo.service_settings import common, pace
from fraudstream.runtime.own_command import VARIABLE


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, {"PAYMENTS_PER_SECOND": "20", "MALFORMED_RATE": "0.01"}),
        ({"PAYMENTS_PER_SECOND": "", "MALFORMED_RATE": ""}, {"PAYMENTS_PER_SECOND": "20", "MALFORMED_RATE": "0.01"}),
        ({"PAYMENTS_PER_SECOND": "2"}, {"MALFORMED_RATE": "0.01"}),
        ({"PAYMENT_INTERVAL_S": "3", "MALFORMED_RATE": "0"}, {}),
        ({"PAYMENTS_FILE": "mine.csv"}, {"PAYMENTS_PER_SECOND": "20"}),
    ],
)
def test_settings_of_the_user_win(env: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """The demo sets a rate only where the user sets none, and adds no malformed messages to a user's file."""
    assert pace(env) == expected


def test_settings_of_another_kafka_do_not_apply() -> None:
    """The services connect to the embedded broker, without the user's credentials."""
    settings = common("127.0.0.1:4711", {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_PASSWORD": "secret"})
    assert settings["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:4711"
    assert settings["KAFKA_SECURITY_PROTOCOL"] == settings["KAFKA_SASL_PASSWORD"] == ""


def test_welcome() -> None:
    """The first lines name the pace."""
    assert "0.3333 payments per second. " in texts.welcome(1 / 3, 0)
    assert "2 payments per second, 20 % of them malformed. " in texts.welcome(2, 0.2)


def test_suggested_commands_run_in_another_terminal() -> None:
    """They name the embedded broker, and the command line beside the interpreter, which is not in PATH."""
    *_, broker, command = common("127.0.0.1:4711", {})[VARIABLE].split()
    assert broker == "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:4711"
    assert Path(command).samefile(Path(sys.executable).with_name("fraudstream"))


@pytest.mark.parametrize(("port", "wanted", "is_other"), [(8080, 8080, False), (4711, 8080, True), (4711, 0, False)])
def test_page_address(port: int, wanted: int, *, is_other: bool) -> None:
    """The line has the page's address, and a reason if it is not at the port that was set."""
    text = texts.page_address(port, wanted)
    assert f"http://127.0.0.1:{port}" in text
    assert ("(port 8080 is in use)" in text) == is_other


@pytest.mark.parametrize(("sent", "is_open"), [(720, False), (721, True)])
def test_summary(sent: int, *, is_open: bool) -> None:
    """The summary counts all messages, also those without a result."""
    decisions = {"approve": 640, "block": 60}
    text = texts.summary(seconds=60.4, sent=sent, decisions=decisions, dead=20, csv=Path("scores.csv"))
    assert "ran for 60 s" in text
    assert "700  payments (640 approve, 0 review, 60 block): scores.csv" in text
    assert ("not scored          1" in text) == is_open
