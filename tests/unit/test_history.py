"""The history's checks: each error has its line and column, and unusual but valid values are accepted."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.any_schema import FORM
from tests.default_payment import ENCODING, SCHEMA
from tests.fuzz import examples

from fraudstream.errors import TrainingDataError
from fraudstream.payment import InvalidPayment
from fraudstream.payment_schema import parse
from fraudstream.runtime.settings import TrainingSettings
from trainer import make_data
from trainer.history import History, read

COLUMNS = (*ENCODING.names, "is_fraud")
HEADER = ",".join(COLUMNS)
ROWS = [f"{10 + n}.5,0.{n % 10},{n % 4},{n % 24},{n % 2},{int(n % 5 == 0)}" for n in range(100)]


def history(folder: Path, rows: list[str], header: str = HEADER) -> History:
    """Write and read a history."""
    path = folder / "history.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return read(path, SCHEMA)


def refused(folder: Path, rows: list[str], header: str = HEADER) -> str:
    """Return the message with which the history is refused."""
    with pytest.raises(TrainingDataError) as caught:
        history(folder, rows, header)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_cell(line: int, column: str, text: str) -> list[str]:
    """Return the rows with one cell changed; line 2 is the first row."""
    rows = list(ROWS)
    cells = rows[line - 2].split(",")
    cells[COLUMNS.index(column)] = text
    rows[line - 2] = ",".join(cells)
    return rows


def test_a_good_history(tmp_path: Path) -> None:
    """The matrix has the order of the features, and the labels beside it."""
    past = history(tmp_path, ROWS)
    assert past.matrix.shape == (100, 5)
    assert past.matrix[1].tolist() == [11.5, 0.1, 1.0, 1.0, 1.0]
    assert past.labels[:6].tolist() == [1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        ("amount", "12€", "must be a valid number"),
        ("amount", "", "no value"),
        ("amount", "nan", "must be a valid number"),
        ("amount", "inf", "must be a valid number"),
        ("amount", "1e400", "must be a finite number"),
        ("amount", "1_000", "has thousands separators"),
        ("amount", "٣", "must be a valid number"),
        ("amount", "true", "must be a valid number"),
        ("amount", "0", "must be greater than 0"),
        ("amount", "-3", "must be greater than 0"),
        ("amount", "1e13", "must be less than or equal to 1000000000000"),
        ("country_risk_score", "1.01", "must be less than or equal to 1"),
        ("failed_logins", "2.5", "must be a valid integer"),
        ("failed_logins", "10001", "must be less than or equal to 10000"),
        ("transaction_hour", "24", "must be less than or equal to 23"),
        ("transaction_hour", "noon", "must be a valid integer"),
        ("is_new_device", "2", "must be less than or equal to 1"),
        ("is_fraud", "2", "must be less than or equal to 1"),
        ("is_fraud", "0.5", "must be a valid integer"),
        ("is_fraud", "yes", "must be a valid integer"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, column: str, text: str, expected: str) -> None:
    """The error has the line in the file and the column."""
    message = refused(tmp_path, with_cell(37, column, text))
    assert f"line 37, column {column}:" in message
    assert expected in message


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("failed_logins", "3.0", 3.0),
        ("transaction_hour", "7.", 7.0),
        ("is_new_device", "true", 1.0),
        ("is_new_device", "False", 0.0),
        ("amount", " 1e3 ", 1000.0),
        ("amount", "+5", 5.0),
    ],
)
def test_unusual_valid_values(tmp_path: Path, column: str, text: str, value: float) -> None:
    """Integers that a table turned into floats, booleans and spaces are valid."""
    assert history(tmp_path, with_cell(2, column, text)).matrix[0, COLUMNS.index(column)] == value


def test_boolean_labels(tmp_path: Path) -> None:
    """True is fraud."""
    assert history(tmp_path, with_cell(3, "is_fraud", "TRUE")).labels[1] == 1


def test_extra_columns_order_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    """Files as spreadsheets write them are accepted."""
    rows = [f"{row.rsplit(',', 1)[1]},note {n},{row.rsplit(',', 1)[0]}" for n, row in enumerate(ROWS)]
    header = "\ufeffis_fraud,note," + HEADER.removesuffix(",is_fraud")
    past = history(tmp_path, [*rows[:50], "", *rows[50:], "", ""], header)
    np.testing.assert_array_equal(past.matrix, history(tmp_path, ROWS).matrix)


def test_lines_are_the_files(tmp_path: Path) -> None:
    """Blank lines do not shift line numbers in errors."""
    rows = [f"{row},ok" for row in with_cell(9, "amount", "x")]
    rows.insert(3, "")
    rows.insert(0, "")
    assert "line 11, column amount" in refused(tmp_path, rows, HEADER + ",note")


def test_some_rejected_rows_can_be_allowed(tmp_path: Path) -> None:
    """Rejected rows are allowed up to the setting's limit, and not one more."""
    rows = [*ROWS, "x,0,0,0,0,0", "1,0,0,0,0"]
    message = refused(tmp_path, rows)
    assert "line 102, column amount: 'x' must be a valid number (and 1 more rows)" in message
    assert "MAX_REJECTED_ROWS=2" in message
    with pytest.raises(TrainingDataError, match="line 102"):
        read(tmp_path / "history.csv", SCHEMA, 1)
    assert len(read(tmp_path / "history.csv", SCHEMA, 2).labels) == 100


def test_more_mistakes_are_counted(tmp_path: Path) -> None:
    """A column that is wrong throughout has one message with a count."""
    rows = [f"x{row}" for row in ROWS]
    assert "line 2, column amount: 'x10.5' must be a valid number (and 99 more rows)" in refused(tmp_path, rows)


def test_missing_columns_are_named_with_the_columns_found(tmp_path: Path) -> None:
    """A wrong delimiter is visible in the message."""
    assert "no column is_new_device" in refused(tmp_path, ROWS, HEADER.replace("is_new_device", "device"))
    message = refused(tmp_path, [row.replace(",", "|") for row in ROWS], HEADER.replace(",", "|"))
    assert "found, with comma as delimiter: 'amount|" in message


@pytest.mark.parametrize("text", ["", "\n\n", "  "])
def test_an_empty_file(tmp_path: Path, text: str) -> None:
    """The error describes the required line 1."""
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(TrainingDataError, match="empty"):
        read(path, SCHEMA)


def test_a_missing_file(tmp_path: Path) -> None:
    """The error explains how to get a history."""
    with pytest.raises(TrainingDataError, match="make data"):
        read(tmp_path / "none.csv", SCHEMA)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TrainingDataError, match="is not a regular file"):
        read(tmp_path / "folder.csv", SCHEMA)


def test_too_few_rows_and_one_class_only(tmp_path: Path) -> None:
    """Training needs enough rows and both classes."""
    assert "0 payments are too few" in refused(tmp_path, [])
    assert "99 payments are too few" in refused(tmp_path, ROWS[:99])
    assert "0 of 100 payments are fraud" in refused(tmp_path, [row[:-1] + "0" for row in ROWS])
    assert "0 of 100 payments are legitimate" in refused(tmp_path, [row[:-1] + "1" for row in ROWS])


@pytest.mark.parametrize("line", [2, 50])
def test_a_line_with_too_many_fields(tmp_path: Path, line: int) -> None:
    """The line is never cut silently."""
    rows = list(ROWS)
    rows[line - 2] += ",9"
    assert f"line {line}, 7 cells, but the header has 6 columns" in refused(tmp_path, rows)


def test_a_line_with_too_few_fields(tmp_path: Path) -> None:
    """The missing cell can't be known."""
    rows = list(ROWS)
    rows[7] = rows[7].rsplit(",", 1)[0]
    assert "line 9, 5 cells, but the header has 6 columns" in refused(tmp_path, rows)


def test_another_encoding(tmp_path: Path) -> None:
    """UTF-16, as some spreadsheets save, is refused."""
    path = tmp_path / "history.csv"
    path.write_text("\n".join([HEADER, *ROWS]), encoding="utf-16")
    np.testing.assert_array_equal(read(path, SCHEMA).matrix, history(tmp_path, ROWS).matrix)


@settings(max_examples=examples(50))
@given(amount=st.floats(5e-324, 1e12), risk=st.floats(0, 1), logins=st.integers(0, 10_000), hour=st.integers(0, 23))
def test_history_and_wire_give_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, amount: float, risk: float, logins: int, hour: int
) -> None:
    """The model gets the same bits for a payment in training and in serving."""
    rows = [f"{amount!r},{abs(risk)!r},{logins},{hour},1,0", *ROWS]
    past = history(tmp_path_factory.mktemp("history"), rows)
    wire = FORM.decode(
        f'{{"payment_id":1,"amount":{amount!r},"country_risk_score":{abs(risk)!r},'
        f'"failed_logins":{logins},"transaction_hour":{hour},"is_new_device":1}}'.encode()
    )
    assert not isinstance(wire, InvalidPayment)
    assert past.matrix[0].tobytes() == ENCODING.matrix(FORM.columns([wire]))[0].tobytes()


def test_the_sample_history_is_the_output_of_make_data(tmp_path: Path) -> None:
    """The committed file is equal byte for byte."""
    path = tmp_path / "made.csv"
    make_data.write(path)
    committed = Path(__file__).parents[2] / TrainingSettings.from_env({}).data
    assert path.read_bytes() == committed.read_bytes()
    assert len(read(path, SCHEMA).labels) == make_data.ROWS


@pytest.mark.parametrize(
    ("feature", "times", "days"),
    [
        ("feature = true", ["2026-03-05T12:00:00Z", "", "2026-03-01T00:00:00Z"], 4.5),
        ("feature = true", [""], 0.0),
        ("", ["no time"], 0.0),
    ],
)
def test_days_of_a_history(tmp_path: Path, feature: str, times: list[str], days: float) -> None:
    """They are known if the time is a feature; otherwise it is not read."""
    text = f"""id = "id"
time = "at"
[fields.id]
type = "integer"
[fields.speed]
type = "number"
feature = true
[fields.at]
type = "time"
required = false
{feature}
"""
    lines = [f"{place},{times[place % len(times)]},{place % 2}" for place in range(100)]
    (tmp_path / "history.csv").write_text("\n".join(["speed,at,is_fraud", *lines]))
    assert read(tmp_path / "history.csv", parse(text, "payment.toml")).days == days
