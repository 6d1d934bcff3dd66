"""Records of other writers in the scored and dead-letter topics: almost valid, or unrelated."""

import json

from hypothesis import strategies as st

from fraudstream.dead_letter import Place, dead_letter_headers
from fraudstream.payment import InvalidPayment
from tests.scores import FIELDS, Record

NOW = "2026-01-01T00:00:00.000Z"

stamps = st.integers(-(2**63), 2**63 - 1)
values = st.none() | st.binary(max_size=40)
_FIELDS = ("replayed_offset", "reason", "topic", "partition", "offset", "timestamp", "value_bytes")
names = st.sampled_from([f"dlq.{field}" for field in _FIELDS])
numbers = st.integers(-(2**70), 2**70).map(lambda number: b"%d" % number) | st.just(b"9" * 5_000)
headers = st.lists(
    st.tuples(
        names | st.just("dlq.replayed_offset") | st.text(max_size=9), st.none() | st.binary(max_size=9) | numbers
    ),
    max_size=12,
)
moments = st.sampled_from([NOW, "2026-01-01", "x", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\x00"])
SOME_INTEGERS = st.integers(0, 1) | st.integers(-1, 2**40) | st.integers(-1, 2**64)
fields = {
    **{
        name: st.floats() | st.integers(-(2**70), 2**70) if one.type == "number" else st.booleans() | SOME_INTEGERS
        for name, one in FIELDS.items()
    },
    "fraud_probability": st.floats(0, 1) | st.floats(),
    "decision": st.sampled_from(["approve", "review", "block", "other"]),
    "model_version": st.text(max_size=20) | st.just("\x00\ud800"),
    "reasons": st.lists(
        st.fixed_dictionaries({"field": st.text(max_size=9), "contribution": st.floats(), "text": st.text(max_size=9)}),
        max_size=3,
    ),
    "source_partition": st.integers(-1, 2**33),
    "source_offset": st.integers(-1, 2**64),
    "scored_at": moments,
    "challenger_probability": st.floats(0, 1),
    "challenger_version": st.text(max_size=9),
}
events = st.fixed_dictionaries(fields).map(lambda event: json.dumps(event).encode())

scored_records = st.builds(Record, value=events | values, timestamp=stamps)
letter_records = st.builds(Record, value=values, key=values, headers=headers, timestamp=stamps) | st.builds(
    lambda own, topic, detail, value, stamp: Record(
        value,
        key=value,
        headers=[*own, *dead_letter_headers(Place(topic, 3, 42, stamp), InvalidPayment(reason="\x00", detail=detail))],
        timestamp=stamp,
    ),
    headers,
    st.text(max_size=9) | st.just("in"),
    st.text(max_size=9),
    values,
    stamps,
)
