"""A user's own payments."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraudstream.events import Payment, decode
from fraudstream.features import FEATURES
from fraudstream.kafka.partitioning import KeyedMessage
from producer.files import FileSource, PaymentsFileError, check
from producer.identifiers import PaymentIds

HEADER = "payment_id,amount,country_risk_score,failed_logins,transaction_hour,is_new_device"
GOOD = "1,1200,0.68,3,18,1"
payments = st.builds(
    Payment,
    payment_id=st.integers(1, 2**63 - 1),
    amount=st.floats(0, 1e12, exclude_min=True),
    country_risk_score=st.floats(0, 1),
    failed_logins=st.integers(0, 10_000),
    transaction_hour=st.integers(0, 23),
    is_new_device=st.integers(0, 1),
)
same_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def _source(path: Path, content: str | bytes) -> FileSource:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return FileSource(path, PaymentIds(1.8e9, 3))


def _all(source: FileSource) -> list[KeyedMessage]:
    messages: list[KeyedMessage] = []
    while some := source.take(3, 17):
        messages += some
    return messages


def _values(source: FileSource) -> list[object]:
    return [decode(message.value) for message in _all(source)]


@same_file
@given(st.lists(payments, max_size=20))
def test_csv_as_python_writes_it(tmp_path: Path, rows: list[Payment]) -> None:
    """Every row arrives with its exact values, keyed by its id."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER.split(","))
    writer.writeheader()
    writer.writerows(rows)
    messages = _all(_source(tmp_path / "payments.csv", text.getvalue()))
    assert [decode(message.value) for message in messages] == rows
    assert [message.key for message in messages] == [str(row["payment_id"]).encode() for row in rows]


@same_file
@given(st.lists(payments, max_size=20))
def test_json_lines(tmp_path: Path, rows: list[Payment]) -> None:
    """Every line is sent as it is."""
    lines = [json.dumps(row).encode() for row in rows]
    messages = _all(_source(tmp_path / "payments.jsonl", b"\n\n".join(lines)))
    assert [message.value for message in messages] == lines


def test_without_payment_id(tmp_path: Path) -> None:
    """Other columns are ignored, their order is free, and each row gets an id of its own."""
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
def test_what_spreadsheets_write(tmp_path: Path, content: str) -> None:
    """A byte-order mark, Windows' line ends, blank lines, quotes, spaces, no line end at the end."""
    assert len(_all(_source(tmp_path / "payments.csv", content))) == 1


BAD_ROWS = [
    ("1,12OO,0.68,3,18,1", "line 3, column amount: '12OO' is no number"),
    ("1,nan,0.68,3,18,1", "line 3, column amount: 'nan' is no number"),
    ("1,1_000,0.68,3,18,1", "line 3, column amount: '1_000' is no number"),
    ("1,,0.68,3,18,1", "line 3, column amount: '' is no number"),
    ("1,1e400,0.68,3,18,1", "line 3, column amount: Input should be a finite number"),
    ("1,-5,0.68,3,18,1", "line 3, column amount: Input should be greater than 0"),
    ("1,5,1.5,3,18,1", "line 3, column country_risk_score: Input should be less than or equal to 1"),
    ("1,5,0.5,3.0,18,1", "line 3, column failed_logins: '3.0' is no whole number"),
    ("1,5,0.5,٣,18,1", r"line 3, column failed_logins: '\u0663' is no whole number"),
    ("1,5,0.5,3,24,1", "line 3, column transaction_hour: Input should be less than or equal to 23"),
    ("1,5,0.5,3,18,true", "line 3, column is_new_device: 'true' is no whole number"),
    ("0,5,0.5,3,18,1", "line 3, column payment_id: Input should be greater than or equal to 1"),
    ("x,5,0.5,3,18,1", "line 3, column payment_id: 'x' is no whole number"),
    (",5,0.5,3,18,1", "line 3, column payment_id: '' is no whole number"),
    ("1,5,0,5,3,18,1", "line 3: 7 values, but 6 columns"),
    ("1,5", "line 3: 2 values, but 6 columns"),
    ("1," + "9" * 200_000 + ",0.5,3,18,1", "line 3: field larger than field limit (131072)"),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS, ids=[message[:60] for _, message in BAD_ROWS])
def test_bad_row(tmp_path: Path, row: str, message: str) -> None:
    """Line and column are named; what comes before the row is handed out first, nothing of it or after it."""
    source = _source(tmp_path / "payments.csv", f"{HEADER}\n{GOOD}\n{row}\n{GOOD}\n")
    assert len(source.take(100, 0)) == 1
    for _ in range(2):
        with pytest.raises(PaymentsFileError) as caught:
            source.take(100, 0)
        assert str(caught.value) == f"{tmp_path}/payments.csv, {message}"


def test_invalid_utf_8(tmp_path: Path) -> None:
    """In a column that is needed it is an error with its place; elsewhere nobody minds."""
    good = f"{HEADER},note\n{GOOD},".encode() + b"\xff\n"
    assert len(_all(_source(tmp_path / "payments.csv", good))) == 1
    with pytest.raises(PaymentsFileError, match=r"line 2, column amount: '\\udcff' is no number"):
        _all(_source(tmp_path / "payments.csv", HEADER.encode() + b"\n1,\xff,0.5,3,18,1\n"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"payment_id":1', "no JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"payment_id":1}', "column amount: Field required"),
        (b"\xff", "no JSON"),
        (b" " * (1 << 20), "longer than 1048576 bytes"),
    ],
)
def test_bad_line(tmp_path: Path, line: bytes, message: str) -> None:
    """The line is named."""
    source = _source(tmp_path / "payments.jsonl", b"\n" + line)
    with pytest.raises(PaymentsFileError, match=f"payments.jsonl, line 2.*{message}"):
        source.take(10, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: no column amount, country_risk_score, .*found, between commas: nothing"),
        (HEADER.replace(",", ";"), "line 1: no column amount, .*found, between commas: 'payment_id;amount;"),
        (HEADER + ",amount", "line 1: two columns amount"),
    ],
)
def test_bad_header(tmp_path: Path, content: str, message: str) -> None:
    """What is missing, and what was found instead."""
    with pytest.raises(PaymentsFileError, match=message):
        _source(tmp_path / "payments.csv", content).take(1, 0)


def test_no_such_file(tmp_path: Path) -> None:
    """Known before anything is connected."""
    for name, message in (("no.csv", "No such file"), ("no.xlsx", "must end in .csv, .jsonl or .ndjson")):
        with pytest.raises(PaymentsFileError, match=message):
            check(tmp_path / name)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(PaymentsFileError, match="Is a directory"):
        check(tmp_path / "folder.csv")


def test_is_read_as_it_is_sent(tmp_path: Path) -> None:
    """A file much larger than memory could hold: only what is asked for is read."""
    path = tmp_path / "payments.csv"
    source = _source(path, f"{HEADER}\n" + f"{GOOD}\n" * 50_000 + "bad\n")
    assert len(source.take(10, 0)) == 10
