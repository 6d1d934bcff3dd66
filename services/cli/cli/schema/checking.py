"""Payments checked against a schema: how many are valid, and why the others are not. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cli.tables import aligned
from cli.texts import counted
from fraudstream.payment import UNREADABLE_RECORD, InvalidPayment, PaymentFormat
from fraudstream.payment_files.rows import Batch

_MOST_SHOWN = 20


class Message(NamedTuple):
    """A message's value, or its damage if it could not be decoded from its batch; `place` names its offset."""

    place: str
    value: bytes | None
    damage: str | None


class Invalid(NamedTuple):
    """An invalid payment: its line or offset, and why; the detail has no value of it."""

    place: str
    reason: str
    detail: str


class Checked(NamedTuple):
    """The number of valid payments, and the invalid ones in order."""

    valid: int
    invalid: Sequence[Invalid]


def check_rows(batch: Batch) -> Checked:
    """Return the outcome of rows of a file, by the rules of its reader."""
    invalid = [Invalid(f"line {one.line:,}", one.reason, one.problem) for one in batch.rejected]
    return Checked(len(batch.rows), invalid)


def check_messages(form: PaymentFormat, messages: Sequence[Message]) -> Checked:
    """Return the outcome of messages, by the rules of the scorer."""
    invalid: list[Invalid] = []
    for message, event in zip(messages, form.decode_all([message.value for message in messages]), strict=True):
        if message.damage is not None:
            invalid.append(Invalid(message.place, UNREADABLE_RECORD, message.damage))
        elif isinstance(event, InvalidPayment):
            invalid.append(Invalid(message.place, event.reason, event.detail))
    return Checked(len(messages) - len(invalid), invalid)


@dataclass(slots=True)
class _Count:
    first: str
    """Place of the first one."""
    count: int = 0


@dataclass(slots=True)
class Outcomes:
    """Counts of checked payments, the invalid ones by reason and detail."""

    valid: int = 0
    invalid: int = 0
    _counts: dict[tuple[str, str], _Count] = field(default_factory=dict)

    def add(self, checked: Checked) -> None:
        """Count payments."""
        self.valid += checked.valid
        self.invalid += len(checked.invalid)
        for place, reason, detail in checked.invalid:
            self._counts.setdefault((reason, detail), _Count(place)).count += 1

    def text(self, source: str, schema: str) -> str:
        """Return the report; `source` and `schema` name what was checked."""
        payments = counted(self.valid + self.invalid, "payment")
        lines = [f"{payments} of {source} checked by {schema}: {self.valid:,} valid."]
        if self.invalid:
            ordered = sorted(self._counts.items(), key=lambda entry: -entry[1].count)
            rows = [("reason", "count", "first at", "detail")]
            rows += [(reason, f"{one.count:,}", one.first, detail) for (reason, detail), one in ordered[:_MOST_SHOWN]]
            lines += [f"{counted(self.invalid, 'dead letter')}:", *aligned(rows, right={1})]
        if len(self._counts) > _MOST_SHOWN:
            lines.append(f"and {counted(len(self._counts) - _MOST_SHOWN, 'kind')} more")
        return "\n".join(lines)
