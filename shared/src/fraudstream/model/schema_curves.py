"""Columns of any schema's features, for `curves.CurveLogit`: its log-odds and their shares are sums over them. Pure.

    linear     natural cubic spline of the value
    log        natural cubic spline of its logarithm, and whether it is 0, if it may be
    count      ln(1 + n), and whether there are any
    period     sines and cosines, so that the cycle's end is next to its start
    flag       the value
    category   one column per code, whose weights add up to 0
    missing    one more column, for features that may be missing, and 0 in the feature's others

Pickles of models import this module by its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from fraudstream.arrays import Flags, Floats
from fraudstream.model.curves import spline, spline_width
from fraudstream.model.encoding import EncodedField, Encoding, Kind

__all__ = ["SchemaBasis"]

_LARGEST = 1e40
"""Values are clipped to it: the squares of a spline's columns then are finite."""
_CLOSEST_KNOTS = 1e-12
"""Smallest distance of knots, in ranges of the values: a cube divided by less would overflow."""
_MOST_TABULATED = 1_000
"""Longest period of whole numbers with a table of sines and cosines, which takes a third of the time."""
_CONSTANT = 1e-9
"""Columns whose spread is at most this share of their largest value are constant, but for rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureColumns:
    """Columns of one feature, before they are standardised."""

    kind: Kind
    low: float
    """Smallest value in the history; smaller ones are clipped to it."""
    high: float
    knots: Floats
    """Ascending knots of a spline."""
    period: float
    harmonics: int
    waves: Floats | None
    """Sines and cosines of each whole number below the period, shape (2 * harmonics, period), if values are whole."""
    codes: int
    """Number of a category's codes, without the last one, of missing values."""
    has_zero: bool
    has_indicator: bool

    @classmethod
    def of(cls, one: EncodedField, values: Floats, *, knots: int, harmonics: int) -> "FeatureColumns":
        """Return the columns for the history's `values`, with up to `knots` knots, at even quantiles."""
        present = np.clip(values[~np.isnan(values)], -_LARGEST, _LARGEST)
        if one.kind == "log":
            # the logarithm of 0 is replaced by that of the smallest value above 0, and 0 has a column of its own
            present = present[present > 0.0]
        elif one.kind == "count":
            present = np.maximum(present, 0.0)
        if not len(present):
            present = np.ones(1)
        return cls(
            kind=one.kind,
            low=float(present.min()),
            high=float(present.max()),
            knots=_knots(one.kind, present, knots),
            period=one.period,
            harmonics=harmonics,
            waves=_waves(np.arange(one.period), one.period, harmonics) if _is_tabulated(one) else None,
            codes=one.codes - 1,
            has_zero=one.may_be_zero,
            has_indicator=one.may_be_missing,
        )

    @property
    def width(self) -> int:
        """Number of columns, with the indicator's."""
        widths = {
            "linear": spline_width(self.knots),
            "log": spline_width(self.knots) + self.has_zero,
            "count": 2,
            "period": 2 * self.harmonics,
            "flag": 1,
            "category": self.codes,
        }
        return widths[self.kind] + self.has_indicator

    def missing(self, values: Floats) -> Flags:
        """Return which of the values are missing."""
        absent: Flags = np.isnan(values)
        return absent | (values >= self.codes) if self.kind == "category" else absent

    def expand(self, values: Floats, clipped: Floats) -> list[Floats]:
        """Return the columns of values that are not missing, without the indicator's; `clipped` are in their range."""
        match self.kind:
            case "linear":
                return spline(clipped, self.knots)
            case "log":
                zero = [(values <= 0.0).astype(np.float64)] if self.has_zero else []
                return [*spline(np.log(clipped), self.knots), *zero]
            case "count":
                return [np.log1p(clipped), (clipped > 0.0).astype(np.float64)]
            case "period":
                return self._expand_periodic(clipped)
            case "flag":
                return [clipped]
            case "category":
                return [*(values == np.arange(self.codes)[:, None]).astype(np.float64)]

    def _expand_periodic(self, values: Floats) -> list[Floats]:
        if self.waves is None:
            return [*_waves(values % self.period, self.period, self.harmonics)]
        # the modulo takes more time than the table, and an hour needs none
        is_within = self.low >= 0.0 and self.high < self.period
        whole = values if is_within else np.floor(values) % self.period
        return [*self.waves[:, whole.astype(np.intp)]]

    def standard(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the mean and the size of each column, for the history's `values`: two arrays of shape (width,)."""
        missing = self.missing(values)
        present = values[~missing] if not missing.all() else np.array([self.low])
        centre, scale = _standard(np.array(self.expand(present, np.clip(present, self.low, self.high))))
        if self.kind == "category":
            # in units of their spread, rare levels would be penalised less than frequent ones
            scale = np.ones(len(scale))
        if not self.has_indicator:
            return centre, scale
        indicator_centre, indicator_scale = _standard(missing[None, :].astype(np.float64))
        return np.concatenate([centre, indicator_centre]), np.concatenate([scale, indicator_scale])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SchemaBasis:
    """Expansion of the features into `width` columns, one group per feature, standardised on the history."""

    features: Sequence[FeatureColumns]
    low: Floats
    """(features,), smallest value of each in the history."""
    high: Floats
    """(features,)"""
    centre: Floats
    """(width,)"""
    scale: Floats
    """(width,)"""

    @classmethod
    def of(cls, encoding: Encoding, matrix: Floats, *, knots: int, harmonics: int) -> "SchemaBasis":
        """Return the basis for the history `matrix`, shape (n, features), with up to `knots` knots per spline."""
        columns = np.ascontiguousarray(matrix.T)
        features = [
            FeatureColumns.of(one, values, knots=knots, harmonics=harmonics)
            for one, values in zip(encoding.fields, columns, strict=True)
        ]
        standards = [one.standard(values) for one, values in zip(features, columns, strict=True)]
        return cls(
            features=features,
            low=np.array([one.low for one in features]),
            high=np.array([one.high for one in features]),
            centre=np.concatenate([centre for centre, _ in standards]),
            scale=np.concatenate([scale for _, scale in standards]),
        )

    def scaled(self, scales: Mapping[int, float]) -> "SchemaBasis":
        """Return the basis with the columns of each feature in `scales` divided by its scale, without the indicator."""
        scale = self.scale.copy()
        for feature, divisor in scales.items():
            start = self.groups[feature].start
            scale[start : start + self.features[feature].width - self.features[feature].has_indicator] *= divisor
        return replace(self, scale=scale)

    @property
    def groups(self) -> list[slice]:
        """Columns of each feature, in the order of the encoding."""
        edges = np.cumsum([0, *(one.width for one in self.features)]).tolist()
        return [slice(start, stop) for start, stop in pairwise(edges)]

    def expand(self, matrix: Floats) -> Floats:
        """Return the columns of each row, shape (n, width)."""
        rows, places_of_missing = list[Floats](), []
        absent = np.isnan(matrix)
        any_is_nan = bool(absent.any())
        if any_is_nan:
            matrix = np.where(absent, self.low, matrix)  # any value: its columns become 0
        # one call for all features: it takes as long as a call for one
        clipped = np.clip(matrix, self.low, self.high).T
        for number, one in enumerate(self.features):
            values = matrix[:, number]
            missing = absent[:, number] if any_is_nan else None
            if one.kind == "category":
                missing = (values >= one.codes) | absent[:, number]
            start = len(rows)
            rows += one.expand(values, clipped[number])
            if missing is not None and missing.any():
                places_of_missing.append((np.flatnonzero(missing), slice(start, len(rows))))
            if one.has_indicator:
                rows.append(np.zeros(len(values)) if missing is None else missing.astype(np.float64))
        columns: Floats = np.array(rows).T
        columns -= self.centre
        columns /= self.scale
        for payments, group in places_of_missing:
            columns[payments, group] = 0.0
        return columns


def _is_tabulated(one: EncodedField) -> bool:
    return one.type == "integer" and one.kind == "period" and one.period.is_integer() and one.period <= _MOST_TABULATED


def _waves(phases: Floats, period: float, harmonics: int) -> Floats:
    """Return sines, then cosines, of whole multiples of the phases, shape (2 * harmonics, n)."""
    angles = np.arange(1, harmonics + 1)[:, None] * phases * (2.0 * np.pi / period)
    return np.vstack([np.sin(angles), np.cos(angles)])


def _knots(kind: Kind, values: Floats, count: int) -> Floats:
    if kind not in {"linear", "log"}:
        return np.empty(0)
    scaled = np.log(values) if kind == "log" else values
    closest = _CLOSEST_KNOTS * (scaled.max() - scaled.min())
    found = np.unique(np.quantile(scaled, np.linspace(0.02, 0.98, count)))
    kept = [found[0]]
    kept += [knot for knot, before in zip(found[1:], found[:-1], strict=True) if knot - before > closest]
    return np.array(kept)


def _standard(rows: Floats) -> tuple[Floats, Floats]:
    """Return the mean and the standard deviation of each row; 1 in place of that of a constant one."""
    spread = rows.std(axis=1)
    return rows.mean(axis=1), np.where(spread > _CONSTANT * np.abs(rows).max(axis=1), spread, 1.0)
