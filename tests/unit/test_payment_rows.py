"""Rows of files by any schema: a CSV and JSON Lines of the same payments have the same rows, with labels and ids."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.any_schema import CARDS, ROOT, cells, nested, rows_of, schemas
from tests.fuzz import examples

from fraudstream.errors import PaymentFileError
from fraudstream.payment import InvalidPayment, PaymentFormat
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rows import LABEL, Batch, RowSchema, columns, known_payments, line_ids, payments
from fraudstream.payment_schema import PaymentSchema, default_schema, parse

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(150))
HEAD = 'id = "id"\n[fields.id]\ntype = "text"\n'


def read(path: Path, content: str, schema: RowSchema) -> Batch:
    """Return the rows of a small file."""
    path.write_text(content, encoding="utf-8")
    with opened(path, schema) as table:
        batches = [batch for batch in table.batches if batch.lines or batch.rejected]
    empty = Batch(lines=(), rows=(), values=(), rejected=(), blank=0)
    (batch,) = batches or [empty]
    return batch


def as_csv(header: Sequence[str], table: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as Python's writer formats them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


@same_folder
@given(st.data())
def test_files_of_any_schema(tmp_path: Path, data: st.DataObject) -> None:
    """Cells and JSON give the values that were written, missing ones included; so do messages made from them."""
    schema = data.draw(schemas())
    rows = data.draw(st.lists(rows_of(schema), max_size=4))
    read_csv = read(tmp_path / "a.csv", as_csv([*schema.fields], list(map(cells, rows))), payments(schema))
    lines = "".join(json.dumps(nested(schema, row)) + "\n" for row in rows)
    read_json = read(tmp_path / "a.jsonl", lines, payments(schema))
    assert [[*batch.rows] for batch in (read_csv, read_json)] == [rows, rows]
    assert all([*row] == [*schema.fields] for row in read_csv.rows)
    if rows:
        form = PaymentFormat(schema)
        events = form.decode_all(form.encode_all(columns(schema, rows)))
        valid = [one for one in events if not isinstance(one, InvalidPayment)]
        assert [*zip(*form.columns(valid).values(), strict=True)] == [tuple(row.values()) for row in rows]


@same_folder
@given(st.data())
def test_any_cells_of_any_schema(tmp_path: Path, data: st.DataObject) -> None:
    """Each line is a valid row or rejected, and a valid row is a valid message."""
    schema = data.draw(schemas())
    cell = st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=5) | st.sampled_from(
        ["1", "-3", "2.5", "true", "2026-09-21T14:00:00Z", "1789999200", " ", "x", "1e400", "nan"]
    )
    table = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(schema.fields, cell)), max_size=4))
    found = read(tmp_path / "a.csv", as_csv([*schema.fields], table), payments(schema))
    assert len(found.rows) + len(found.rejected) + found.blank in {len(table), 0}
    form = PaymentFormat(schema)
    for row in found.rows:
        (value,) = form.encode_all(columns(schema, [row]))
        assert not isinstance(form.decode(value), InvalidPayment)


COLUMNS = """id = "id"
[fields.id]
type = "text"
as = "reference"
[fields.country]
type = "category"
path = "card.country"
[fields.city]
type = "category"
path = "country"
required = false
"""


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("id,country", {"id": "1", "country": "2", "city": None}),
        ("id,card.country,country", {"id": "1", "country": "2", "city": "3"}),
        ("reference,card.country,city", {"id": "1", "country": "2", "city": "3"}),
        ("reference,id,card.country", {"id": "2", "country": "3", "city": None}),
        ("note,card.country,id", {"id": "3", "country": "2", "city": None}),
    ],
)
def test_names_of_columns(tmp_path: Path, header: str, row: Mapping[str, object]) -> None:
    """A column has its field's name, or its path, or its name in outputs; a path is before another field's name."""
    schema = parse(COLUMNS, "payment.toml")
    numbers = ",".join(str(number) for number in range(1, header.count(",") + 2))
    found = read(tmp_path / "a.csv", f"{header}\n{numbers}\n", payments(schema))
    assert [*found.rows] == [row]


def test_missing_columns_are_named_with_all_their_names(tmp_path: Path) -> None:
    """Columns of optional fields may be missing, and that of the id where rows get new ones."""
    schema = parse(COLUMNS, "payment.toml")
    with pytest.raises(PaymentFileError, match=r"line 1: no column id \(reference\), country \(card.country\) \(found"):
        read(tmp_path / "a.csv", "city\nx\n", payments(schema))
    found = read(tmp_path / "a.csv", "country\nDE\n", payments(schema, line_ids(schema)))
    assert [*found.rows] == [{"id": "2", "country": "DE", "city": None}]


def label_schema(label: str) -> PaymentSchema:
    """Return a schema with a label and one feature."""
    return parse(
        f'label = "{label}"\namount = "x"\n{HEAD}[fields.x]\ntype = "number"\nfeature = true\n', "payment.toml"
    )


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("0", 0), ("1", 1), ("1.0", 1), ("true", 1), ("FALSE", 0), ("2", None), ("yes", None), ("", None), ("-1", None)],
)
def test_labels_in_cells(tmp_path: Path, text: str, outcome: int | None) -> None:
    """0, 1, true and false; the column has the label's path."""
    found = read(tmp_path / "a.csv", f"x,end.fraud\n1,{text}\n", known_payments(label_schema("end.fraud")))
    assert [row[LABEL] for row in found.rows] == ([] if outcome is None else [outcome])
    assert all("end.fraud" in one.detail for one in found.rejected)


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (0, 0), (True, 1), ("1", 1), ("false", 0), (1.0, None), (2, None), ("yes", None), (None, None), ([], None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("label", ["is_fraud", "end.fraud"])
def test_labels_in_json(tmp_path: Path, label: str, value: object, outcome: int | None) -> None:
    """0, 1, true and false, also in quotes."""
    message = {"x": 1, "is_fraud": value} if label == "is_fraud" else {"x": 1, "end": {"fraud": value}}
    found = read(tmp_path / "a.jsonl", json.dumps(message), known_payments(label_schema(label)))
    assert [dict(row) for row in found.rows] == ([] if outcome is None else [{"x": 1.0, LABEL: outcome}])


def test_the_history_of_the_example(tmp_path: Path) -> None:
    """All rows are read; of a history only features, the amount and the label, so that other columns may be missing."""
    for schema in (payments(CARDS), known_payments(CARDS)):
        with opened(ROOT / "examples/cards/history.csv", schema) as table:
            batches = list(table.batches)
        assert sum(len(batch.rows) for batch in batches) == 4_200
        assert not any(batch.rejected for batch in batches)
    names = [one.name for one in CARDS.features]
    assert all([*row] == [*names, LABEL] for batch in batches for row in batch.rows)
    assert known_payments(default_schema()).required == [*(one.name for one in default_schema().features), LABEL]
    text = (ROOT / "examples/cards/history.csv").read_text(encoding="utf-8")
    header, first, *_ = text.splitlines()
    found = read(tmp_path / "a.csv", f"{header.replace('customer.email', 'note')}\n{first}\n", known_payments(CARDS))
    assert len(found.rows) == 1


SECRET = f'{HEAD}[fields.mail]\ntype = "text"\npath = "person.mail"\nmax_length = 5\nsecret = true\n'
CLEAR = "anna@example.com"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", f"id,mail\na,{CLEAR}\n"),
        ("a.csv", f'id,mail\na,"{CLEAR}\n'),
        ("a.csv", f'id,mail\na,{CLEAR}"\n'),
        ("a.csv", f"id,mail\na,{CLEAR},b\n"),
        ("a.jsonl", f'{{"id":"a","person":{{"mail":"{CLEAR}"}}}}'),
        ("a.jsonl", f'{{"id":"a","person":"{CLEAR}"}}'),
        ("a.jsonl", f'{{"id":"a","person":{{"mail":"{CLEAR}"}}'),
    ],
)
def test_no_clear_value_of_a_secret_field_is_in_a_message(tmp_path: Path, name: str, content: str) -> None:
    """A rejected row has its line and column; its value is not shown, nor what could be a shifted one."""
    (rejected,) = read(tmp_path / name, content, payments(parse(SECRET, "payment.toml"))).rejected
    assert "anna" not in rejected.detail + rejected.problem
    assert rejected.detail


def test_no_clear_value_of_a_file_without_a_header_is_in_a_message(tmp_path: Path) -> None:
    """The first line is taken for names."""
    with pytest.raises(PaymentFileError) as caught:
        read(tmp_path / "a.csv", f"a,{CLEAR}\n", payments(parse(SECRET, "payment.toml")))
    assert "anna" not in str(caught.value)
    assert "2 names, none of them of a field" in str(caught.value)


NESTED_ID = 'id = "key"\n[fields.key]\ntype = "integer"\npath = "head.key"\n[fields.x]\ntype = "number"\n'


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('{"x":1.5}', 1),
        ('{"x":1.5,"head":{}}', 1),
        ('{"x":1.5,"head":{"key":7}}', 7),
        ('{"x":1.5,"head":{"other":[1]}}', 1),
        ('{"x":1.5,"head":{"key":null}}', None),
        ('{"x":1.5,"note":"\\"key\\""}', 1),
        ('{"x":1.5,"head":{"k\\u0065y":7}}', 7),
        ('{"x":1.5,"head":3}', None),
    ],
)
def test_a_line_without_a_nested_id_gets_one(tmp_path: Path, line: str, key: int | None) -> None:
    """The line's other members stay."""
    schema = parse(NESTED_ID, "payment.toml")
    found = read(tmp_path / "a.jsonl", line, payments(schema, line_ids(schema)))
    assert [row["key"] for row in found.rows] == ([] if key is None else [key])
    for value in found.values:
        message, before = json.loads(value), json.loads(line)
        assert message["head"]["key"] == key
        assert {name: one for name, one in message.items() if name != "head"} == {
            name: one for name, one in before.items() if name != "head"
        }


def test_problems_are_of_the_field_and_not_of_the_alternatives_of_its_type(tmp_path: Path) -> None:
    """A time may be a number or a text; a text for an object is a problem of the object."""
    schema = parse(f'{HEAD}[fields.at]\ntype = "time"\npath = "when.at"\n', "payment.toml")
    (one,) = read(tmp_path / "a.csv", "id,when.at\na,yesterday\n", payments(schema)).rejected
    assert one.detail.startswith("column when.at: 'yesterday' must be RFC 3339 with an offset")
    (one,) = read(tmp_path / "a.jsonl", '{"id":"a","when":{"at":true}}', payments(schema)).rejected
    assert one.detail.startswith("column when.at: 'true' must be")
    (one,) = read(tmp_path / "a.jsonl", '{"id":"a","when":"now"}', payments(schema)).rejected
    assert one.detail.startswith("column when: '\"now\"' must be an object")
