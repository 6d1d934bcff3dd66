"""Records → the rows and messages to store and publish for them. Pure: no Kafka, no file, no clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.csv_file.layout import StoredRow
from fraudstream.dead_letter import REDUCED_LETTER, Place, dead_letter_headers, raw_headers
from fraudstream.fitting import fitted
from fraudstream.model.amounts import amounts_of
from fraudstream.model.fraud_model import FraudModel
from fraudstream.offsets import fingerprint
from fraudstream.payment import APPROVE, SKIPPED, UNREADABLE_RECORD, Decoded, InvalidPayment, Payments
from fraudstream.record import Message, Record, Unreadable
from fraudstream.runtime.settings import TopicSettings
from fraudstream.scored_payment import Scored, ScoredFormat
from fraudstream.secret_tokens import Tokens, is_token
from scorer.scored_records import ScoredRecords


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
    """By row, why fields of the received object are not in its scored record (`scored_payment.REMOVALS`)."""
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
    tokens: Tokens | None = None
    """Set if the schema has secret fields."""
    _records: ScoredRecords = field(init=False, repr=False)

    def __post_init__(self) -> None:
        records = ScoredRecords(self.form, lambda: self.limit(self.topics.scored), self.tokens)
        object.__setattr__(self, "_records", records)

    def decide(
        self, records: Mapping[int, Sequence[Record]], stored: Mapping[int, Mapping[int, StoredRow]], scored_at: str
    ) -> list[Outcome]:
        """Return one outcome per partition; all payments are scored in one call. Raises ModelUnfitError.

        `stored` holds, by partition and offset, the rows that the sink already has: a replay publishes those scores.
        """
        decoded, payments = self._decoded(records)
        features, amounts = self.model.matrix(payments), amounts_of(self.form.schema, payments)
        probabilities = self.model.score(features)
        decisions = self.model.decide(probabilities, amounts)
        shadow = self.challenger(payments, amounts, self.model, probabilities)
        shown = self.tokens.of_columns(self.form.schema, payments) if self.tokens else payments
        scored = {}
        for partition, one in decoded.items():
            these = one.rows
            new = Scored(
                payments={name: column[these] for name, column in shown.items()},
                fraud_probability=probabilities[these].tolist(),
                decision=decisions[these],
                model_version=[self.model.version] * len(one.valid),
                timestamp_ms=[record.timestamp for record in one.valid],
                partition=[partition] * len(one.valid),
                offset=[record.offset for record in one.valid],
                challenger_probability=shadow.probabilities[these].tolist() if shadow else (),
                challenger_version=shadow.version if shadow else "",
            )
            scored[partition] = self._as_stored(new, stored.get(partition, {}))
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
            first = len(payments)
            valid, events, invalid = _sorted(batch, self.form.payment.decode_all([record.value for record in batch]))
            payments += events
            decoded[partition] = _Partition(valid=valid, rows=slice(first, len(payments)), invalid=invalid)
        return decoded, self.form.payment.columns(payments)

    def _as_stored(self, scored: Scored, stored: Mapping[int, StoredRow]) -> Scored:
        """Replace new scores, and new tokens, by the stored ones, where the sink has them."""
        if not stored:
            return scored
        known = [stored.get(offset) for offset in scored.offset]
        scores: dict[str, Any] = {
            name: [getattr(row, name) if row else new for row, new in zip(known, getattr(scored, name), strict=True)]
            for name in ("fraud_probability", "decision", "model_version")
        }
        fields, payments = self.form.schema.fields.items(), dict(scored.payments)
        for place, name in ((place, name) for place, (name, one) in enumerate(fields) if one.secret):
            payments[name] = [
                row.declared[place] if row and row.declared and is_token(row.declared[place]) else new
                for row, new in zip(known, payments[name], strict=True)
            ]
        return replace(scored, payments=payments, **scores)

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
        for (partition, number), reason in zip(flagged, self.model.reasons(features[rows]), strict=True):
            reasons[partition][number] = reason
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
        published, removed = self._records.of(decoded.valid, scored, texts, scored_at)
        return Outcome(
            partition=partition,
            last=_last_offset(last),
            fingerprint=fingerprint(last.timestamp, last.value),
            scored=scored,
            timestamps_ms=np.array(scored.timestamp_ms, dtype=np.int64),
            matrix=features,
            probabilities=probabilities,
            invalid=[(record.offset, reason) for record, reason in decoded.invalid],
            removed=removed,
            rows=texts.csv_chunk(),
            messages={
                self.topics.scored: published,
                self.topics.dlq: [self._dead_letter(partition, record, reason) for record, reason in decoded.invalid],
            },
        )

    def _dead_letter(self, partition: int, record: Record, invalid: InvalidPayment) -> Message:
        headers = dead_letter_headers(Place(self.topics.input, partition, record.offset, record.timestamp), invalid)
        content = record.value
        if isinstance(record, Unreadable):
            content = record.raw
            headers += raw_headers(record)
        message = record.key, content, record.timestamp, list(record.headers)
        return fitted(message, headers, self.limit(self.topics.dlq), REDUCED_LETTER, cuts_value=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Partition:
    """A partition's records, decoded: the valid ones, their payments' rows among those of all, and the invalid ones."""

    valid: Sequence[Record]
    rows: slice
    invalid: Sequence[tuple[Record, InvalidPayment]]


def _sorted(
    records: Sequence[Record], events: Sequence[Decoded | InvalidPayment]
) -> tuple[Sequence[Record], Sequence[Decoded], Sequence[tuple[Record, InvalidPayment]]]:
    """Return the valid records, their payments, and the invalid records with the reasons."""
    if InvalidPayment not in map(type, events):  # the usual case, without a loop in Python
        return records, events, []  # type: ignore[return-value]
    valid, payments, invalid = [], [], []
    for record, event in zip(records, events, strict=True):
        if isinstance(event, InvalidPayment):
            invalid.append((record, _unreadable(record) or event))
        else:
            valid.append(record)
            payments.append(event)
    return valid, payments, invalid


def _unreadable(record: Record) -> InvalidPayment | None:
    if not isinstance(record, Unreadable):
        return None
    if record.is_batch:
        return InvalidPayment(reason=SKIPPED, detail=f"a batch that can't be decoded was skipped: {record.damage}")
    return InvalidPayment(reason=UNREADABLE_RECORD, detail=record.damage)


def _last_offset(record: Record) -> int:
    """Return the last offset of `record`: a skipped batch spans many."""
    return record.offset if not isinstance(record, Unreadable) or record.last_offset is None else record.last_offset
