"""Rows of the archive's views as tables, CSV and JSON, equal for the values of both databases."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.__main__ import main
from cli.archive.arguments import _VIEWS
from cli.archive.printing import PRINTERS
from cli.archive.views import VIEWS
from fraudstream.runtime.escaping import visible

AT = datetime(2026, 9, 21, 14, 13, 20, 5_000, UTC)
REASONS = [{"field": "failed_logins", "contribution": 1.5, "text": "7 failed logins"}, {"text": "new, device"}]
OF_SQLITE: dict[str, list[Any]] = {
    "hourly": ["2026-09-21T14:00:00Z", 12_345, 99, 6, 0.008, 58_020.2, None],
    "top": [1459.04, "4711", 0.912345, "2026-09-21T14:13:20.005Z", "v1", json.dumps(REASONS)],
}
OF_POSTGRES: dict[str, list[Any]] = {
    "hourly": [datetime(2026, 9, 21, 14, tzinfo=UTC), 12_345, 99, 6, Decimal("0.0080"), Decimal("58020.20"), None],
    "top": [1459.04, "4711", 0.912345, AT, "v1", REASONS],
}
EXPECTED = {
    ("hourly", "table"): [
        "hour (UTC)        payments  flagged  blocked  flagged share     amount  amount blocked",
        "2026-09-21 14:00    12,345       99        6         0.0080  58,020.20               -",
    ],
    ("hourly", "csv"): [
        "hour,payments,flagged,blocked,flagged_share,amount,amount_blocked",
        "2026-09-21T14:00:00Z,12345,99,6,0.008,58020.2,",
    ],
    ("hourly", "json"): [
        (
            '{"hour": "2026-09-21T14:00:00Z", "payments": 12345, "flagged": 99, "blocked": 6, "flagged_share": 0.008, '
            '"amount": 58020.2, "amount_blocked": null}'
        )
    ],
    ("top", "table"): [
        "  amount  id    probability  time                      model  reasons",
        "1,459.04  4711     0.912345  2026-09-21T14:13:20.005Z  v1     7 failed logins; new, device",
    ],
    ("top", "csv"): [
        "amount,id,fraud_probability,paid_at,model_version,reasons",
        '1459.04,4711,0.912345,2026-09-21T14:13:20.005Z,v1,"7 failed logins; new, device"',
    ],
    ("top", "json"): [
        (
            '{"amount": 1459.04, "id": "4711", "fraud_probability": 0.912345, "paid_at": "2026-09-21T14:13:20.005Z", '
            '"model_version": "v1", "reasons": ["7 failed logins", "new, device"]}'
        )
    ],
}


@pytest.mark.parametrize("rows", [OF_SQLITE, OF_POSTGRES], ids=["sqlite", "postgres"])
@pytest.mark.parametrize(("name", "form"), EXPECTED)
def test_rows_are_printed(rows: dict[str, list[Any]], name: str, form: str) -> None:
    """Each form has the same text for the values of both databases."""
    assert list(PRINTERS[form](VIEWS[name], [rows[name]])) == EXPECTED[name, form]


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_without_rows(name: str) -> None:
    """A table has a line that there are none; CSV has its header, JSON nothing."""
    assert list(PRINTERS["table"](VIEWS[name], [])) == [VIEWS[name].empty]
    assert list(PRINTERS["csv"](VIEWS[name], [])) == [",".join(column.name for column in VIEWS[name].columns)]
    assert list(PRINTERS["json"](VIEWS[name], [])) == []


@pytest.mark.parametrize("amount", [float("inf"), Decimal("3.4e308")], ids=["sqlite", "postgres"])
def test_a_sum_above_the_range_of_floats(amount: Any) -> None:
    """JSON has null, and the other forms no value."""
    row = [AT, 2, 0, 0, 0.0, amount, 0.0]
    (line,) = PRINTERS["json"](VIEWS["hourly"], [row])
    assert json.loads(line, parse_constant=pytest.fail)["amount"] is None
    assert list(PRINTERS["csv"](VIEWS["hourly"], [row]))[1].endswith(",0.0,,0.0")
    assert list(PRINTERS["table"](VIEWS["hourly"], [row]))[1].split()[-2:] == ["-", "0.00"]


@pytest.mark.parametrize("command", ["archive hourly --limit", "model compare --last", "dlq list --last"])
def test_a_number_above_the_range(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers of 10 digits and more, which a database may refuse, are usage errors."""
    with pytest.raises(SystemExit):
        main([*command.split(), "9999999999"])
    assert "of at most 9 digits" in capsys.readouterr().err


def test_each_view_is_a_subcommand() -> None:
    """The subcommands are those of the views."""
    assert list(_VIEWS) == list(VIEWS)


@given(st.text(max_size=200), st.text(max_size=20))
def test_any_text_is_one_line(detail: str, reason: str) -> None:
    """Texts of any writer add no line to a table, and are one cell of a CSV and one member of JSON."""
    row = ["in/3/15", "2026-09-21T14:13:20.005Z", reason, 7, detail]
    view = VIEWS["letters"]
    head, line = PRINTERS["table"](view, [row])
    assert visible(line) == line
    assert head.split() == ["place", "archived", "reason", "bytes", "detail"]
    (header, cells) = csv.reader(io.StringIO("\n".join(PRINTERS["csv"](view, [row]))), strict=True)
    assert len(header) == len(cells) == 5
    (found,) = map(json.loads, PRINTERS["json"](view, [row]))
    assert (found["reason"], found["detail"]) == (reason, detail)
