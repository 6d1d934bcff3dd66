"""What payments and scores looked like in the history: the distributions that drift is measured from.

The score depends on the hour by design, and other fields may by habit: at night they look like no drift-free day does.
So each is kept by hour, and what comes in is compared with payments of the history in the same mix of hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fraudstream.errors import ModelUnfitError
from fraudstream.model import psi
from fraudstream.model.features import FEATURES

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HOURS = 24
HOUR = "transaction_hour"
SCORE = "fraud_probability"
FIELDS = (*(feature for feature in FEATURES if feature != HOUR), SCORE)
"""What is compared in the same mix of hours; the hour itself is `days`' matter."""
KEY = "drift"
"""Where in a manifest's `reference` it stands."""

_HOUR_COLUMN = FEATURES.index(HOUR)
_DECILES = np.arange(0.1, 0.95, 0.1)
# the last bin of a count begins where fewer than so many of the payments are left
_RARE = 0.01
# more than any history has; each edge costs a pass over every batch, and counts are added up as 64-bit integers
_MOST_EDGES, _MOST_PAYMENTS = 200, 2**40


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How far a field is from its reference, and from which size on that is drift."""

    field: str
    psi: float
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """The history's payments by hour and bin, for each of FIELDS; a value at an edge is in the bin above it."""

    edges: Sequence[Floats]
    """For each field the ascending values at which a bin ends and the next one begins."""
    counts: Sequence[Integers]
    """For each field (24, bins)."""
    _bins: Floats = field(init=False, repr=False)
    _starts: Integers = field(init=False, repr=False)
    _shares: Floats = field(init=False, repr=False)
    _by_hour: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        widths = np.array([len(edges) + 1 for edges in self.edges])
        table = np.hstack(self.counts).astype(np.float64)
        hours = self.hours.astype(np.float64)
        # an hour that the history has not may look like anything: as all others, known from a single payment
        missing = hours == 0.0
        table[missing], hours[missing] = table.sum(axis=0) / hours.sum(), 1.0
        object.__setattr__(self, "_bins", np.repeat(widths, widths).astype(np.float64))
        object.__setattr__(self, "_starts", np.cumsum(widths) - widths)
        object.__setattr__(self, "_shares", table / hours[:, None])
        object.__setattr__(self, "_by_hour", hours)

    @classmethod
    def of(cls, matrix: Floats, scores: Floats) -> Self:
        """Of at least one payment, `matrix` with columns as FEATURES, and their scores."""
        columns = _columns(matrix, scores)
        hours = matrix[:, _HOUR_COLUMN].astype(np.int64)
        edges = [_edges(name, column) for name, column in zip(FIELDS, columns, strict=True)]
        return cls(
            edges=edges,
            counts=[_by_hour(hours, column, ends) for column, ends in zip(columns, edges, strict=True)],
        )

    @classmethod
    def read(cls, manifest_reference: Mapping[str, Any]) -> Self | None:
        """From a manifest's `reference`; None where it has none. Raises ModelUnfitError where it is no valid one."""
        if KEY not in manifest_reference:
            return None
        try:
            fields = _Fields.model_validate(manifest_reference[KEY]).in_order()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, (KEY, *first["loc"])))
            raise ModelUnfitError(f"the manifest's reference is wrong ({where}: {first['msg']})") from None
        return cls(
            edges=[np.array(one.edges, dtype=np.float64) for one in fields],
            counts=[np.array(one.counts, dtype=np.int64) for one in fields],
        )

    def as_json(self) -> dict[str, Any]:
        """What `read` takes, under KEY."""
        return {
            name: {"edges": edges.tolist(), "counts": counts.tolist()}
            for name, edges, counts in zip(FIELDS, self.edges, self.counts, strict=True)
        }

    @property
    def hours(self) -> Integers:
        """(24,), the history's payments by hour."""
        by_hour: Integers = self.counts[0].sum(axis=1)
        return by_hour

    def histogram(self, matrix: Floats, scores: Floats) -> Integers:
        """How many of these payments are in each hour and in each field's bins, one after the other.

        Those of two sets of payments add up to that of both.
        """
        columns = _columns(matrix, scores)
        hours = np.bincount(matrix[:, _HOUR_COLUMN].astype(np.int64), minlength=HOURS)
        return np.concatenate(
            [hours, *(_histogram(column, edges) for column, edges in zip(columns, self.edges, strict=True))]
        )

    def compare(self, histogram: Integers) -> list[Finding]:
        """One finding for each of FIELDS; `histogram` must hold at least one payment."""
        hours = histogram[:HOURS]
        seen = float(hours.sum())
        mix = hours / seen
        # so many payments of the history, in this mix, would be as uncertain as those of each hour are together
        referred = 1.0 / float((mix * mix / self._by_hour).sum())
        actual = psi.smoothed(histogram[HOURS:].astype(np.float64), self._bins)
        expected = psi.smoothed(mix @ self._shares * referred, self._bins)
        found = psi.sizes(actual, expected, self._starts).tolist()
        limits = psi.limits(self._bins[self._starts], seen, referred).tolist()
        return [
            Finding(field=name, psi=size, limit=limit) for name, size, limit in zip(FIELDS, found, limits, strict=True)
        ]


class _Field(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    edges: list[float] = Field(min_length=1, max_length=_MOST_EDGES)
    counts: Annotated[
        list[list[Annotated[int, Field(ge=0, lt=_MOST_PAYMENTS)]]], Field(min_length=HOURS, max_length=HOURS)
    ]

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("edges must rise")
        if any(len(counts) != len(self.edges) + 1 for counts in self.counts):
            raise ValueError("counts must be one more than edges")
        return self


class _Fields(BaseModel):
    """As FIELDS, on disk."""

    amount: _Field
    country_risk_score: _Field
    failed_logins: _Field
    is_new_device: _Field
    fraud_probability: _Field

    @model_validator(mode="after")
    def _one_history(self) -> Self:
        hours = [list(map(sum, one.counts)) for one in self.in_order()]
        if any(one != hours[0] for one in hours) or not any(hours[0]):
            raise ValueError("counts are not those of one history")
        return self

    def in_order(self) -> list[_Field]:
        """As FIELDS."""
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
    # one pass for each edge beats searching them for each value: no branch to guess
    above = np.array([len(column), *(np.count_nonzero(column >= edge) for edge in edges), 0], dtype=np.int64)
    return above[:-1] - above[1:]


def _by_hour(hours: Integers, column: Floats, edges: Floats) -> Integers:
    return np.array([_histogram(column[hours == hour], edges) for hour in range(HOURS)])
