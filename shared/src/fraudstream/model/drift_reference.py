"""Distributions of payments and scores in the history, which drift is measured against.

The score depends on the hour by design, and other features may by habit: even without drift, payments of a night differ
from those of a whole day. So each distribution is stored by hour, and payments are compared with those of the history
in the same mix of hours. Without an hour among the features, there is one row for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from fraudstream.arrays import Floats, Integers
from fraudstream.errors import ModelUnfitError
from fraudstream.model import encoding as encodings
from fraudstream.model import psi
from fraudstream.model.drift_bins import Bins, deciles
from fraudstream.model.encoding import EncodedField, Encoding

HOURS = 24
SCORE = "fraud_probability"
KEY = "drift"
"""Key of the distributions in a manifest's `reference`."""

# more than any history has; each edge costs one scan of every batch, and counts are summed as 64-bit integers
_MOST_EDGES, _MOST_BINS, _MOST_PAYMENTS = 200, 202, 2**40


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """PSI of a field against its reference, and the limit from which it counts as drift."""

    field: str
    psi: float
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """Payments of the history by hour and bin, for each compared field."""

    hour: int | None
    """Column of the hour; None: the features have none. The scorer compares the hour itself over whole days."""
    hour_name: str = ""
    bins: Sequence[Bins]
    counts: Sequence[Integers]
    """For each field the number of payments, shape (24 or 1, bins)."""
    _sizes: Floats = field(init=False, repr=False)
    _starts: Integers = field(init=False, repr=False)
    _shares: Floats = field(init=False, repr=False)
    _by_hour: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        widths = np.array([one.count for one in self.bins])
        table = np.hstack(self.counts).astype(np.float64)
        hours = self.hours.astype(np.float64)
        # hours missing from the history use the all-hours distribution with the weight of one payment
        missing = hours == 0.0
        table[missing], hours[missing] = table.sum(axis=0) / hours.sum(), 1.0
        object.__setattr__(self, "_sizes", np.repeat(widths, widths).astype(np.float64))
        object.__setattr__(self, "_starts", np.cumsum(widths) - widths)
        object.__setattr__(self, "_shares", table / hours[:, None])
        object.__setattr__(self, "_by_hour", hours)

    @classmethod
    def of(cls, encoding: Encoding, matrix: Floats, scores: Floats) -> Self:
        """Return the reference of at least one payment: the features, encoded, and their scores."""
        place = _hour_of(encoding)
        bins = [Bins.of(one, number, matrix[:, number]) for number, one in _compared(encoding)]
        bins.append(Bins(name=SCORE, place=-1, edges=deciles(scores)))
        hours = _hours(matrix, place)
        columns = _columns(bins, matrix, scores)
        return cls(
            hour=place,
            hour_name="" if place is None else encoding.names[place],
            bins=bins,
            counts=[_by_hour(hours, one, column, place) for one, column in zip(bins, columns, strict=True)],
        )

    @classmethod
    def read(cls, manifest_reference: Mapping[str, Any], encoding: Encoding) -> Self | None:
        """Return the distributions in a manifest's `reference`, None if it has none. Raises ModelUnfitError."""
        if KEY not in manifest_reference:
            return None
        try:
            stored = _FIELDS.validate_python(manifest_reference[KEY])
            place = _hour_of(encoding)
            bins = _stored_bins(encoding, stored)
            _check_counts(stored, bins, 1 if place is None else HOURS)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, (KEY, *first["loc"])))
            raise ModelUnfitError(f"the manifest's reference is invalid ({where}: {first['msg']})") from None
        except ValueError as error:
            raise ModelUnfitError(f"the manifest's reference is invalid ({KEY}.{error})") from None
        return cls(
            hour=place,
            hour_name="" if place is None else encoding.names[place],
            bins=bins,
            counts=[np.array(stored[one.name].counts, dtype=np.int64) for one in bins],
        )

    def as_json(self) -> dict[str, Any]:
        """Return the value that `read` expects under KEY."""
        return {
            one.name: {"edges": one.edges.tolist(), "counts": counts.tolist()}
            for one, counts in zip(self.bins, self.counts, strict=True)
        }

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the compared fields."""
        return tuple(one.name for one in self.bins)

    @property
    def hours(self) -> Integers:
        """Payments of the history by hour, shape (24,), or (1,) without an hour."""
        by_hour: Integers = self.counts[0].sum(axis=1)
        return by_hour

    def hours_of(self, matrix: Floats) -> Integers:
        """Return each payment's hour, 0 without one."""
        return _hours(matrix, self.hour)

    def histogram(self, matrix: Floats, scores: Floats) -> Integers:
        """Return the number of payments in each hour, followed by those in each field's bins.

        The histograms of two sets of payments add up to that of both.
        """
        columns = _columns(self.bins, matrix, scores)
        hours = np.bincount(self.hours_of(matrix), minlength=len(self._by_hour))
        return np.concatenate([hours, *(one.histogram(column) for one, column in zip(self.bins, columns, strict=True))])

    def compare(self, histogram: Integers) -> list[Finding]:
        """Return one finding for each compared field; `histogram` must hold at least one payment."""
        hours = histogram[: len(self._by_hour)]
        payments = float(hours.sum())
        mix = hours / payments
        # effective number of payments of the history in this mix, from the sampling error of each hour's payments
        effective = 1.0 / float((mix * mix / self._by_hour).sum())
        actual = psi.smoothed(histogram[len(self._by_hour) :].astype(np.float64), self._sizes)
        expected = psi.smoothed(mix @ self._shares * effective, self._sizes)
        sizes = psi.sizes(actual, expected, self._starts).tolist()
        limits = psi.limits(self._sizes[self._starts], payments, effective).tolist()
        return [
            Finding(field=name, psi=size, limit=limit)
            for name, size, limit in zip(self.fields, sizes, limits, strict=True)
        ]


class _Field(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    edges: list[float] = Field(max_length=_MOST_EDGES)
    counts: Annotated[
        list[
            Annotated[list[Annotated[int, Field(ge=0, lt=_MOST_PAYMENTS)]], Field(min_length=2, max_length=_MOST_BINS)]
        ],
        Field(min_length=1, max_length=HOURS),
    ]

    @model_validator(mode="after")
    def _check_edges(self) -> Self:
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("edges must be ascending")
        return self


_FIELDS = TypeAdapter(dict[str, _Field])


def _compared(encoding: Encoding) -> list[tuple[int, EncodedField]]:
    """Return the features that are compared in the same mix of hours, with their columns."""
    hour = _hour_of(encoding)
    return [(place, one) for place, one in enumerate(encoding.fields) if place != hour and one.name != SCORE]


def _hour_of(encoding: Encoding) -> int | None:
    """Return the column of the first feature that is the hour of every payment."""
    for place, one in enumerate(encoding.fields):
        if one.kind == "period" and one.period == encodings.HOURS and not one.may_be_missing:
            return place
    return None


def _hours(matrix: Floats, place: int | None) -> Integers:
    if place is None:
        return np.zeros(len(matrix), dtype=np.int64)
    # the remainder of a negative number near 0 is rounded to 24
    return np.minimum(np.floor(matrix[:, place] % HOURS), HOURS - 1).astype(np.int64)


def _stored_bins(encoding: Encoding, stored: Mapping[str, _Field]) -> list[Bins]:
    """Return the bins of the stored fields. Raises ValueError if these are not the encoding's, and the score."""
    compared = _compared(encoding)
    names = [*(one.name for _, one in compared), SCORE]
    if missing := [name for name in names if name not in stored]:
        raise ValueError(f"{missing[0]}: Field required")
    if unknown := stored.keys() - {*names}:
        raise ValueError(f"{min(unknown)}: not a compared feature")
    bins = []
    for place, one in compared:
        codes = one.codes if one.kind == "category" else 0
        has_missing = one.may_be_missing and not codes
        edges = np.array(stored[one.name].edges)
        bins.append(Bins(name=one.name, place=place, edges=edges, codes=codes, has_missing=has_missing))
    return [*bins, Bins(name=SCORE, place=-1, edges=np.array(stored[SCORE].edges))]


def _check_counts(stored: Mapping[str, _Field], bins: Sequence[Bins], rows: int) -> None:
    for one in bins:
        counts = stored[one.name].counts
        if len(counts) != rows:
            raise ValueError(f"{one.name}.counts: must have {rows} rows")
        if not one.codes and not len(one.edges):
            raise ValueError(f"{one.name}.edges: must have one at least")
        if any(len(row) != one.count for row in counts):
            raise ValueError(f"{one.name}: counts must be one per bin")
    sums = [list(map(sum, stored[one.name].counts)) for one in bins]
    if any(one != sums[0] for one in sums) or not any(sums[0]):
        raise ValueError("counts: they differ between fields in their sum by hour")


def _columns(bins: Sequence[Bins], matrix: Floats, scores: Floats) -> list[Floats]:
    rows = np.ascontiguousarray(matrix.T)
    return [scores if one.place < 0 else rows[one.place] for one in bins]


def _by_hour(hours: Integers, bins: Bins, column: Floats, hour: int | None) -> Integers:
    if hour is None:
        return bins.histogram(column)[None, :]
    return np.array([bins.histogram(column[hours == one]) for one in range(HOURS)])
