"""Lines of payments and dead letters for people and for machines, and their colours."""

import io
import json
from typing import Any

import pytest
import structlog

from fraudstream.runtime import logs
from fraudstream.runtime.console import GREEN, MAGENTA, RED, RESET, YELLOW
from fraudstream.runtime.settings import LogSettings
from scorer.log_lines import HEADLINES

PAYMENT: dict[str, Any] = {
    "payment_id": 240382407737456,
    "amount": 355.5,
    "fraud_probability": 0.956049,
    "decision": "block",
    "reasons": ["4 failed logins", "new device"],
}
LETTER: dict[str, Any] = {
    "topic": "test-payments",
    "partition": 1,
    "offset": 2,
    "reason": "invalid_field",
    "detail": "amount: Input should be a number",
}
SECOND: dict[str, Any] = {"scored": 4972, "flagged": 601, "dead_letters": 28, "per_second": 5000}
HOSTILE = "x\x1b[2J\n\u202e7"


def line(event: str, *, terminal: bool = False, level: str = "info", fields: Any, **variables: str) -> str:
    """Return the line of an event without its time, as written to a terminal or elsewhere."""
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    logs.configure(LogSettings.from_env(variables), "test", stream, HEADLINES)
    structlog.get_logger().log(30 if level == "warning" else 20, event, **fields)
    (written,) = stream.getvalue().splitlines()
    return written if variables.get("LOG_FORMAT") == "json" else written[8:]


def without(*names: str, **changed: object) -> dict[str, Any]:
    """Return the payment without these fields, and with others changed."""
    return {name: value for name, value in PAYMENT.items() if name not in names} | changed


def test_lines_are_aligned() -> None:
    """Decisions, amounts, probabilities, ids and reasons are in columns, in which a dead letter is too."""
    approved = without("reasons", decision="approve", amount=12, fraud_probability=0.0044, payment_id=7)
    found = [
        line("payment scored", fields=PAYMENT),
        line("payment scored", fields=approved),
        line("payment scored", fields=without("reasons", "amount", decision="review")),
        line("dead letter", level="warning", fields=LETTER),
        line("payments scored", fields=SECOND | {"p99_ms": 46.9, "lag": 12}),
        line("payments scored", fields=SECOND),
    ]
    assert found == [
        "  BLOCK        355.50  p 0.956  240382407737456  4 failed logins · new device",
        "  APPROVE       12.00  p 0.004  7",
        "  REVIEW               p 0.956  240382407737456",
        "  DEAD LETTER          test-payments/1/2         invalid_field  amount: Input should be a number",
        "  SCORED        4,972  5,000/s    601 flagged   28 dead letters  p99    46.9 ms  lag 12",
        "  SCORED        4,972  5,000/s    601 flagged   28 dead letters",
    ]


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"amount": 1e12}, "  BLOCK    1,000,000,000,000.00  p 0.956  240382407737456  4 failed logins"),
        ({"amount": 0.001}, "  BLOCK          0.00  p 0.956"),
        ({"payment_id": HOSTILE}, r"p 0.956  x\x1b[2J\n\u202e7  4 failed"),
        ({"payment_id": "x" * 500}, f"p 0.956  {'x' * 63}…  4 failed"),
        ({"payment_id": 2**63 - 1}, "p 0.956  9223372036854775807  4 failed"),
        ({"payment_id": -7}, "p 0.956  -7               4 failed"),
        ({"payment_id": ""}, "p 0.956                   4 failed"),
        ({"reasons": [HOSTILE]}, r"240382407737456  x\x1b[2J\n\u202e7"),
        ({"reasons": ["x" * 500]}, f"240382407737456  {'x' * 59}…"),
        ({"reasons": list("abcdefg")}, "240382407737456  a · b · c · d · e · 2 more"),
    ],
)
def test_odd_values(changed: dict[str, object], wanted: str) -> None:
    """Wide, long, empty and hostile values leave one printable line, in which each value is found."""
    found = line("payment scored", fields=without(**changed))
    assert wanted in found
    assert found.isprintable()


def test_a_dead_letter_of_a_hostile_payment() -> None:
    """Its detail may quote the message; LOG_PAYMENTS=false removes the detail."""
    found = line("dead letter", fields=LETTER | {"detail": HOSTILE})
    assert found.endswith(r"invalid_field  x\x1b[2J\n\u202e7")
    hidden = line("dead letter", fields=LETTER | {"detail": HOSTILE}, LOG_PAYMENTS="false")
    assert hidden == "  DEAD LETTER          test-payments/1/2         invalid_field"


@pytest.mark.parametrize(
    ("event", "fields"), [("payment scored", PAYMENT), ("dead letter", LETTER), ("payments scored", SECOND)]
)
def test_machines_get_all_fields(event: str, fields: dict[str, Any]) -> None:
    """JSON has the event and its fields as they are."""
    found = json.loads(line(event, fields=fields, LOG_FORMAT="json", LOG_COLORS="always"))
    assert found.pop("timestamp").endswith("Z")
    assert found == fields | {"event": event, "level": "info"}


@pytest.mark.parametrize(
    ("decision", "color"), [("approve", GREEN), ("review", YELLOW), ("block", RED)], ids=lambda text: text.strip("\x1b")
)
def test_decisions_are_coloured(decision: str, color: str) -> None:
    """The decision, and nothing after it."""
    found = line("payment scored", fields=without(decision=decision), LOG_COLORS="always")
    word, _, rest = found.partition(f"{color}{decision.upper():<7}{RESET}")
    assert word
    assert "p 0.956" in rest
    assert "\x1b" not in rest
    assert f"{MAGENTA}DEAD LETTER" in line("dead letter", fields=LETTER, LOG_COLORS="always")


@pytest.mark.parametrize(
    ("terminal", "variables", "colored"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"LOG_COLORS": "never"}, False),
        (False, {"LOG_COLORS": "always"}, True),
        (False, {"LOG_COLORS": "always", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_by_setting(terminal: bool, variables: dict[str, str], colored: bool) -> None:
    """On a terminal, unless a setting decides; for lines of payments as for others."""
    for event, fields in (("payment scored", PAYMENT), ("scorer starts", {"model": "v1"})):
        assert ("\x1b[" in line(event, fields=fields, terminal=terminal, **variables)) is colored


def test_other_lines() -> None:
    """The level is shown only if it is not info; texts with spaces are quoted."""
    assert line("scorer starts", fields={"model": "v1"}) == "  scorer starts             model=v1"
    found = line("not ready", level="warning", fields={"reason": "no space", "partitions": [0, 1]})
    assert found == "  WARNING  not ready                 reason='no space' partitions=[0, 1]"
