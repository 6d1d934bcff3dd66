"""Records → outcomes: records published and rows stored, in order, with any records between."""

import json
from collections.abc import Mapping

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.default_payment import ENCODING, SCHEMA
from tests.scores import FORMAT, LAYOUT, Record, message, payment

from fraudstream.csv_file.layout import StoredRow
from fraudstream.model.fraud_model import FraudModel, Thresholds
from fraudstream.payment import InvalidPayment
from fraudstream.runtime.settings import TopicSettings
from scorer.scoring import Outcome, Scorer

TOPICS = TopicSettings.from_env({})
AT = "2026-01-01T00:00:00.000Z"


class ByRisk:
    """A classifier whose probability is the country's risk."""

    def predict_proba(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return probabilities of shape (n, 2)."""
        return np.column_stack([1 - matrix[:, 1], matrix[:, 1]])


def decide(records: Mapping[int, list[Record]], stored: Mapping[int, Mapping[int, StoredRow]]) -> list[Outcome]:
    """Decide by a scorer."""
    return scorer_of().decide(records, stored, AT)


def scorer_of(limit: int = 1 << 20) -> Scorer:
    """Return a scorer whose topics accept batches of up to *limit* bytes."""
    model = FraudModel(
        content_sha256="0123456789ab",
        classifier=ByRisk(),
        schema=SCHEMA,
        encoding=ENCODING,
        thresholds=Thresholds(0.1, 0.5),
        reference=np.array([9.5, 0.05, 0.0, 12.0, 0.0]),
    )
    return Scorer(form=FORMAT, model=model, topics=TOPICS, limit=lambda _: limit)


good = st.builds(
    lambda number, risk: json.dumps(payment(payment_id=number, amount=9.5, country_risk_score=risk)).encode(),
    st.integers(1, 2**63 - 1),
    st.integers(1, 999).map(lambda n: n / 1000),
)
values = good | st.sampled_from([None, b"", b"{}", b"no", b"[1]"])
batches = st.dictionaries(st.integers(0, 9), st.lists(values, min_size=1, max_size=6), min_size=1, max_size=3)


def _records(batches: Mapping[int, list[bytes | None]]) -> dict[int, list[Record]]:
    return {
        partition: [Record(value, offset=2 * number + 10, key=b"%d" % number) for number, value in enumerate(batch)]
        for partition, batch in batches.items()
    }


@given(batches)
def test_each_record_is_published_once_and_stored_where_it_is_valid(batches: dict[int, list[bytes | None]]) -> None:
    """Each has its own key, place and score; partitions don't mix."""
    records = _records(batches)
    outcomes = decide(records, {})
    assert [outcome.partition for outcome in outcomes] == list(records)
    for outcome in outcomes:
        batch = records[outcome.partition]
        payments = [record for record in batch if not isinstance(FORMAT.payment.decode(record.value), InvalidPayment)]
        letters = [record for record in batch if record not in payments]
        rows = outcome.rows.splitlines()
        scored = outcome.messages[TOPICS.scored]
        assert outcome.last == batch[-1].offset
        assert [LAYOUT.stored_row(row).offset for row in rows] == [record.offset for record in payments]
        assert [key for key, *_ in scored] == [record.key for record in payments]
        for record, row, (_, value, *_) in zip(payments, map(LAYOUT.stored_row, rows), scored, strict=True):
            event, payment = json.loads(value or b""), json.loads(record.value or b"")
            assert event.items() >= payment.items()
            assert (event["source_partition"], event["source_offset"]) == (outcome.partition, record.offset)
            assert event["fraud_probability"] == row.fraud_probability == payment["country_risk_score"]
            risk = payment["country_risk_score"]
            assert event["decision"] == ("block" if risk >= 0.5 else "review" if risk >= 0.1 else "approve")
            reasons = [(reason["field"], reason["text"]) for reason in event["reasons"]]
            assert reasons == [("country_risk_score", f"country risk {risk:.2f}")] * (risk >= 0.1)
        assert [value for _, value, *_ in outcome.messages[TOPICS.dlq]] == [record.value for record in letters]
        assert [offset for offset, _ in outcome.invalid] == [record.offset for record in letters]


@given(batches)
def test_a_replay_repeats_stored_rows(batches: dict[int, list[bytes | None]]) -> None:
    """Probability, decision and version come from the sink for the records that it has, and for no others."""
    records = _records(batches)
    stored = {
        partition: {
            10: StoredRow(
                id="1",
                partition=partition,
                offset=10,
                fraud_probability=0.25,
                decision="block",
                model_version="old",
                declared=(),
            )
        }
        for partition in records
    }
    for outcome, plain in zip(decide(records, stored), decide(records, {}), strict=True):
        for value, row, new in zip(
            (value for _, value, *_ in outcome.messages[TOPICS.scored]),
            outcome.rows.splitlines(),
            map(LAYOUT.stored_row, plain.rows.splitlines()),
            strict=True,
        ):
            event, found = json.loads(value or b""), LAYOUT.stored_row(row)
            new_score = new.fraud_probability, new.decision, new.model_version
            expected = (0.25, "block", "old") if found.offset == 10 else new_score
            assert (event["fraud_probability"], event["decision"], event["model_version"]) == expected
            assert event["reasons"] == [] or event["model_version"] != "old"
            assert (found.fraud_probability, found.decision, found.model_version) == expected


def scored_messages(
    limit: int, *records: Record
) -> list[tuple[bytes | None, dict[str, object], dict[str, bytes | None]]]:
    """Return key, value and headers of each scored record."""
    (outcome,) = scorer_of(limit).decide({0: list(records)}, {}, AT)
    return [
        (key, json.loads(value or b""), dict(headers)) for key, value, _, headers in outcome.messages[TOPICS.scored]
    ]


def test_what_a_sender_adds_is_published() -> None:
    """Other members and headers pass through, in order; headers with a name of ours do not."""
    plain, more = message(payment_id=1), message(payment_id=2)[:-1] + b',"card":{"id":"4f"}}'
    headers: list[tuple[str, bytes | None]] = [("traceparent", b"00-1"), ("empty", None), ("scored.key_bytes", b"9")]
    found = scored_messages(1 << 20, Record(plain), Record(more, offset=6, headers=headers))
    assert [value["payment_id"] for _, value, _ in found] == [1, 2]
    assert "card" not in found[0][1]
    assert found[1][1]["card"] == {"id": "4f"}
    assert [headers for _, _, headers in found] == [{}, {"traceparent": b"00-1", "empty": None}]


def test_a_record_above_the_limit_has_the_declared_fields_only() -> None:
    """Others are left out first, with a header for it, then the key or the headers."""
    large = message()[:-1] + b',"note":"' + b"x" * 2_000 + b'"}'
    (key, value, headers), (_, small, no_headers) = scored_messages(
        1_000, Record(large, key=b"k"), Record(message(), offset=6)
    )
    assert (key, "note" in value, headers) == (b"k", False, {"scored.fields": b"declared"})
    assert (value.keys(), no_headers) == (small.keys(), {})
    ((key, value, headers),) = scored_messages(1_000, Record(large, key=b"k" * 2_000))
    assert (key, "note" in value) == (None, False)
    assert headers.keys() == {"scored.fields", "scored.key_bytes", "scored.key_sha256"}
    ((key, value, headers),) = scored_messages(1_000, Record(message(), key=b"k", headers=[("h", b"x" * 2_000)]))
    assert (key, set(headers)) == (b"k", {"scored.headers_bytes", "scored.headers_sha256"})
    too_many = message()[:-1] + b',"l":[' + b",".join([b"1"] * 2_500) + b"]}"
    ((_, value, headers),) = scored_messages(1 << 20, Record(too_many))
    assert ("l" in value, headers) == (False, {"scored.fields": b"declared"})


def test_removed_fields_are_counted() -> None:
    """An outcome has the cause by row; the row of an invalid message does not count."""
    twice = message()[:-1] + b',"a":1,"a":2}'
    records = [Record(b"no"), Record(message(), offset=6), Record(twice, offset=7)]
    (outcome,) = scorer_of().decide({0: records}, {}, AT)
    assert outcome.removed == {1: "doubled"}
