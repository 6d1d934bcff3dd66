"""Records → the rows and messages to store and publish for them. Pure: no Kafka, no file, no clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraudstream.arrays import Floats
from fraudstream.csv_file.layout import StoredRow
from fraudstream.dead_letter import REDUCED_LETTER, Place, dead_letter_headers, raw_headers
from fraudstream.fitting import RECORD_BYTES, batch_bytes, fitted
from fraudstream.model.amounts import amounts_of
from fraudstream.model.features import matrix
from fraudstream.model.fraud_model import FraudModel
from fraudstream.model.reasons import format_reasons
from fraudstream.offsets import fingerprint
from fraudstream.payment import APPROVE, SKIPPED, UNREADABLE_RECORD, Decoded, InvalidPayment, Payments
from fraudstream.record import Headers, Message, Record, Unreadable
from fraudstream.runtime.settings import TopicSettings
from fraudstream.scored_payment import DECLARED_ONLY, REDUCED, Scored, ScoredFormat, Texts
from scorer.passthrough import REPLACED, PassThrough, Received

Integers = NDArray[np.int64]

_NO_HEADERS: list[tuple[str, bytes | None]] = []


class Shadow(NamedTuple):
    """The challenger's probabilities for a batch, which are published but decide nothing."""

    probabilities: Floats
    version: str


Challenge = Callable[[Payments, Floats, FraudModel, Floats], Shadow | None]
"""Called with a batch's payments and their amounts, the champion and its probabilities; None without a challenger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One partition's result in a cycle: messages to publish, rows to store, and the last offset."""

    partition: int
    last: int
    fingerprint: int
    scored: Scored
    timestamps_ms: Integers
    """(n,), Kafka timestamps of the scored payments."""
    matrix: Floats
    """(n, features), of the scored payments, as the model sees them."""
    probabilities: Floats
    """(n,), by the current model, even if the sink already has one."""
    invalid: Sequence[tuple[int, InvalidPayment]]
    removed: Mapping[int, str]
    """By row, why fields of the received object are not in its scored record (`passthrough.CAUSES`)."""
    rows: bytes
    messages: Mapping[str, Sequence[Message]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """Decoder, model and encoder of a cycle's records; `limit` is the largest batch, in bytes, that a topic accepts."""

    form: ScoredFormat
    model: FraudModel
    topics: TopicSettings
    limit: Callable[[str], int]
    challenger: Challenge = lambda *_: None
    _pass_through: PassThrough = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pass_through", PassThrough(self.form.schema))

    def decide(
        self, records: Mapping[int, Sequence[Record]], stored: Mapping[int, Mapping[int, StoredRow]], scored_at: str
    ) -> list[Outcome]:
        """Return one outcome per partition; all payments are scored in one call. Raises ModelUnfitError.

        `stored` holds, by partition and offset, the rows that the sink already has: a replay publishes those scores.
        """
        decoded, payments = self._decoded(records)
        features, amounts = matrix(payments), amounts_of(self.form.schema, payments)
        probabilities = self.model.score(features)
        decisions = self.model.decide(probabilities, amounts)
        shadow = self.challenger(payments, amounts, self.model, probabilities)
        scored = {}
        for partition, one in decoded.items():
            these = one.rows
            new = Scored(
                payments={name: column[these] for name, column in payments.items()},
                fraud_probability=probabilities[these].tolist(),
                decision=decisions[these],
                model_version=[self.model.version] * len(one.valid),
                timestamp_ms=[record.timestamp for record in one.valid],
                partition=[partition] * len(one.valid),
                offset=[record.offset for record in one.valid],
                challenger_probability=shadow.probabilities[these].tolist() if shadow else (),
                challenger_version=shadow.version if shadow else "",
            )
            scored[partition] = _as_stored(new, stored.get(partition, {}))
        reasons = self._reasons(scored, decoded, features)
        return [
            self._outcome(
                partition,
                records[partition][-1],
                one,
                replace(scored[partition], reasons=reasons[partition]),
                features[one.rows],
                probabilities[one.rows],
                scored_at,
            )
            for partition, one in decoded.items()
        ]

    def _decoded(self, records: Mapping[int, Sequence[Record]]) -> tuple[dict[int, "_Partition"], Payments]:
        """Return the records of each partition, decoded, and all valid payments as columns."""
        decoded, payments = {}, list[Decoded]()
        for partition, batch in records.items():
            valid, invalid, first = [], [], len(payments)
            events = self.form.payment.decode_all([record.value for record in batch])
            for record, event in zip(batch, events, strict=True):
                if isinstance(event, InvalidPayment):
                    invalid.append((record, _unreadable(record) or event))
                else:
                    valid.append(record)
                    payments.append(event)
            decoded[partition] = _Partition(valid=valid, rows=slice(first, len(payments)), invalid=invalid)
        return decoded, self.form.payment.columns(payments)

    def _reasons(
        self, scored: Mapping[int, Scored], decoded: Mapping[int, "_Partition"], features: Floats
    ) -> dict[int, dict[int, str]]:
        """Return the reasons, by partition and row, of payments to review or block that this model scored.

        Replayed scores of another model have none. All partitions share one call: a call costs as much as 50 payments.
        """
        reasons: dict[int, dict[int, str]] = {partition: {} for partition in scored}
        if self.model.reference is None:
            return reasons
        flagged = [
            (partition, number)
            for partition, one in scored.items()
            for number, decision in enumerate(one.decision)
            if decision != APPROVE and one.model_version[number] == self.model.version
        ]
        rows = [decoded[partition].rows.start + number for partition, number in flagged]
        shares = self.model.explain(features[rows])
        if shares is not None:
            for (partition, number), words in zip(flagged, format_reasons(features[rows], shares), strict=True):
                reasons[partition][number] = words
        return reasons

    def _outcome(
        self,
        partition: int,
        last: Record,
        decoded: "_Partition",
        scored: Scored,
        features: Floats,
        probabilities: Floats,
        scored_at: str,
    ) -> Outcome:
        texts = self.form.texts(scored)
        received = [record.value or b"" for record in decoded.valid]
        passed = self._pass_through.passed(received, lambda row: self._declared(scored, row))
        return Outcome(
            partition=partition,
            last=_last_offset(last),
            fingerprint=fingerprint(last.timestamp, last.value),
            scored=scored,
            timestamps_ms=np.array(scored.timestamp_ms, dtype=np.int64),
            matrix=features,
            probabilities=probabilities,
            invalid=[(record.offset, reason) for record, reason in decoded.invalid],
            removed=passed.removed,
            rows=texts.csv_chunk(),
            messages={
                self.topics.scored: self._scored_records(decoded.valid, passed, scored, texts, scored_at),
                self.topics.dlq: [self._dead_letter(partition, record, reason) for record, reason in decoded.invalid],
            },
        )

    def _scored_records(
        self, records: Sequence[Record], passed: Received, scored: Scored, texts: Texts, scored_at: str
    ) -> list[Message]:
        """Return the scored records, with keys, timestamps and headers of their payments.

        A record above the topic's limit has the declared fields only, and the header DECLARED_ONLY.
        """
        limit = self.limit(self.topics.scored)
        keys, headers = [record.key for record in records], [record.headers for record in records]
        values = texts.scored_values(passed.heads, scored_at)
        largest = RECORD_BYTES + max(map(len, filter(None, keys)), default=0) + max(map(len, values), default=0)
        if largest <= limit and not passed.removed and not any(headers):
            return list(zip(keys, values, [record.timestamp for record in records], repeat(_NO_HEADERS)))
        messages: list[Message] = []
        for row, (record, value) in enumerate(zip(records, values, strict=True)):
            own = [DECLARED_ONLY] if passed.removed.get(row) in REPLACED else []
            message: Message = record.key, value, record.timestamp, [*_passed(record.headers), *own]
            if batch_bytes(record.key, value, message[3]) > limit:
                declared = texts.at(row).scored_values([self._declared(scored, row)[:-1]], scored_at)[0]
                message = _reduced(message, declared, limit)
            messages.append(message)
        return messages

    def _declared(self, scored: Scored, row: int) -> str:
        """Return the object of one payment's declared fields."""
        one = {name: column[row : row + 1] for name, column in scored.payments.items()}
        return self.form.declared(one)[0].decode()

    def _dead_letter(self, partition: int, record: Record, invalid: InvalidPayment) -> Message:
        headers = dead_letter_headers(Place(self.topics.input, partition, record.offset, record.timestamp), invalid)
        content = record.value
        if isinstance(record, Unreadable):
            content = record.raw
            headers += raw_headers(record)
        message = record.key, content, record.timestamp, list(record.headers)
        return fitted(message, headers, self.limit(self.topics.dlq), REDUCED_LETTER, cuts_value=True)


def _passed(headers: Sequence[tuple[str, bytes | None]]) -> Headers:
    """Return a payment's headers without those that have a name of ours."""
    return [(name, content) for name, content in headers if not name.startswith(f"{REDUCED}.")]


def _reduced(message: Message, declared: bytes, limit: int) -> Message:
    """Return the message with the value *declared* if that is smaller, and without key or headers if they don't fit."""
    key, value, timestamp_ms, headers = message
    own: Headers = []
    if len(declared) < len(value or b""):
        value, own = declared, [DECLARED_ONLY]
    return fitted((key, value, timestamp_ms, headers), own, limit, REDUCED, cuts_value=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Partition:
    """A partition's records, decoded: the valid ones, their payments' rows among those of all, and the invalid ones."""

    valid: Sequence[Record]
    rows: slice
    invalid: Sequence[tuple[Record, InvalidPayment]]


def _unreadable(record: Record) -> InvalidPayment | None:
    if not isinstance(record, Unreadable):
        return None
    if record.is_batch:
        return InvalidPayment(reason=SKIPPED, detail=f"a batch that can't be decoded was skipped: {record.damage}")
    return InvalidPayment(reason=UNREADABLE_RECORD, detail=record.damage)


def _last_offset(record: Record) -> int:
    """Return the last offset of `record`: a skipped batch spans many."""
    return record.offset if not isinstance(record, Unreadable) or record.last_offset is None else record.last_offset


def _as_stored(scored: Scored, stored: Mapping[int, StoredRow]) -> Scored:
    """Replace new scores by the stored ones, where the sink has them."""
    if not stored:
        return scored
    known = [stored.get(offset) for offset in scored.offset]
    return replace(
        scored,
        fraud_probability=[
            row.fraud_probability if row else new for row, new in zip(known, scored.fraud_probability, strict=True)
        ],
        decision=[row.decision if row else new for row, new in zip(known, scored.decision, strict=True)],
        model_version=[row.model_version if row else new for row, new in zip(known, scored.model_version, strict=True)],
    )
