"""Records → rows of the archive: any bytes, any headers; our records are kept whole, others make no row."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.archives import CARDS, scored_rows, scored_value
from tests.scores import PAYMENT, One, Record, scored_values
from tests.strange import events, headers, stamps, values

from archiver.positions import Position, resume
from archiver.retention import PIECE, Retention
from archiver.rows import Rows, letter_row, replay_row
from archiver.schema import dead_letters, replays, scored_payments
from fraudstream.dead_letter import Place, dead_letter_headers, marker_headers
from fraudstream.dead_letter import dead_letter as letter_of
from fraudstream.offsets import Case, Log, Resume
from fraudstream.payment import InvalidPayment
from fraudstream.payment_schema import default_schema, parse
from fraudstream.runtime.settings import TopicSettings

NOW = "2026-01-01T00:00:00.000Z"
TOPICS = TopicSettings.from_env({})
ROWS = Rows(default_schema(), TOPICS)


def assert_storable(row: tuple[object, ...], columns: int) -> None:
    """Assert that every database can store the row: numbers in range, text in UTF-8 without NUL."""
    assert len(row) == columns
    for cell in row:
        if isinstance(cell, int):
            assert -(2**63) <= cell < 2**63
        if isinstance(cell, str):
            cell.encode()
            assert "\x00" not in cell


def named(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the values of a row of scored_payments by column."""
    return dict(zip(scored_payments.columns.keys(), row, strict=True))


@given(events | values, stamps)
def test_any_value_is_a_row_or_none(value: bytes | None, stamp: int) -> None:
    """Any value that another writer has put into the scored topic makes a row or None."""
    row = ROWS.scored_row(Record(value, timestamp=stamp), NOW)
    if row is not None:
        assert_storable(row, len(scored_payments.columns))
        cells = named(row)
        assert 2**31 > cells["source_partition"] >= 0
        for name in ("reasons", "fields"):
            json.loads(cells[name], parse_constant=lambda _: 1 / 0)


@given(headers, values, values, stamps)
def test_any_headers_are_a_row_or_none(
    some: list[tuple[str, bytes | None]], key: bytes | None, value: bytes | None, stamp: int
) -> None:
    """Any headers that another writer has put into the dead-letter topic make a letter, a marker or neither."""
    record = Record(value, key=key, headers=some, timestamp=stamp)
    letter, replay = letter_row("dlq", 3, record, NOW), replay_row("dlq", 3, record, NOW)
    assert letter is None or replay is None
    if letter is not None:
        assert_storable(letter, len(dead_letters.columns))
        assert len(letter[0]) <= 249
    if replay is not None:
        assert_storable(replay, len(replays.columns))


@given(st.lists(st.tuples(st.text(max_size=9), st.none() | st.binary(max_size=9)), max_size=5), values, values)
def test_a_letter_is_kept_whole(own: list[tuple[str, bytes | None]], key: bytes | None, value: bytes | None) -> None:
    """Key, value and headers of a letter can be restored byte for byte."""
    ours = dead_letter_headers(Place("in", 3, 42, -5), InvalidPayment(reason="empty", detail="why"))
    row = letter_row("dlq", 1, Record(value, key=key, headers=[*own, *ours], offset=7), NOW)
    assert row is not None
    assert row[:7] == ("in", 3, 42, -5, "dlq", 1, 7)
    assert row[9:12] == (key, value, len(value or b""))
    back = [
        (one["name"], base64.b64decode(one["base64"]) if "base64" in one else one["text"] and one["text"].encode())
        for one in json.loads(row[12])
    ]
    assert back == [(name.replace("\x00", "\\x00"), data if data is None else data or "") for name, data in own]


def test_a_batch_is_sorted_by_table() -> None:
    """A batch is sorted into payments, letters and markers; other records are counted."""
    one = One(PAYMENT, 0.5, "block", "v", 1_790_000_000_000, 3, 9)
    ours = dead_letter_headers(Place("in", 3, 42, 5), InvalidPayment(reason="empty", detail="why"))
    letter = Record(b"x", headers=list(ours))
    read = letter_of(2, letter)
    assert read is not None
    marker = Record(None, offset=6, headers=list(marker_headers(read, edited=True, again=False)))
    fetched = {
        (TOPICS.scored, 3): [Record(scored_values([one])[0], timestamp=one.timestamp_ms), Record(b"{}")],
        (TOPICS.dlq, 2): [letter, marker, Record(b"y"), Record(None)],
    }
    made = ROWS.batch(fetched, NOW)
    assert {table: len(rows) for table, rows in made.rows.items()} == {
        "scored_payments": 1,
        "dead_letters": 1,
        "replays": 1,
    }
    assert made.skipped == {"scored": 1, "dlq": 2}
    (row,) = made.rows["scored_payments"]
    assert row[:6] == (TOPICS.input, 3, 9, 1_790_000_000_000, "2026-09-21T14:13:20.000Z", "7")
    assert (row[6], json.loads(row[7])) == (12.5, PAYMENT)


@pytest.mark.parametrize(
    ("scored_at", "stored"),
    [
        ("9999-12-31T23:59:59Z", "2026-09-22T12:00:00.000Z"),
        ("2026-09-22T12:00:00.001Z", "2026-09-22T12:00:00.000Z"),
        ("2026-09-22T10:00:00+00:00", "2026-09-22T10:00:00.000Z"),
        ("2026-09-21T12:00:00Z", "2026-09-21T12:00:00.000Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00.000Z"),
    ],
)
def test_a_scored_at_of_the_future_is_stored_as_a_day_after_its_arrival(scored_at: str, stored: str) -> None:
    """A scored_at of the future is stored as one day after its arrival, so that retention deletes it."""
    one = One(PAYMENT, 0.5, "block", "v", 1_790_000_000_000, 3, 9)
    record = Record(scored_values([one], scored_at)[0], timestamp=one.timestamp_ms)
    (row,) = ROWS.batch({(TOPICS.scored, 3): [record]}, "2026-09-21T12:00:00.000Z").rows["scored_payments"]
    assert named(row)["scored_at"] == stored


def test_resume_position_of_a_partition() -> None:
    """A partition resumes at its position; at the log's beginning if that is deleted or the topic was re-created."""
    log = Log(start=10, end=20, fingerprint=None)
    assert resume(None, log) == Resume(case=Case.NEW_PARTITION, position=10)
    assert resume(Position(next_offset=20), log) == Resume(case=Case.OFFSETS_EXPIRED, position=20)
    assert resume(Position(next_offset=4), log) == Resume(case=Case.RETENTION_PASSED, position=10, lost=6)
    assert resume(Position(next_offset=21), log) == Resume(case=Case.TOPIC_RECREATED, position=10)
    read = Position(next_offset=15, last_offset=13, last_fingerprint=1)
    for fingerprint, case in ((1, Case.OFFSETS_EXPIRED), (2, Case.TOPIC_RECREATED), (None, Case.OFFSETS_EXPIRED)):
        assert resume(read, Log(start=10, end=20, fingerprint=fingerprint)).case is case


def test_retention_is_due_once_an_hour_a_piece_at_a_time() -> None:
    """Retention runs once an hour, in pieces, for each table until nothing is left; the limit is N days ago."""
    retention = Retention(2.0)
    now_s = 1_790_000_000.0
    piece = retention.due(now_s)
    assert piece is not None
    assert (piece.table, piece.before) == ("scored_payments", "2026-09-19T14:13:20.000Z")
    retention.deleted(piece, PIECE)
    assert retention.due(now_s) == piece
    for table in ("scored_payments", "dead_letters", "replays"):
        due = retention.due(now_s)
        assert due is not None
        assert due.table == table
        retention.deleted(due, 3)
    assert retention.due(now_s + 3_599) is None
    assert retention.due(now_s + 3_600) == Retention(2.0).due(now_s + 3_600)
    assert Retention(None).due(now_s) is None


def test_fields_are_stored_by_their_names_in_outputs() -> None:
    """Fields are one JSON object of the names in outputs; times are RFC 3339, and missing fields are left out."""
    payment = {
        "transaction_id": "a",
        "card": {"token": "t"},
        "logins": 2**63 - 1,
        "is_new": False,
        "created_at": 1_790_000_000,
        "undeclared": 1,
        "note": None,
    }
    (row,) = scored_rows(CARDS, [scored_value(payment)])
    cells = named(row)
    assert (cells["id"], cells["amount"]) == ("a", None)
    assert cells["fields"] == (
        f'{{"transaction_id":"a","card_token":"t","logins":{2**63 - 1},"is_new":false,'
        '"created_at":"2026-09-21T14:13:20.000Z"}'
    )


@pytest.mark.parametrize(
    ("moment", "stored"),
    [
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00.000Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("2026-09-21T14:00:00.12345+02:00", "2026-09-21T12:00:00.123Z"),
    ],
)
def test_times_of_any_year_are_text_that_sorts(moment: str, stored: str) -> None:
    """A time has a year of four digits and milliseconds, so that texts sort as times do."""
    (row,) = scored_rows(CARDS, [scored_value({"transaction_id": "a", "created_at": moment})])
    assert json.loads(named(row)["fields"])["created_at"] == stored


# a record with thousands of these is not read
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters=",:[{"), max_size=9)


@given(TEXTS, TEXTS)
def test_texts_are_stored_up_to_a_length(transaction_id: str, note: str) -> None:
    """Texts are stored without NUL and lone surrogates, and up to 4,096 characters."""
    for factor in (1, 5_000):
        payment = {"transaction_id": transaction_id * factor, "note": note * factor}
        (row,) = scored_rows(CARDS, [scored_value(payment)])
        assert_storable(row, len(scored_payments.columns))
        fields = json.loads(named(row)["fields"])
        assert fields["note"] == (note * factor)[:4_096].replace("\x00", "\\x00")
        assert fields["transaction_id"] == named(row)["id"]


def test_letters_have_no_content_if_fields_are_secret() -> None:
    """With secret fields, a letter's key, value and headers are left out: any of them may contain a secret."""
    schema = parse('id = "i"\n[fields.i]\ntype = "text"\n[fields.card]\ntype = "integer"\nsecret = true', "x.toml")
    ours = dead_letter_headers(Place("in", 3, 42, 5), InvalidPayment(reason="invalid_json", detail="why"))
    record = Record(b"4111111111111111", key=b"4111111111111111", headers=[("card", b"4111111111111111"), *ours])
    (row,) = Rows(schema, TOPICS).batch({(TOPICS.dlq, 2): [record]}, NOW).rows["dead_letters"]
    assert row[7:13] == ("invalid_json", "why", None, None, 16, "[]")
    assert "4111" not in str(row)
    (row,) = ROWS.batch({(TOPICS.dlq, 2): [record]}, NOW).rows["dead_letters"]
    assert row[9:12] == (b"4111111111111111", b"4111111111111111", 16)
    token = "0123abcd." + "A" * 24
    (row,) = scored_rows(schema, [scored_value({"i": "a", "card": token})])
    assert json.loads(named(row)["fields"]) == {"i": "a", "card": token}
    (row,) = scored_rows(schema, [scored_value({"i": "a", "card": 4111111111111111})])
    assert json.loads(named(row)["fields"]) == {"i": "a"}, "of a release, or a schema, in which it was not secret"


@pytest.mark.parametrize("character", [",", ":", "[", "{", '"', "\\", "\u2028"])
def test_a_text_of_any_characters_is_a_row(character: str) -> None:
    """A valid text is archived even if it consists of characters that separate values in JSON."""
    payment = {"transaction_id": character * 4_096, "note": character * 4_096, "country": character * 64}
    (row,) = scored_rows(CARDS, [scored_value(payment)])
    assert json.loads(named(row)["fields"]) == payment
