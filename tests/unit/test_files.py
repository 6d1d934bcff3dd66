"""Payments from a user's own file."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.any_schema import DEFAULT, FORM, rows_of
from tests.default_payment import FEATURES
from tests.fuzz import examples

from fraudstream.errors import PaymentFileError
from fraudstream.record import KeyedMessage
from producer.files import FileSource, check
from producer.identifiers import PaymentIds

HEADER = ",".join(DEFAULT.fields)
payments = rows_of(DEFAULT)
GOOD = "1,1200,0.68,3,18,1"
same_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def _source(path: Path, content: str | bytes) -> FileSource:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return FileSource(FORM, path, PaymentIds(1.8e9, 3), structlog.get_logger())


def _all(source: FileSource) -> list[KeyedMessage]:
    messages: list[KeyedMessage] = []
    while some := source.take(3, 17):
        messages += some
    return messages


def _values(source: FileSource) -> list[object]:
    return [FORM.decode(message.value) for message in _all(source)]


@same_file
@given(st.lists(payments, max_size=20))
def test_csv_as_python_writes_it(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    """Every row arrives with its exact values, keyed by its id."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER.split(","))
    writer.writeheader()
    writer.writerows(rows)
    messages = _all(_source(tmp_path / "payments.csv", text.getvalue()))
    assert [FORM.decode(message.value) for message in messages] == rows
    assert [message.key for message in messages] == [str(row["payment_id"]).encode() for row in rows]


@same_file
@given(st.lists(payments, max_size=20))
def test_json_lines(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    """Every line is sent unchanged."""
    lines = [json.dumps(row).encode() for row in rows]
    messages = _all(_source(tmp_path / "payments.jsonl", b"\n\n".join(lines)))
    assert [message.value for message in messages] == lines


def test_without_payment_id(tmp_path: Path) -> None:
    """Other columns are ignored, their order is free, and each row gets its own id."""
    content = "is_fraud,is_new_device,amount,country_risk_score,failed_logins,transaction_hour\n0,1,5.5,0.1,2,3\n"
    (payment,) = _values(_source(tmp_path / "history.csv", content))
    assert isinstance(payment, dict)
    assert {name: payment[name] for name in FEATURES} == dict(zip(FEATURES, (5.5, 0.1, 2, 3, 1), strict=True))
    lines = '{"amount":1,"country_risk_score":0,"failed_logins":0,"transaction_hour":0,"is_new_device":0,"note":"x"}\n'
    one, other = _all(_source(tmp_path / "payments.ndjson", lines * 2))
    assert one.key != other.key
    assert one.value is not None
    assert json.loads(one.value)["note"] == "x"


@pytest.mark.parametrize("content", [f"\ufeff{HEADER}\r\n{GOOD}\r\n\r\n", f'{HEADER}\n"1"," 1200","+0.68",3,18,1'])
def test_files_of_spreadsheets(tmp_path: Path, content: str) -> None:
    """A byte-order mark, CRLF, blank lines, quotes, spaces and a missing last line end are accepted."""
    assert len(_all(_source(tmp_path / "payments.csv", content))) == 1


BAD_ROWS = [
    ("1,12OO,0.68,3,18,1", "column amount: '12OO' must be a valid number"),
    ("1,nan,0.68,3,18,1", "column amount: 'nan' must be a valid number"),
    ("1,1_000,0.68,3,18,1", "column amount: '1_000' has thousands separators"),
    ("1,,0.68,3,18,1", "column amount: no value"),
    ("1,1e400,0.68,3,18,1", "column amount: '1e400' must be a finite number"),
    ("1,-5,0.68,3,18,1", "column amount: '-5' must be greater than 0"),
    ("1,5,1.5,3,18,1", "column country_risk_score: '1.5' must be less than or equal to 1"),
    ("1,5,0.5,3.5,18,1", "column failed_logins: '3.5' must be a valid integer"),
    ("1,5,0.5,٣,18,1", r"column failed_logins: '\u0663' must be a valid integer"),
    ("1,5,0.5,3,24,1", "column transaction_hour: '24' must be less than or equal to 23"),
    ("1,5,0.5,3,18,yes", "column is_new_device: 'yes' must be a valid integer"),
    ("0,5,0.5,3,18,1", "column payment_id: '0' must be greater than or equal to 1"),
    ("x,5,0.5,3,18,1", "column payment_id: 'x' must be a valid integer"),
    (",5,0.5,3,18,1", "column payment_id: no value"),
    ("1,5,0,5,3,18,1", "7 cells, but the header has 6 columns"),
    ("1,5", "2 cells, but the header has 6 columns"),
    ("1," + "9" * 200_000 + ",0.5,3,18,1", "column amount: '9999999999999999999999999999999999999999\\u2026' must be"),
]


def _rejected(logged: list[dict[str, object]]) -> list[tuple[object, str]]:
    return [(line["line"], str(line["detail"])) for line in logged if line["event"] == "row rejected"]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS, ids=[message[:60] for _, message in BAD_ROWS])
def test_bad_row(tmp_path: Path, row: str, message: str) -> None:
    """Line, column and value are logged; the rows around it are sent, the bad row is not."""
    with capture_logs() as logged:
        source = _source(tmp_path / "payments.csv", f"{HEADER}\n{GOOD}\n{row}\n{GOOD}\n")
        assert len(_all(source)) == 2
    ((line, detail),) = _rejected([dict(one) for one in logged])
    assert line == 3
    assert detail.startswith(message)
    assert [one["rows"] for one in logged if one["event"] == "rows rejected"] == [1]


def test_invalid_utf_8(tmp_path: Path) -> None:
    """The line is rejected, whatever column is invalid."""
    content = f"{HEADER},note\n{GOOD},".encode() + b"\xff\n" + f"{GOOD},x\n".encode() + b"1,\xff,0.5,3,18,1,x\n"
    with capture_logs() as logged:
        assert len(_all(_source(tmp_path / "payments.csv", content))) == 1
    (first, other) = _rejected([dict(one) for one in logged])
    assert (first[0], other[0]) == (2, 4)
    assert "(0xFF) is not UTF-8: save the file as UTF-8" in first[1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"payment_id":1', "EOF while parsing"),
        (b"[1]", "JSON array"),
        (b'{"payment_id":1}', "column amount: no value"),
        (b"\xff", "(byte 1 is not UTF-8 text)"),
        (b"x" + b" " * (1 << 20) + b"x", "longer than 1,048,576 bytes"),
    ],
)
def test_bad_line(tmp_path: Path, line: bytes, message: str) -> None:
    """The error names the line, and nothing of it is sent."""
    with capture_logs() as logged:
        assert _source(tmp_path / "payments.jsonl", b"\n" + line).take(10, 0) == []
    ((number, detail),) = _rejected([dict(one) for one in logged])
    assert number == 2
    assert message in detail


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty; line 1 must name the columns amount, country_risk_score, "),
        (HEADER.replace(",", "|"), r"line 1: no column amount, .*with comma as delimiter: 'payment_id\|amount\|"),
        (HEADER + ",amount", "line 1: two columns 'amount', numbers 2 and 7"),
    ],
)
def test_bad_header(tmp_path: Path, content: str, message: str) -> None:
    """The error names the missing columns and the columns found."""
    with pytest.raises(PaymentFileError, match=message):
        _source(tmp_path / "payments.csv", content).take(1, 0)


def test_no_such_file(tmp_path: Path) -> None:
    """A missing file is reported before any connection."""
    for name, message in (("no.csv", "No such file"), ("no.xlsx", "must end in .csv, .tsv, .txt, .jsonl or .ndjson")):
        with pytest.raises(PaymentFileError, match=message):
            check(DEFAULT, tmp_path / name)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(PaymentFileError, match=r"PAYMENTS_FILE: .* is not a regular file"):
        check(DEFAULT, tmp_path / "folder.csv")


def test_a_damaged_file_is_sent_up_to_the_damage(tmp_path: Path) -> None:
    """Payments before the damage are returned first; then the error is raised, each time."""
    count = examples(200_000)
    rows = gzip.compress(f"{HEADER}\n".encode() + f"{GOOD}\n".encode() * count)
    source = _source(tmp_path / "payments.csv.gz", rows[:-20])
    sent: list[KeyedMessage] = []
    for _ in range(2):
        with pytest.raises(PaymentFileError, match=r"payments\.csv\.gz is a damaged gzip file"):
            _drain(source, sent)
    assert count // 2 < len(sent) < count


def _drain(source: FileSource, sent: list[KeyedMessage]) -> None:
    while some := source.take(10_000, 0):
        sent += some


def test_is_read_as_it_is_sent(tmp_path: Path) -> None:
    """A file much larger than the memory can be sent: only the requested part is read."""
    path = tmp_path / "payments.csv"
    source = _source(path, f"{HEADER}\n" + f"{GOOD}\n" * 50_000 + "bad\n")
    assert len(source.take(10, 0)) == 10
