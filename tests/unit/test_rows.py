"""Row and record written for a scored payment."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scores import HEADER, LAYOUT, PAYMENT, One, csv_chunk, payments, scored_values

from fraudstream.timestamps import rfc3339

scored = st.builds(
    One,
    payment=payments,
    fraud_probability=st.floats(1e-6, 1).map(lambda p: round(p, 6)),
    decision=st.sampled_from(["approve", "review", "block"]),
    model_version=st.just("0123456789ab"),
    timestamp_ms=st.integers(-(2**62), 2**62),
    partition=st.integers(0, 100),
    offset=st.integers(0, 2**62),
)


@given(st.lists(scored, max_size=5))
def test_csv_and_topic_are_equal(batch: list[One]) -> None:
    """Row and record have equal numbers, and are read back as the original payment."""
    lines = csv_chunk(batch).decode()
    rows = list(csv.DictReader(io.StringIO(HEADER + "\n" + lines)))
    for one, row, value in zip(batch, rows, scored_values(batch), strict=True):
        record = json.loads(value)
        for name, number in one.payment.items():
            assert record[name] == number
            assert json.loads(row[name]) == number
        assert float(row["fraud_probability"]) == record["fraud_probability"] == one.fraud_probability
        assert row["decision"] == record["decision"] == one.decision
        assert row["model_version"] == record["model_version"]
        assert (int(row["partition"]), int(row["offset"])) == (record["source_partition"], record["source_offset"])


@given(scored)
def test_a_row_is_read_back_for_a_replay(one: One) -> None:
    """A replay repeats the stored values."""
    stored = LAYOUT.stored_row(csv_chunk([one]))
    assert stored.id == str(one.payment["payment_id"])
    assert (stored.partition, stored.offset) == (one.partition, one.offset)
    assert (stored.fraud_probability, stored.decision) == (one.fraud_probability, one.decision)


@pytest.mark.parametrize(
    ("timestamp_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_790_000_000_123, "2026-09-21T14:13:20.123Z"),
        (-1, ""),
        (-1_000, "1969-12-31T23:59:59.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, ""),
        (2**63 - 1, ""),
        (-(2**63), ""),
    ],
)
def test_timestamps(timestamp_ms: int, text: str) -> None:
    """Any timestamp that Kafka accepts is written, or left empty; none raises."""
    assert rfc3339(timestamp_ms) == text


@given(
    st.lists(
        st.integers(-(2**62), 2**62) | st.integers(1_790_000_000_000, 1_790_000_002_000) | st.just(-1), max_size=20
    )
)
def test_the_cached_formatter_agrees(stamps: list[int]) -> None:
    """The cached formatter writes the same text as the plain one."""
    lines = csv_chunk([One(PAYMENT, 0.5, "review", "v", stamp, 0, 0) for stamp in stamps]).decode().splitlines()
    assert [line.split(",")[0] for line in lines] == [rfc3339(stamp) for stamp in stamps]
