"""Records → what is published and stored of them. Pure: no Kafka, no file, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fraudstream.events import InvalidPayment, Payment, decode_all
from fraudstream.features import matrix
from fraudstream.model import FraudModel
from fraudstream.offsets import fingerprint
from fraudstream.rows import Message, Place, Scored, csv_rows, dead_letter_headers, fitted, scored_values
from fraudstream.settings import TopicSettings
from fraudstream.sinks.protocol import Row

_ENVELOPE_BYTES = 512
_NO_HEADERS: list[tuple[str, bytes | None]] = []


class Record(Protocol):
    """What the scorer reads of a Kafka record; aiokafka's fits."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""
        ...

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970; any that Kafka takes."""
        ...

    @property
    def key(self) -> bytes | None:
        """As sent."""
        ...

    @property
    def value(self) -> bytes | None:
        """As sent; None is a tombstone."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """As sent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One partition's share of a cycle, decided: what to publish, what to store, how far it reaches."""

    partition: int
    last: int
    fingerprint: int
    scored: Sequence[Scored]
    invalid: Sequence[tuple[int, InvalidPayment]]
    rows: Sequence[bytes]
    messages: Mapping[str, Sequence[Message]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """Decodes, scores and words a cycle's records; `dlq_bytes` is the largest dead letter that Kafka takes."""

    model: FraudModel
    topics: TopicSettings
    dlq_bytes: int

    def decide(
        self, records: Mapping[int, Sequence[Record]], stored: Mapping[int, Mapping[int, Row]], scored_at: str
    ) -> list[Outcome]:
        """One outcome a partition, all payments scored in one call. Raises ModelUnfitError, and decides nothing then.

        `stored` holds, by partition and offset, what the sink has already: a replay publishes that, not a new score.
        """
        decoded = {partition: decode_all([record.value for record in batch]) for partition, batch in records.items()}
        payments = [event for events in decoded.values() for event in events if not isinstance(event, InvalidPayment)]
        probabilities = self.model.score(matrix(payments))
        verdicts = iter(zip(probabilities.tolist(), self.model.decide(probabilities), strict=True))
        version = self.model.version
        outcomes = []
        for partition, events in decoded.items():
            scored: list[Scored] = []
            invalid: list[tuple[Record, InvalidPayment]] = []
            known = stored.get(partition, {})
            for record, event in zip(records[partition], events, strict=True):
                if isinstance(event, InvalidPayment):
                    invalid.append((record, event))
                    continue
                probability, decision = next(verdicts)
                scored.append(
                    _scored(event, record, partition, known.get(record.offset), probability, decision, version)
                )
            outcomes.append(self._outcome(partition, records[partition], scored, invalid, scored_at))
        return outcomes

    def _outcome(
        self,
        partition: int,
        records: Sequence[Record],
        scored: Sequence[Scored],
        invalid: Sequence[tuple[Record, InvalidPayment]],
        scored_at: str,
    ) -> Outcome:
        dead = {id(record) for record, _ in invalid}
        valid = (record for record in records if id(record) not in dead) if dead else iter(records)
        messages = {
            self.topics.scored: [
                Message(record.key, value, record.timestamp, _NO_HEADERS)
                for record, value in zip(valid, scored_values(scored, scored_at), strict=True)
            ],
            self.topics.dlq: [self._dead_letter(partition, record, reason) for record, reason in invalid],
        }
        last = records[-1]
        return Outcome(
            partition=partition,
            last=last.offset,
            fingerprint=fingerprint(last.timestamp, last.value),
            scored=scored,
            invalid=[(record.offset, reason) for record, reason in invalid],
            rows=csv_rows(scored),
            messages=messages,
        )

    def _dead_letter(self, partition: int, record: Record, invalid: InvalidPayment) -> Message:
        headers = dead_letter_headers(Place(self.topics.input, partition, record.offset, record.timestamp), invalid)
        # Kafka's record format adds at most 10 bytes to each of these parts
        around = sum(len(name) + len(value or b"") + 10 for name, value in (*record.headers, *headers))
        room = self.dlq_bytes - len(record.key or b"") - around - _ENVELOPE_BYTES
        value, cut = fitted(record.value, room)
        return Message(record.key, value, record.timestamp, [*record.headers, *headers, *cut])


def _scored(
    payment: Payment, record: Record, partition: int, known: Row | None, probability: float, decision: str, version: str
) -> Scored:
    if known is not None:
        probability, decision, version = known.fraud_probability, known.decision, known.model_version
    return Scored(payment, probability, decision, version, record.timestamp, partition, record.offset)
