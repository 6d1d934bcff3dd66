"""The board: it shows exactly the records received, and no text of another writer can harm it."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scores import payment
from tests.unit.test_page_fields import CARDS

from dashboard.board import DEAD_PER_TICK, FLAGGED_ON_A_PAGE, FLAGGED_PER_TICK, Board
from dashboard.exposition import Reading
from dashboard.replicas import Answer, Replicas
from fraudstream.dead_letter import Place, dead_letter, dead_letter_headers, marker_headers
from fraudstream.payment import InvalidPayment
from fraudstream.payment_schema import PaymentSchema, default_schema
from fraudstream.scored_payment import ScoredFormat

NOW = 1_800_000_000.0
STAMP = "2027-01-15T08:00:00.000Z"  # NOW


@dataclass
class Record:
    """A record with the fields of the client's."""

    offset: int = 0
    timestamp: int = int(NOW * 1000)
    timestamp_type: int | None = 0
    key: bytes | None = None
    value: bytes | None = b""
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


def scored(payment_id: int, decision: str = "approve", **more: Any) -> bytes:
    """Return a value of the scored topic."""
    value: dict[str, Any] = {
        **payment(payment_id=payment_id),
        "fraud_probability": 0.5,
        "decision": decision,
        "model_version": "v1",
        "reasons": [],
        "source_partition": 0,
        "source_offset": payment_id,
        "scored_at": STAMP,
    }
    return json.dumps(value | more).encode()


def board(schema: PaymentSchema | None = None) -> Board:
    """Return a board whose reading is up to date."""
    made = Board("kafka:9092", ScoredFormat(schema or default_schema()), Replicas(), NOW)
    made.connected(NOW, caught_up=True)
    return made


def test_flagged_payments_are_sent_once_newest_first() -> None:
    """A tick has the payments since the last one; those above its limit are counted."""
    one = board()
    one.add_scored(0, [Record(number, value=scored(number + 1, "review")) for number in range(60)], NOW)
    tick = one.tick(NOW + 1)
    assert [payment["id"] for payment in tick["flagged"]] == [str(60 - n) for n in range(FLAGGED_PER_TICK)]
    assert tick["flagged_left_out"] == 60 - FLAGGED_PER_TICK
    assert one.tick(NOW + 2)["flagged"] == []
    one.add_scored(0, [Record(60, value=scored(61, "block")), Record(61, value=scored(62))], NOW)
    assert [payment["id"] for payment in one.tick(NOW + 3)["flagged"]] == ["61"]
    assert [payment["id"] for payment in one.snapshot(NOW + 3)["flagged"]][:2] == ["61", "60"]


def test_a_page_is_bounded() -> None:
    """A flood of flagged payments and dead letters does not exceed the page's limits."""
    one = board()
    for _ in range(5):
        one.add_scored(0, [Record(number, value=scored(number + 1, "block")) for number in range(1_000)], NOW)
        one.add_dead(0, [Record(number, value=b"x" * 100_000) for number in range(200)], NOW)
    assert len(one.snapshot(NOW)["flagged"]) == FLAGGED_ON_A_PAGE
    assert len(one.tick(NOW)["dead_letters"]) == DEAD_PER_TICK
    assert all(len(letter["value"]) == 2_000 for letter in one.snapshot(NOW)["dead_letters"])


def test_ids_are_text() -> None:
    """Ids are text, since a browser's numbers end at 2^53."""
    one = board()
    one.add_scored(0, [Record(value=scored(2**63 - 1, "block"))], NOW)
    assert one.snapshot(NOW)["flagged"][0]["id"] == "9223372036854775807"


def test_records_of_other_writers_are_skipped() -> None:
    """A value that is not a scored payment is skipped, beside one that is."""
    one = board()
    strange: list[bytes | None] = [None, b"", b"[]", b"{", b"\xff", scored(1, "maybe"), scored(1, scored_at="never")]
    one.add_scored(0, [Record(value=value) for value in strange] + [Record(value=scored(2, "block"))], NOW)
    assert [payment["id"] for payment in one.snapshot(NOW)["flagged"]] == ["2"]
    assert sum(one.snapshot(NOW + 1)["scores"]) == 1


@given(
    key=st.none() | st.binary(max_size=600),
    value=st.none() | st.binary(max_size=3_000),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["dlq.reason", "dlq.detail", "dlq.partition", "dlq.offset", "x"]),
            st.none() | st.binary(max_size=600),
        )
    ),
    timestamp=st.integers(-(2**63), 2**63 - 1),
)
def test_any_dead_letter_is_shown(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], timestamp: int
) -> None:
    """A dead letter of any bytes becomes JSON, and is counted."""
    one = board()
    one.add_dead(3, [Record(5, timestamp, 0, key, value, headers)], NOW)
    shown = json.loads(json.dumps(one.snapshot(NOW + 1)))
    assert len(shown["dead_letters"]) == 1
    assert shown["dead_letters"][0]["value_bytes"] == len(value or b"")
    assert sum(shown["dead_reasons"].values()) == 1


def test_a_header_of_the_sender_is_not_taken_for_ours() -> None:
    """The scorer's headers come after the message's own, which are not taken for them."""
    one = board()
    headers: list[tuple[str, bytes | None]] = [("dlq.reason", b"forged"), ("dlq.reason", b"empty")]
    one.add_dead(0, [Record(headers=headers)], NOW)
    assert one.snapshot(NOW + 1)["dead_reasons"] == {"empty": 1}


@pytest.mark.parametrize("topic", ["", "a b", "a/b", "a;b", "\u202ea", "a" * 250])
def test_a_place_is_that_of_the_message(topic: str) -> None:
    """The page shows the place that the commands accept, and none of a letter with other text in its headers."""
    one = board()
    for name in ("test-payments", topic):
        headers = dead_letter_headers(Place(name, 3, 42, 0), InvalidPayment(reason="empty", detail=""))
        one.add_dead(2, [Record(5, headers=headers)], NOW)
    assert [letter["place"] for letter in one.snapshot(NOW)["dead_letters"]] == [None, "test-payments/3/42"]


def test_a_marker_is_not_a_dead_letter() -> None:
    """A marker is not counted; its letter shows the time of the replay, on open pages and on new ones."""
    one = board()
    ours = dead_letter_headers(Place("in", 0, 7, 0), InvalidPayment(reason="empty", detail=""))
    letter = Record(5, headers=[*ours])
    found = dead_letter(2, letter)
    assert found is not None
    marked = Record(6, value=None, headers=marker_headers(found, edited=False, again=False))
    one.add_dead(2, [letter], NOW)
    assert one.tick(NOW)["dead_letters"][0]["replayed"] is None
    one.add_dead(2, [marked, Record(7, value=None, headers=[*marked.headers])], NOW)
    one.add_dead(1, [marked], NOW)
    assert one.snapshot(NOW + 1)["dead_reasons"] == {"empty": 1}
    tick = one.tick(NOW)
    assert tick["dead_letters"] == []
    assert tick["replays"] == [{"partition": 2, "offset": 5, "replayed": STAMP}]
    assert [shown["replayed"] for shown in one.snapshot(NOW)["dead_letters"]] == [STAMP]
    assert one.tick(NOW)["replays"] == []


def test_unread_payments_are_reported() -> None:
    """Payments read and published in the last 10 s are reported, and none later."""
    one = board()
    one.add_scored(0, [Record(number, value=scored(number + 1)) for number in range(100)], NOW)
    one.skip(900, NOW)
    assert one.snapshot(NOW + 1)["sampling"] == {"read": 100, "of": 1_000}
    assert one.snapshot(NOW + 1)["series"]["approve"][-1] == 1_000
    assert one.snapshot(NOW + 20)["sampling"] is None


def test_kafka_is_unavailable_since() -> None:
    """A state keeps its start time; before the first answer it is "connecting", not unavailable."""
    one = Board("kafka:9092", ScoredFormat(default_schema()), Replicas(), NOW)
    one.disconnected(NOW + 5)
    assert one.snapshot(NOW + 6)["kafka"] == {"state": "connecting", "since": NOW, "servers": "kafka:9092"}
    one.connected(NOW + 10, caught_up=False)
    assert one.kafka_state == "catching_up"
    one.connected(NOW + 11, caught_up=True)
    one.disconnected(NOW + 20)
    one.disconnected(NOW + 25)
    assert one.snapshot(NOW + 30)["kafka"] == {"state": "away", "since": NOW + 20, "servers": "kafka:9092"}


def test_history_begins_where_reading_did() -> None:
    """The history covers the whole 15 minutes, or starts at the first record of a partition that was cut."""
    one = board()
    one.start_history(NOW, ())
    assert one.snapshot(NOW)["history_since"] == NOW - 900
    one.start_history(NOW, (1,))
    one.add_scored(1, [Record(value=scored(1, scored_at="2027-01-15T07:59:00.500Z"))], NOW)
    assert one.snapshot(NOW)["history_since"] == NOW - 60


def test_models_are_known_without_a_scorer() -> None:
    """While no scorer answers, the models are those of the records, the champion first; a scorer knows the kind too."""
    one = board()
    shadow: dict[str, Any] = {"challenger_version": "v2", "challenger_probability": 0.25}
    one.add_scored(0, [Record(number, value=scored(number + 1, **shadow)) for number in range(2)], NOW)
    unknown = {"kind": "", "replicas": 0, "payments": 2}
    assert one.snapshot(NOW + 1)["models"] == [
        {"role": "champion", "version": "v1", "mean": 0.5, **unknown},
        {"role": "challenger", "version": "v2", "mean": 0.25, **unknown},
    ]
    found = Reading(kind="scorer", models=[("champion", "v1", "curves")])
    one.replicas.update("scorer:9400", {"a": Answer("one", found)}, NOW)
    (champion,) = one.snapshot(NOW + 1)["models"]
    assert (champion["kind"], champion["replicas"], champion["payments"]) == ("curves", 1, 2)


def test_a_payment_of_another_schema() -> None:
    """Nested fields are shown by their names, and any text is an id; the snapshot describes the schema."""
    one = board(CARDS)
    record = json.loads(scored(1, "block")) | {
        "transaction_id": "\u202e../a?b#c d",
        "amount": 29.2,
        "merchant": {"id": "m1", "category": "grocery"},
    }
    one.add_scored(0, [Record(9, value=json.dumps(record).encode())], NOW)
    snapshot = one.snapshot(NOW)
    assert snapshot["schema"]["layout"] == CARDS.layout
    (found,) = snapshot["flagged"]
    assert found["id"] == "\u202e../a?b#c d"
    assert (found["fields"]["amount"], found["fields"]["merchant_id"]) == (29.2, "m1")
    assert found["fields"]["distance_km"] is None
    assert one.recent.find("\u202e../a?b#c d", 5) == [(0, 9)]


def test_a_dead_letter_is_masked_where_fields_are_secret() -> None:
    """Neither key nor bytes of the message reach the page, but a search for the key finds its letter."""
    one, plain = board(CARDS), board()
    letter = Record(5, key=b"4111111111111111", value=b'{"email":"a@example.com"}', headers=[("dlq.reason", b"empty")])
    for each in (one, plain):
        each.add_dead(2, [letter], NOW)
    sent = json.dumps([one.snapshot(NOW), one.tick(NOW), one.dead_with_key("4111111111111111")])
    assert "4111" not in sent
    assert "example.com" not in sent
    (found,) = one.dead_with_key("4111111111111111")
    assert (found["masked"], found["reason"], found["value_bytes"]) == (True, "empty", 25)
    (whole,) = plain.snapshot(NOW)["dead_letters"]
    assert (whole["masked"], whole["key"], whole["value"]) == (False, "4111111111111111", '{"email":"a@example.com"}')
