"""Any text in any field: one physical line, read back as one row, and never a formula."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from fraudstream.cell_text import csv_text, csv_writer, json_writer, split_cells
from fraudstream.payment import InvalidPayment, PaymentFormat
from fraudstream.payment_schema import PaymentSchema, parse

SCHEMA = """
id = "id"
[fields.id]
type = "text"
[fields.a]
type = "text"
max_length = 4096
required = false
[fields.b]
type = "boolean"
required = false
path = "inner.b"
[fields.t]
type = "time"
required = false
path = "inner.deep.t"
[fields.n]
type = "number"
required = false
default = 2.5
"""
texts = st.text() | st.text("=+-@'\",;\\ \t\r\n\v\f\x1c\x85\u2028\u2029\0\ufeffa1", max_size=8)


def schema() -> PaymentSchema:
    """Return a schema with a field of most types."""
    return parse(SCHEMA, "payment.toml")


@given(st.lists(texts, min_size=1, max_size=4))
def test_a_row_is_one_line_with_its_cells(values: list[str]) -> None:
    """Every reader of lines and every CSV parser finds one row of as many cells, with no formula."""
    line = ",".join(map(csv_text, values))
    assert len(line.splitlines()) <= 1
    cells = split_cells(line)
    assert len(cells) == len(values)
    assert next(csv.reader(io.StringIO(line)), [""]) == (cells if line else [""])
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\u2028\u2029")))
def test_ordinary_texts_are_read_back(text: str) -> None:
    """A text without control characters is the cell; a formula has an apostrophe before it."""
    (cell,) = split_cells(csv_text(text))
    assert cell == (f"'{text}" if text.startswith(("=", "+", "-", "@")) else text)


@given(st.lists(texts, max_size=5))
def test_columns_are_written_like_single_texts(values: list[str]) -> None:
    """The search over a whole column finds each text that must be written in another way."""
    field = schema().fields["a"]
    assert csv_writer(field)(values) == list(map(csv_text, values))


@given(
    st.lists(
        st.tuples(
            st.text(min_size=1, max_size=9),
            st.none() | texts.filter(lambda text: len(text) <= 4096),
            st.none() | st.booleans(),
            st.none() | st.integers(0, 253_402_300_799_999),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_messages_are_read_back(rows: list[tuple[str, str | None, bool | None, int | None, float]]) -> None:
    """A message written from columns has the same columns, missing values included."""
    form = PaymentFormat(schema())
    columns = dict(zip(("id", "a", "b", "t", "n"), map(list, zip(*rows, strict=True)), strict=True))
    messages = form.encode_all(columns)
    payments = [one for one in form.decode_all(messages) if not isinstance(one, InvalidPayment)]
    assert len(payments) == len(messages)
    assert {name: list(column) for name, column in form.columns(payments).items()} == columns


def test_missing_values() -> None:
    """A missing value is an empty cell, and null in JSON; a field with a default has none."""
    fields = schema().fields
    assert csv_writer(fields["b"])([True, None, False]) == ["true", "", "false"]
    assert json_writer(fields["t"])([None, 0]) == ["null", '"1970-01-01T00:00:00.000Z"']
    columns = PaymentFormat(schema()).columns(
        [{"id": "x"}, {"id": "y", "inner": None}, {"id": "z", "inner": {"b": True}}]
    )
    assert columns == {
        "id": ["x", "y", "z"],
        "a": [None, None, None],
        "b": [None, None, True],
        "t": [None, None, None],
        "n": [2.5, 2.5, 2.5],
    }


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.floats(1e-6, 1e-3) | st.integers(), max_size=5))
def test_numbers_are_written_as_python_writes_them(values: list[float]) -> None:
    """The text of a whole column is that of each number; it is exact, so it is read back as the same number."""
    field = schema().fields["n"]
    assert csv_writer(field)(values) == list(map(repr, values))
