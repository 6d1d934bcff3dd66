"""Distributions of payments and scores in the history, which drift is measured against.

The score depends on the hour by design, and other fields may by habit: even without drift, payments of a night differ
from those of a whole day. So each distribution is stored by hour, and payments are compared with those of the history
in the same mix of hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fraudstream.arrays import Floats, Integers
from fraudstream.errors import ModelUnfitError
from fraudstream.model import psi
from fraudstream.model.features import FEATURES

HOURS = 24
HOUR = "transaction_hour"
SCORE = "fraud_probability"
FIELDS = (*(feature for feature in FEATURES if feature != HOUR), SCORE)
"""Fields compared in the same mix of hours; the scorer compares the hour itself over whole days."""
KEY = "drift"
"""Key of the distributions in a manifest's `reference`."""

_HOUR_COLUMN = FEATURES.index(HOUR)
_DECILES = np.arange(0.1, 0.95, 0.1)
# the last bin of a count begins where less than this share of the payments is left
_RARE = 0.01
# more than any history has; each edge costs one scan of every batch, and counts are summed as 64-bit integers
_MOST_EDGES, _MOST_PAYMENTS = 200, 2**40


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """PSI of a field against its reference, and the limit from which it counts as drift."""

    field: str
    psi: float
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """Payments of the history by hour and bin, for each of FIELDS; a value at an edge is in the bin above it."""

    edges: Sequence[Floats]
    """For each field the values, ascending, at which a bin ends and the next one begins."""
    counts: Sequence[Integers]
    """For each field the number of payments, shape (24, bins)."""
    _bins: Floats = field(init=False, repr=False)
    _starts: Integers = field(init=False, repr=False)
    _shares: Floats = field(init=False, repr=False)
    _by_hour: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        widths = np.array([len(edges) + 1 for edges in self.edges])
        table = np.hstack(self.counts).astype(np.float64)
        hours = self.hours.astype(np.float64)
        # hours missing from the history use the all-hours distribution with the weight of one payment
        missing = hours == 0.0
        table[missing], hours[missing] = table.sum(axis=0) / hours.sum(), 1.0
        object.__setattr__(self, "_bins", np.repeat(widths, widths).astype(np.float64))
        object.__setattr__(self, "_starts", np.cumsum(widths) - widths)
        object.__setattr__(self, "_shares", table / hours[:, None])
        object.__setattr__(self, "_by_hour", hours)

    @classmethod
    def of(cls, matrix: Floats, scores: Floats) -> Self:
        """Return the reference of at least one payment: `matrix` with columns as FEATURES, and their scores."""
        columns = _columns(matrix, scores)
        hours = matrix[:, _HOUR_COLUMN].astype(np.int64)
        edges = [_edges(name, column) for name, column in zip(FIELDS, columns, strict=True)]
        return cls(
            edges=edges,
            counts=[_by_hour(hours, column, ends) for column, ends in zip(columns, edges, strict=True)],
        )

    @classmethod
    def read(cls, manifest_reference: Mapping[str, Any]) -> Self | None:
        """Return the distributions in a manifest's `reference`, None if it has none. Raises ModelUnfitError."""
        if KEY not in manifest_reference:
            return None
        try:
            fields = _Fields.model_validate(manifest_reference[KEY]).in_order()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, (KEY, *first["loc"])))
            raise ModelUnfitError(f"the manifest's reference is invalid ({where}: {first['msg']})") from None
        return cls(
            edges=[np.array(one.edges, dtype=np.float64) for one in fields],
            counts=[np.array(one.counts, dtype=np.int64) for one in fields],
        )

    def as_json(self) -> dict[str, Any]:
        """Return the value that `read` expects under KEY."""
        return {
            name: {"edges": edges.tolist(), "counts": counts.tolist()}
            for name, edges, counts in zip(FIELDS, self.edges, self.counts, strict=True)
        }

    @property
    def hours(self) -> Integers:
        """Payments of the history by hour, shape (24,)."""
        by_hour: Integers = self.counts[0].sum(axis=1)
        return by_hour

    def histogram(self, matrix: Floats, scores: Floats) -> Integers:
        """Return the number of payments in each hour, followed by those in each field's bins.

        The histograms of two sets of payments add up to that of both.
        """
        columns = _columns(matrix, scores)
        hours = np.bincount(matrix[:, _HOUR_COLUMN].astype(np.int64), minlength=HOURS)
        return np.concatenate(
            [hours, *(_histogram(column, edges) for column, edges in zip(columns, self.edges, strict=True))]
        )

    def compare(self, histogram: Integers) -> list[Finding]:
        """Return one finding for each of FIELDS; `histogram` must hold at least one payment."""
        hours = histogram[:HOURS]
        payments = float(hours.sum())
        mix = hours / payments
        # effective number of payments of the history in this mix, from the sampling error of each hour's payments
        effective = 1.0 / float((mix * mix / self._by_hour).sum())
        actual = psi.smoothed(histogram[HOURS:].astype(np.float64), self._bins)
        expected = psi.smoothed(mix @ self._shares * effective, self._bins)
        sizes = psi.sizes(actual, expected, self._starts).tolist()
        limits = psi.limits(self._bins[self._starts], payments, effective).tolist()
        return [
            Finding(field=name, psi=size, limit=limit) for name, size, limit in zip(FIELDS, sizes, limits, strict=True)
        ]


class _Field(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    edges: list[float] = Field(min_length=1, max_length=_MOST_EDGES)
    counts: Annotated[
        list[list[Annotated[int, Field(ge=0, lt=_MOST_PAYMENTS)]]], Field(min_length=HOURS, max_length=HOURS)
    ]

    @model_validator(mode="after")
    def _check_edges(self) -> Self:
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("edges must be ascending")
        if any(len(counts) != len(self.edges) + 1 for counts in self.counts):
            raise ValueError("counts must be one more than edges")
        return self


class _Fields(BaseModel):
    """Distributions of FIELDS, as stored in the manifest."""

    amount: _Field
    country_risk_score: _Field
    failed_logins: _Field
    is_new_device: _Field
    fraud_probability: _Field

    @model_validator(mode="after")
    def _check_sums(self) -> Self:
        hours = [list(map(sum, one.counts)) for one in self.in_order()]
        if any(one != hours[0] for one in hours) or not any(hours[0]):
            raise ValueError("counts differ between fields in their sum by hour")
        return self

    def in_order(self) -> list[_Field]:
        """Return the distributions in the order of FIELDS."""
        return [getattr(self, name) for name in FIELDS]


def _columns(matrix: Floats, scores: Floats) -> list[Floats]:
    rows = np.ascontiguousarray(matrix.T)
    return [*(rows[FEATURES.index(name)] for name in FIELDS[:-1]), scores]


def _edges(name: str, column: Floats) -> Floats:
    if name == "is_new_device":
        return np.array([1.0])
    if name == "failed_logins":
        left = 1.0 - np.cumsum(np.bincount(column.astype(np.int64))) / len(column)
        return np.arange(1, max(1, int(np.count_nonzero(left >= _RARE))) + 1, dtype=np.float64)
    return np.unique(np.quantile(column, _DECILES))


def _histogram(column: Floats, edges: Floats) -> Integers:
    # one scan per edge is faster than a search per value: there is no branch to predict
    above = np.array([len(column), *(np.count_nonzero(column >= edge) for edge in edges), 0], dtype=np.int64)
    return above[:-1] - above[1:]


def _by_hour(hours: Integers, column: Floats, edges: Floats) -> Integers:
    return np.array([_histogram(column[hours == hour], edges) for hour in range(HOURS)])
