"""Totals over all payments, with the numbers of the views `hourly_fraud` and `model_comparison`.

They are added up span by span: in SQLite the archiver waits for a reader, and would wait for the whole of a view.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from math import isfinite
from typing import Any

from sqlalchemy import ColumnElement, Executable, case, func, literal, literal_column, select, text

from archiver.read_only import ReadOnlyDatabase
from archiver.schema import scored_payments
from archiver.views import amount_band
from cli.archive.pages import Selection, spans

_PAYMENTS = scored_payments.c
_BAND: ColumnElement[int] = literal_column(amount_band())
# sums of NUMERIC, as in the view: in Postgres, a sum of floats above their range is an error
_OF_AN_HOUR = """
    COUNT(*), COUNT(*) FILTER (WHERE decision <> 'approve'), COUNT(*) FILTER (WHERE decision = 'block'), COUNT(amount),
    COALESCE(SUM(CAST(amount AS NUMERIC)), 0),
    COALESCE(SUM(CAST(amount AS NUMERIC)) FILTER (WHERE decision = 'block'), 0)"""
_OF_A_MODEL = """
    COUNT(*) FILTER (WHERE decision = 'approve'), COUNT(*) FILTER (WHERE decision = 'review'),
    COUNT(*) FILTER (WHERE decision = 'block'), COUNT(challenger_probability), SUM(fraud_probability),
    COALESCE(SUM(challenger_probability), 0), COALESCE(SUM(ABS(fraud_probability - challenger_probability)), 0)"""
_LOWEST = """
    MIN(fraud_probability) FILTER (WHERE decision <> 'approve'),
    MIN(fraud_probability) FILTER (WHERE decision = 'block')"""
_EXACT = Context(prec=400)
"""Enough digits for any float with decimals."""

Rows = Sequence[Sequence[Any]]
Model = tuple[str, str | None]
"""Versions of the model and of its challenger."""
Limits = Mapping[int, Sequence[float | None]]
"""Lowest probabilities that a model reviewed and blocked, by band of the amount."""


def hourly(database: ReadOnlyDatabase, limit: int) -> Rows:
    """Return the rows of `hourly_fraud`, the latest hours first, at most `limit`. Blocks."""
    hour = database.dialect.hour.format("COALESCE(paid_at, scored_at)")
    totals: dict[Any, Sequence[Any]] = {}
    for span in spans(database, Selection()):
        grouped = select(text(f"{hour}, {_OF_AN_HOUR}")).select_from(scored_payments).where(*span).group_by(text("1"))
        for key, *numbers in _read(database, grouped):
            totals[key] = _added(totals.get(key), numbers)
    return [(key, *_hour(*totals[key])) for key in sorted(totals, reverse=True)[:limit]]


def models(database: ReadOnlyDatabase, limit: int) -> Rows:
    """Return the rows of `model_comparison`, those of the most payments first, at most `limit`. Blocks."""
    totals: dict[Model, Sequence[Any]] = {}
    lowest = defaultdict[str, dict[int, Sequence[float | None]]](dict)
    columns = text(f"model_version, challenger_version, {amount_band()}, {_LOWEST}, {_OF_A_MODEL}")
    for span in spans(database, Selection()):
        grouped = select(columns).select_from(scored_payments).where(*span).group_by(text("1, 2, 3"))
        for version, challenger, band, review, block, *numbers in _read(database, grouped):
            totals[version, challenger] = _added(totals.get((version, challenger)), numbers)
            known = lowest[version].get(band, (None, None))
            lowest[version][band] = [_least(*pair) for pair in zip(known, (review, block), strict=True)]
    challenged = {version for (version, _), (_, _, _, payments, *_) in totals.items() if payments}
    agreed = _agreed(database, {version: lowest[version] for version in challenged})
    rows = [(*model, *_model(*numbers, agreed[model])) for model, numbers in totals.items()]
    return sorted(rows, key=lambda row: (-row[2], row[0], row[1] or ""))[:limit]


def _read(database: ReadOnlyDatabase, statement: Executable) -> Sequence[Any]:
    return database.rows(statement)


def _hour(payments: int, flagged: int, blocked: int, amounts: int, amount: Any, amount_blocked: Any) -> Sequence[Any]:
    sums = [_rounded(number, 2) if amounts else None for number in (amount, amount_blocked)]
    return payments, flagged, blocked, _rounded(Decimal(flagged) / payments, 4), *sums


def _model(approved: int, reviewed: int, blocked: int, challenged: int, *totals: Any) -> Sequence[Any]:
    payments = approved + reviewed + blocked
    counts = (payments, challenged, challenged, challenged)
    means = [_rounded(total / count, 4) if count else None for total, count in zip(totals, counts, strict=True)]
    return payments, approved, reviewed, blocked, *means


def _agreed(database: ReadOnlyDatabase, lowest: Mapping[str, Limits]) -> Counter[Model]:
    """Count the payments for which the view assumes that the challenger made the same decision."""
    agreed = Counter[Model]()
    challenger = _PAYMENTS.challenger_version
    for span in spans(database, Selection()) if lowest else ():
        for version, limits in lowest.items():
            same = _PAYMENTS.decision == _challengers_decision(limits)
            conditions = (
                *span,
                _PAYMENTS.model_version == version,
                _PAYMENTS.challenger_probability.is_not(None),
                same,
            )
            counted = select(challenger, func.count()).where(*conditions).group_by(challenger)
            for name, payments in _read(database, counted):
                agreed[version, name] += payments
    return agreed


def _challengers_decision(limits: Limits) -> ColumnElement[str]:
    review, block = (
        {band: both[place] for band, both in limits.items() if both[place] is not None} for place in (0, 1)
    )
    decisions = [
        (_PAYMENTS.challenger_probability >= case(lowest, value=_BAND), name)
        for name, lowest in (("block", block), ("review", review))
        if lowest
    ]
    return case(*decisions, else_="approve") if decisions else literal("approve")


def _added(totals: Sequence[Any] | None, numbers: Sequence[Any]) -> Sequence[Any]:
    return [total + number for total, number in zip(totals, numbers, strict=True)] if totals else numbers


def _least(one: float | None, other: float | None) -> float | None:
    return min((number for number in (one, other) if number is not None), default=None)


def _rounded(number: Any, digits: int) -> float:
    """Round half away from zero, as both databases do."""
    if not isfinite(number):
        return float(number)
    return float(Decimal(number).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _EXACT))
