"""The records to publish for scored payments: value, key, timestamp and headers. Pure."""

from collections.abc import Callable, Sequence
from itertools import repeat
from operator import attrgetter

from fraudstream.fitting import RECORD_BYTES, batch_bytes, fitted
from fraudstream.record import Headers, Message, Record
from fraudstream.scored_payment import DECLARED_ONLY, REDUCED, Scored, ScoredFormat, Texts
from fraudstream.secret_tokens import Tokens
from scorer.passthrough import REPLACED, PassThrough, Received

_NO_HEADERS: Headers = []
_HEADERS = attrgetter("headers")


class ScoredRecords:
    """Scored records, with keys, timestamps and headers of their payments.

    With secret fields, the value has tokens, and undeclared fields only if the schema allows them. Headers that the
    schema does not name are left out. The key is the value of the schema's key or id, or a token.
    """

    def __init__(self, form: ScoredFormat, limit: Callable[[], int], tokens: Tokens | None) -> None:
        """`limit` returns the largest batch, in bytes, that the topic accepts; `tokens` are for secret fields."""
        self._form = form
        self._limit = limit
        self._tokens = tokens
        self._pass_through = PassThrough(form.schema)

    def of(
        self, records: Sequence[Record], scored: Scored, texts: Texts, scored_at: str
    ) -> tuple[list[Message], dict[int, str]]:
        """Return the messages, and by row why fields of the received object are not in its record.

        A record above the topic's limit has the declared fields only, and the header DECLARED_ONLY.
        """
        passed = self._passed(records, scored)
        limit = self._limit()
        keys = self._keys(records, scored)
        values = texts.scored_values(passed.heads, scored_at)
        largest = RECORD_BYTES + max(map(len, filter(None, keys)), default=0) + max(map(len, values), default=0)
        if largest <= limit and not passed.removed and not any(map(_HEADERS, records)):
            return list(zip(keys, values, [record.timestamp for record in records], repeat(_NO_HEADERS))), {}
        messages: list[Message] = []
        for row, (record, key, value) in enumerate(zip(records, keys, values, strict=True)):
            own = [DECLARED_ONLY] if passed.removed.get(row) in REPLACED else []
            message: Message = key, value, record.timestamp, [*self._headers(record), *own]
            if batch_bytes(key, value, message[3]) > limit:
                declared = texts.at(row).scored_values([self._declared(scored, row)[:-1]], scored_at)[0]
                message = _reduced(message, declared, limit)
            messages.append(message)
        return messages, passed.removed

    def _passed(self, records: Sequence[Record], scored: Scored) -> Received:
        if self._tokens and not self._form.schema.passthrough:
            return Received([value[:-1].decode() for value in self._form.declared(scored.payments)], {})
        received = [record.value or b"" for record in records]
        return self._pass_through.passed(received, lambda row: self._declared(scored, row))

    def _declared(self, scored: Scored, row: int) -> str:
        """Return the object of one payment's declared fields."""
        one = {name: column[row : row + 1] for name, column in scored.payments.items()}
        return self._form.declared(one)[0].decode()

    def _keys(self, records: Sequence[Record], scored: Scored) -> list[bytes | None]:
        keys = [record.key for record in records]
        if self._tokens is None:
            return keys
        schema = self._form.schema
        roles = [scored.payments[name] for name in (schema.key, schema.id) if name]
        shown = [{str(value).encode() for value in values} for values in zip(*roles, strict=True)]
        tokens = self._tokens
        return [
            key if key is None or key in known else tokens.of_record_key(key)
            for key, known in zip(keys, shown, strict=True)
        ]

    def _headers(self, record: Record) -> Headers:
        """Return the payment's headers that are passed through, without those that have a name of ours."""
        allowed = self._form.schema.headers if self._tokens else None
        return [
            (name, content)
            for name, content in record.headers
            if not name.startswith(f"{REDUCED}.") and (allowed is None or name in allowed)
        ]


def _reduced(message: Message, declared: bytes, limit: int) -> Message:
    """Return the message with the value *declared* if that is smaller, and without key or headers if they don't fit."""
    key, value, timestamp_ms, headers = message
    own: Headers = []
    if len(declared) < len(value or b""):
        value, own = declared, [DECLARED_ONLY]
    return fitted((key, value, timestamp_ms, headers), own, limit, REDUCED, cuts_value=False)
