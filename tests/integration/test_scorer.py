"""The scorer on real Kafka: each kind of message, each codec, its log at each pace."""

import json

import pytest

from tests.integration.scorer import Message, Surroundings, payment
from tests.oracle import committed_records, csv_rows, dead_letters
from tests.unit.test_events import NO_JSON, WRONG_FIELDS, with_field, with_unknown

BAD: dict[str, tuple[bytes | None, str]] = {
    "tombstone": (None, "tombstone"),
    "empty": (b"", "empty"),
    "an array": (b"[1,2]", "not_an_object"),
    "a number": (b"42", "not_an_object"),
    "a string": (b'"payment"', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "a missing field": (b'{"payment_id":1}', "missing_field"),
    "900 KB that are not JSON": (b'{"x":"' + b"a" * 900_000, "invalid_json"),
    **{name: (value, "invalid_json") for name, value in NO_JSON.items()},
    **{f"{name}={raw}": (with_field(name, raw), "") for name, raw in WRONG_FIELDS},
    "one half": (b'{"payment_id":1,"x":[{}', "invalid_json"),
    "the other half": (b"{}]}", "invalid_json"),
}


def test_bad_messages_are_kept_and_good_ones_scored(surroundings: Surroundings) -> None:
    """Each invalid message is a dead letter, byte for byte, with its reason; its neighbours are scored."""
    messages, bad = [], {}
    for number, (name, (value, reason)) in enumerate(BAD.items()):
        messages.append(Message(payment(number + 1), key=b"k", partition=number % 4))
        bad[name] = Message(value, b"\xff" + name.encode(), number % 4, headers=[("h", b"1"), ("h", b"2")])
        messages.append(bad[name])
        assert reason or "=" in name
    messages += [Message(payment(10_000 + partition), partition=partition) for partition in range(4)]
    surroundings.send(messages)
    with surroundings.assigned_scorer() as scorer:
        surroundings.wait_until_drained()
        scorer.stop()
    count = surroundings.assert_each_once()
    assert count == len(messages)
    letters = dead_letters(surroundings.bootstrap, surroundings.settings["DLQ_TOPIC"])
    assert len(letters) == len(BAD)
    for (partition, _), (letter,) in letters.items():
        assert letter.key is not None
        name = letter.key[1:].decode()
        headers = dict(letter.headers)
        assert letter.value == bad[name].value
        assert letter.partition == partition == bad[name].partition
        assert list(letter.headers)[:2] == [("h", b"1"), ("h", b"2")]
        assert headers["dlq.reason"].decode() == (BAD[name][1] or headers["dlq.reason"].decode())
        assert headers["dlq.topic"].decode() == surroundings.settings["INPUT_TOPIC"]
        assert headers["dlq.detail"]


UNUSUAL = {
    "timestamp -1": Message(payment(1), timestamp_ms=-1),
    "a negative timestamp": Message(payment(2), timestamp_ms=-86_400_000),
    "after year 9999": Message(payment(3), timestamp_ms=400_000_000_000_000),
    "no key": Message(payment(4), key=None),
    "an empty key": Message(payment(5), key=b""),
    "a key of 900 KB": Message(payment(6), key=b"k" * 900_000),
    "a key that is not UTF-8": Message(payment(7), key=b"\xff\xfe"),
    "a thousand headers": Message(payment(8), headers=[(f"header-{n}", b"v" * 10) for n in range(1_000)]),
    "a 900 KB payment": Message(with_unknown('"' + "a" * 900_000 + '"')),
}


def test_unusual_records_are_scored_like_any_other(surroundings: Surroundings) -> None:
    """Any timestamp, key, headers and size are accepted; the scored record keeps all, and fields that are unknown."""
    for message in UNUSUAL.values():
        surroundings.send([message])
    with surroundings.scorer() as scorer:
        surroundings.wait_until_drained()
        assert "Traceback" not in scorer.output
    assert surroundings.assert_each_once() == len(UNUSUAL)
    rows = csv_rows(surroundings.csv)
    assert len(rows) == len(UNUSUAL)
    assert [rows[0, offset][0]["timestamp"] for offset in range(3)] == ["", "1969-12-31T00:00:00.000Z", ""]
    events = committed_records(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"])
    assert [event.timestamp for event in events][:3] == [-1, -86_400_000, 400_000_000_000_000]
    assert [event.key for event in events][3:7] == [None, b"", b"k" * 900_000, b"\xff\xfe"]
    assert list(events[7].headers) == [(f"header-{n}", b"v" * 10) for n in range(1_000)]
    assert json.loads(events[8].value or b"")["x"] == "a" * 900_000


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_read(surroundings: Surroundings, codec: str) -> None:
    """Payments in every compression codec are scored."""
    surroundings.send(
        [Message(payment(number), partition=number % 4) for number in range(1, 401)], compression_type=codec
    )
    with surroundings.scorer():
        surroundings.wait_until_drained()
    assert surroundings.assert_each_once() == 400


def test_a_line_a_payment_while_they_come_slowly(surroundings: Surroundings) -> None:
    """Each line has id, amount, probability and decision."""
    with surroundings.assigned_scorer() as scorer:
        surroundings.send([Message(payment(1)), Message(b"{}")])
        (line,) = scorer.wait_for("payment scored")
        (letter,) = scorer.wait_for("dead letter")
    assert line["payment_id"] == 1
    assert line["amount"] == 11.5
    assert 0 < line["fraud_probability"] < 1
    assert line["decision"] in {"approve", "review", "block"}
    assert letter["reason"] == "missing_field"


def test_a_summary_when_they_come_fast(surroundings: Surroundings) -> None:
    """Payments without a line of their own are counted."""
    surroundings.send_payments(20_000)
    with surroundings.scorer() as scorer:
        surroundings.wait_until_drained()
        scorer.stop()
        summaries = scorer.lines("payments scored")
        single = scorer.lines("payment scored")
    assert sum(line["scored"] for line in summaries) + len(single) == 20_000
    assert len(single) + len(summaries) < 60


def test_at_least_once_keeps_the_csv_exactly_once(surroundings: Surroundings) -> None:
    """Without transactions, a clean run is exactly once too."""
    surroundings.send_payments(5_000)
    with surroundings.scorer(PROCESSING_GUARANTEE="at_least_once"):
        surroundings.wait_until_drained()
    assert surroundings.assert_each_once() == 5_000
