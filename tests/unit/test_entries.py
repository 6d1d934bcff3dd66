"""Entries of the outputs, and entries that can't be read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scores import FIELDS, FORMAT, LAYOUT, PAYMENT, One, Record, csv_chunk, payments, scored_values

from cli.audit.entries import ScoredEntries, dead_entries, row_entries, scored_again, stored_format
from fraudstream.dead_letter import Place, dead_letter_headers
from fraudstream.payment import InvalidPayment

TOPIC = "payments"
ENTRIES = ScoredEntries(FORMAT)
STORED = stored_format(FORMAT.schema)

scored = st.builds(
    One,
    payment=payments,
    fraud_probability=st.floats(0, 1).map(lambda value: round(value, 6)),
    decision=st.sampled_from(["approve", "review", "block"]),
    model_version=st.text("0123456789abcdef", min_size=1),
    timestamp_ms=st.integers(-1, 2**60),
    partition=st.just(3),
    offset=st.integers(0, 2**62),
)


@given(scored)
def test_row_and_scored_record_are_equal(one: One) -> None:
    """Row and scored record have equal numbers; a row made from the record is equal byte for byte."""
    row, (value,) = csv_chunk([one]), scored_values([one])
    record = Record(value, timestamp=one.timestamp_ms)
    problems: list[str] = []
    rows = row_entries([row.rstrip()], LAYOUT, 3, problems.append)
    assert rows == ENTRIES.entries([record], 3, problems.append)
    assert rows[0][0] == one.offset
    assert STORED.texts(scored_again([record], STORED, problems.append)).csv_chunk() == row
    assert not problems


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"{}", b"1", json.dumps({"source_partition": 4}).encode()])
def test_no_scored_record(value: bytes | None) -> None:
    """An invalid scored record is reported with its place, and left out."""
    problems: list[str] = []
    assert ENTRIES.entries([Record(value)], 3, problems.append) == []
    assert len(scored_again([Record(value)], STORED, problems.append)) == 0
    assert len(problems) == 2
    assert all(problem.startswith("scored topic, offset 5: ") for problem in problems)


@pytest.mark.parametrize(
    ("name", "value"), [("failed_logins", 0.5), ("amount", "5"), ("payment_id", None), ("fraud_probability", 1.5)]
)
def test_a_scored_record_that_the_scorer_never_wrote(name: str, value: object) -> None:
    """A record of another writer is left out of the new scoring, and reported with the field that is wrong."""
    one = One(PAYMENT, 0.5, "review", "v", 0, 3, 7)
    event = json.loads(scored_values([one])[0])
    problems: list[str] = []
    assert len(scored_again([Record(json.dumps(event | {name: value}).encode())], STORED, problems.append)) == 0
    assert name.removeprefix("fraud_") in problems[0]


@pytest.mark.parametrize(
    ("line", "problems"),
    [
        (b"a,b,3,7", 1),
        (b"t,7,1,0,0,0,0.5,approve,v,3,7", 1),
        (b't,7,1,0,0,0,"0,0.5,approve,v,3,7', 1),
        (b"t,7,1,0,0,0,0,half,approve,v,3,7", 1),
        (b"t,7,1,0,0,0,0,0.5,approve,v,3,seven", 1),
        (b"t,7,1,0,0,0,0,0.5,approve,v,33,7", 0),
        (b"t,7,1,0,0,3,0,0.5,approve,v,4,7", 0),
    ],
)
def test_no_row(line: bytes, problems: int) -> None:
    """An invalid row of this partition is reported; one of another partition is skipped."""
    reported: list[str] = []
    assert row_entries([line], LAYOUT, 3, reported.append) == []
    assert len(reported) == problems


def _letter(**changes: bytes) -> list[tuple[str, bytes | None]]:
    headers: dict[str, Any] = dict(
        dead_letter_headers(Place(TOPIC, 3, 7, 1_234), InvalidPayment(reason="empty", detail=""))
    )
    return [("dlq.offset", b"the message's own"), *(headers | changes).items()]


@pytest.mark.parametrize(
    ("headers", "entries", "problems"),
    [
        (_letter(), [(7, 1_234)], 0),
        ([("replayed", b"1")], [], 0),
        (_letter(**{"dlq.topic": b"others"}), [], 0),
        (_letter(**{"dlq.partition": b"4"}), [], 0),
        (_letter(**{"dlq.offset": b"x"}), [], 1),
    ],
)
def test_dead_letters(headers: list[tuple[str, bytes | None]], entries: list[tuple[int, int]], problems: int) -> None:
    """Our headers come last; records of other writers are skipped."""
    reported: list[str] = []
    assert dead_entries([Record(b"", headers=headers)], TOPIC, 3, reported.append) == entries
    assert len(reported) == problems


def test_the_payment_is_whole() -> None:
    """A payment read back from its scored record has all fields."""
    (value,) = scored_values([One(PAYMENT, 0.5, "review", "v", 0, 3, 7)])
    assert {
        name: column[0] for name, column in scored_again([Record(value)], STORED, print).payments.items()
    } == PAYMENT
    assert PAYMENT.keys() == FIELDS.keys()
