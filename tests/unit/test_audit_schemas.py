"""`verify`, `rebuild` and `model compare` with payments of other schemas, and of earlier ones."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scores import Record

from cli.audit.comparison import Comparisons
from cli.audit.content import agree, difference
from cli.audit.entries import ScoredEntries, row_entries, scored_again, stored_format
from cli.audit.merge import Bounds, Kind, Merge
from fraudstream.model.decision import Costs
from fraudstream.payment import InvalidPayment
from fraudstream.payment_schema import PaymentSchema, parse
from fraudstream.scored_payment import Scored, ScoredFormat
from fraudstream.secret_tokens import Tokens, is_token
from scorer.scored_records import ScoredRecords

TEXT = """
id = "transaction_id"
amount = "total"
[fields.transaction_id]
type = "text"
path = "payment.uuid"
[fields.total]
type = "number"
path = "payment.total"
required = false
strict = false
[fields.decision]
type = "category"
required = false
as = "bank_decision"
[fields.attempts]
type = "integer"
min = 0
max = 20
required = false
default = 1
[fields.at]
type = "time"
required = false
[fields.is_new]
type = "boolean"
required = false
strict = false
[fields.note]
type = "text"
[fields.card]
type = "text"
required = false
%s
"""
SCHEMA = parse(TEXT % "", "payment.toml")
SECRET = parse(TEXT % "secret = true", "payment.toml")
NUMBERED = parse('id = "n"\n[fields.n]\ntype = "integer"\nstrict = false\n', "payment.toml")
AT = "2026-01-01T00:00:00.000Z"

TIMES = [None, "2026-09-21T14:00:00Z", 1_790_000_000, 1_790_000_000_123, "1970-01-01T01:00:00+01:00"]

texts = st.text(max_size=12) | st.sampled_from(["=1+1", "-x", 'a"b', "a,b", "a\nb\r\x00", "\u2028\x85", "'", "~", ""])
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53) | st.just("12.50")
messages = st.fixed_dictionaries(
    {
        "payment": st.fixed_dictionaries({"uuid": texts}, optional={"total": st.none() | numbers}),
        "note": texts,
    },
    optional={
        "decision": st.none() | texts,
        "attempts": st.none() | st.integers(0, 20),
        "at": st.sampled_from(TIMES),
        "is_new": st.sampled_from([None, True, False, 0, 1, "true", "0"]),
        "card": st.none() | texts,
        "other": texts,
    },
)


def written(
    form: ScoredFormat, payments: list[Mapping[str, Any]], *, partition: int = 3
) -> tuple[list[bytes], list[Record]]:
    """Return the rows and the records that the scorer writes for these messages, from offset 5 on."""
    tokens = Tokens(b"k" * 32) if form.schema.has_secrets else None
    received = [Record(json.dumps(one).encode(), 5 + row, 1_000 + row) for row, one in enumerate(payments)]
    decoded: list[Any] = form.payment.decode_all([record.value for record in received])
    assert not [one for one in decoded if isinstance(one, InvalidPayment)]
    columns = form.payment.columns(decoded)
    count = len(payments)
    scored = Scored(
        payments=tokens.of_columns(form.schema, columns) if tokens else columns,
        fraud_probability=[0.25] * count,
        decision=["review"] * count,
        model_version=["v1"] * count,
        timestamp_ms=[record.timestamp for record in received],
        partition=[partition] * count,
        offset=[record.offset for record in received],
    )
    made = form.texts(scored)
    published, _ = ScoredRecords(form, lambda: 1 << 20, tokens).of(received, scored, made, AT)
    records = [Record(value, offset, timestamp) for offset, (_, value, timestamp, _) in enumerate(published)]
    return made.csv_chunk().splitlines(keepends=True), records


def entries(form: ScoredFormat, rows: list[bytes], records: list[Record]) -> tuple[list[Any], list[Any]]:
    """Return the entries of rows and of records, all of which are readable."""
    problems: list[str] = []
    found = row_entries([row.rstrip(b"\n") for row in rows], form.layout, 3, problems.append)
    scored = ScoredEntries(form).entries(records, 3, problems.append)
    assert not problems
    return found, scored


@pytest.mark.parametrize("schema", [SCHEMA, SECRET], ids=["plain", "secret"])
@given(st.lists(messages, max_size=4))
def test_rows_and_records_agree_and_rows_are_rebuilt(schema: PaymentSchema, payments: list[Mapping[str, Any]]) -> None:
    """Rows and records of any texts have the same ids, and a row made from its record has the same bytes."""
    form, stored = ScoredFormat(schema), stored_format(schema)
    rows, records = written(form, payments)
    assert len(rows) == len(payments)
    found, scored = entries(form, rows, records)
    assert found == scored
    assert [offset for offset, _ in found] == list(range(5, 5 + len(payments)))
    problems: list[str] = []
    assert stored.texts(scored_again(records, stored, problems.append)).csv_chunk() == b"".join(rows)
    assert not problems
    assert stored.layout == form.layout


@pytest.mark.parametrize("sent", [7, "7", "-07", "+7", 7.0, 1e16, 2**63 - 1])
def test_an_integer_id_in_any_form(sent: object) -> None:
    """With `strict = false`, the record has the id as it was sent, and the CSV has it as a number."""
    form = ScoredFormat(NUMBERED)
    found, scored = entries(form, *written(form, [{"n": sent}]))
    assert found == scored
    assert found[0][1][0] == str(int(float(sent)) if sent != 2**63 - 1 else sent)  # type: ignore[arg-type]


def earlier(**changes: Any) -> ScoredFormat:
    """Return the format of an earlier schema: SCHEMA with fewer fields, and with these changes of `transaction_id`."""
    fields = {name: SCHEMA.fields[name] for name in ("transaction_id", "attempts")}
    fields["transaction_id"] = replace(fields["transaction_id"], **changes)
    fields["attempts"] = replace(fields["attempts"], max=100.0)
    return ScoredFormat(replace(SCHEMA, fields=fields, amount=None))


def test_records_of_an_earlier_schema() -> None:
    """They have rows with empty cells for fields that were added; ranges may have been wider."""
    old, form, stored = earlier(), ScoredFormat(SCHEMA), stored_format(SCHEMA)
    rows, records = written(old, [{"payment": {"uuid": "a,b"}, "attempts": 50}])
    problems: list[str] = []
    (found,) = stored.texts(scored_again(records, stored, problems.append)).csv_lines()
    assert form.layout.cells(found.encode()) == {
        "timestamp": "1970-01-01T00:00:01.000Z",
        "transaction_id": "a,b",
        "total": "",
        "bank_decision": "",
        "attempts": "50",
        "at": "",
        "is_new": "",
        "note": "",
        "card": "",
        "fraud_probability": "0.250000",
        "decision": "review",
        "model_version": "v1",
        "partition": "3",
        "offset": "5",
    }
    layout = form.layout.found(old.layout.header_line)
    assert layout is not None
    assert row_entries([rows[0].rstrip()], layout, 3, problems.append) == entries(form, [], records)[1]
    assert not problems


def test_a_field_that_is_secret_now() -> None:
    """A rebuilt row has no clear value of a record from before; a token stays."""
    stored = stored_format(SECRET)
    sent = {"payment": {"uuid": "a"}, "note": "", "card": "4111111111111111"}
    cells = [
        stored.layout.cells(line.encode())["card"]
        for schema in (SCHEMA, SECRET)
        for line in stored.texts(scored_again(written(ScoredFormat(schema), [sent])[1], stored, print)).csv_lines()
    ]
    assert cells[0] == ""
    assert is_token(cells[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": ("number",)}, {"number": "a"}),
        ({"column": "number"}, {"payment": {"uuid": "a"}}),
    ],
)
def test_an_id_that_an_earlier_schema_did_not_have(changes: dict[str, Any], message: dict[str, Any]) -> None:
    """It is not compared: only one of row and record has it. The other values are."""
    old, form = earlier(**changes), ScoredFormat(SCHEMA)
    rows, records = written(old, [message])
    layout = form.layout.found(old.layout.header_line)
    assert layout is not None
    found = row_entries([rows[0].rstrip()], layout, 3, print)
    scored = ScoredEntries(form).entries(records, 3, print)
    assert found != scored
    merge = Merge(Bounds(start=5, end=6))
    merge.window({5: 1_000}, found, scored, ())
    merge.finish()
    assert (merge.once, merge.scored, merge.findings.total()) == (1, 1, 0)
    other = [(offset, (content[0], 0.5, *content[2:])) for offset, content in scored]
    merge = Merge(Bounds(start=5, end=6))
    merge.window({5: 1_000}, found, other, ())
    assert merge.findings == {Kind.DIFFERENT: 1}


def test_contents() -> None:
    """Contents differ by any value, and by ids that both have."""
    assert agree(("a", 0.5, "review", "v"), ("a", 0.5, "review", "v"))
    assert agree((None, 0.5, "review", "v"), ("a", 0.5, "review", "v"))
    assert not agree(("b", 0.5, "review", "v"), ("a", 0.5, "review", "v"))
    assert not agree((None, 0.5, "review", "v"), ("a", 0.5, "review", "w"))
    assert difference(("b", 0.5, "review", "v"), ("a", 0.5, "review", "w")) == (
        "id: CSV b, topic a; model_version: CSV v, topic w"
    )


@pytest.mark.parametrize(("total", "expected"), [(1_000.0, "review"), ("1000", "review"), (None, "approve")])
def test_a_challenger_decides_by_the_schemas_amount(total: object, expected: str) -> None:
    """The amount is found at its path; a payment without one has the amount 0."""
    form = ScoredFormat(SCHEMA)
    _, (record,) = written(form, [{"payment": {"uuid": "a", "total": total}, "note": ""}])
    value = json.loads(record.value or b"") | {"challenger_probability": 0.1, "challenger_version": "new"}
    found = Comparisons(form, {"new": Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5)}.get)
    found.add([Record(json.dumps(value).encode())])
    (comparison,) = found.pairs.values()
    assert comparison.decisions == {("review", expected): 1}


@pytest.mark.parametrize("probability", [0, 1, 1.5, "0.5", None])
def test_a_score_without_log_odds_is_not_compared(probability: object) -> None:
    """Such a record is counted; a scorer does not write it."""
    form = ScoredFormat(SCHEMA)
    _, (record,) = written(form, [{"payment": {"uuid": "a"}, "note": ""}])
    value = json.loads(record.value or b"") | {"challenger_probability": probability, "challenger_version": "new"}
    found = Comparisons(form, {"new": Costs(fraud=15.0, review=5.0, wrong_block=25.0, min_block=0.5)}.get)
    found.add([Record(json.dumps(value).encode())])
    assert (found.left_out, found.pairs) == (1, {})
