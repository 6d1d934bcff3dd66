"""Lines for people of single payments, of dead letters and of a second's payments, in the same columns. Pure.

    BLOCK        355.51  p 0.956  240382407737456  7 logins · new device
    DEAD LETTER          test-payments/1/2         invalid_field  amount: Input should be a valid number
    SCORED          498    498/s     57 flagged    2 dead letters  p99    46.9 ms  lag 12

Texts of strangers are escaped, and long ones are cut: the JSON format has them whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fraudstream.payment import APPROVE, BLOCK, REVIEW
from fraudstream.runtime.console import BOLD, GREEN, MAGENTA, RED, YELLOW, Headline, Headlines
from fraudstream.runtime.escaping import shortened, visible

PAYMENT, DEAD_LETTER, SECOND = "payment scored", "dead letter", "payments scored"
"""The events."""

_COLORS = {APPROVE: GREEN, REVIEW: YELLOW, BLOCK: RED}
_WORD, _NUMBER, _PLACE, _ID = 7, 10, 24, 15
"""Widths of the columns; the place of a dead letter spans those of the probability and the id."""
_MOST_ID, _MOST_REASON, _MOST_REASONS, _MOST_DETAIL = 64, 60, 5, 200
_LARGE = 1e15
_GAP = "  "


def payment_line(event: Mapping[str, Any]) -> Headline:
    """Return the line of a payment: decision, amount if it has one, probability of fraud, id, strongest reasons."""
    decision, amount = event["decision"], event.get("amount")
    cells = [
        f"{'' if amount is None else _number(amount):>{_NUMBER}}",
        f"p {event['fraud_probability']:.3f}",
        f"{_short(event['payment_id'], _MOST_ID):<{_ID}}",
        " · ".join(_reasons(event.get("reasons", ()))),
    ]
    return Headline(f"{decision.upper():<{_WORD}}", _COLORS[decision], _GAP + _GAP.join(cells))


def dead_letter_line(event: Mapping[str, Any]) -> Headline:
    """Return the line of a dead letter: its place in the input, reason, and detail unless LOG_PAYMENTS removed it."""
    place = f"{event['topic']}/{event['partition']}/{event['offset']}"
    cells = [f"{place:<{_PLACE}}", event["reason"], _short(event.get("detail", ""), _MOST_DETAIL)]
    return Headline(f"{'DEAD LETTER':<{_WORD + len(_GAP) + _NUMBER}}", MAGENTA, _GAP + _GAP.join(cells))


def second_line(event: Mapping[str, Any]) -> Headline:
    """Return the line of the payments of a second; latency and lag are left out while they are unknown."""
    p99_ms, lag = event.get("p99_ms"), event.get("lag")
    cells = [
        f"{event['scored']:>{_NUMBER},}",
        f"{event['per_second']:>5,}/s",
        f"{event['flagged']:>5,} flagged",
        f"{event['dead_letters']:>3,} dead letters",
        *([] if p99_ms is None else [f"p99 {p99_ms:>7,.1f} ms"]),
        *([] if lag is None else [f"lag {lag:,}"]),
    ]
    return Headline(f"{'SCORED':<{_WORD}}", BOLD, _GAP + _GAP.join(cells))


HEADLINES: Headlines = {PAYMENT: payment_line, DEAD_LETTER: dead_letter_line, SECOND: second_line}


def _number(amount: float) -> str:
    return f"{amount:,.2f}" if abs(amount) < _LARGE else f"{amount:.3g}"


def _reasons(texts: Sequence[str]) -> Iterator[str]:
    yield from (_short(text, _MOST_REASON) for text in texts[:_MOST_REASONS])
    if (others := len(texts) - _MOST_REASONS) > 0:
        yield f"{others} more"


def _short(value: object, most: int) -> str:
    """Return any value as printable text of at most *most* characters."""
    return shortened(visible(str(value)), most)
