"""Bins of a compared field: numbers by deciles, counts one by one, categories by level, missing values apart. Pure."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.encoding import EncodedField

_DECILES = np.arange(0.1, 0.95, 0.1)
# the last bin of a count begins where less than this share of the payments is left
_RARE = 0.01
_MOST_COUNTED = 20
"""Counts of more different values have deciles: their bins by hour would fill the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bins:
    """Bins of a field: numbers between edges, or a category's codes; those that may be missing have one more."""

    name: str
    place: int
    """Column of the matrix; -1 is the score."""
    edges: Floats
    """Values, ascending, at which a bin ends and the next one begins; a value at an edge is in the bin above it."""
    codes: int = 0
    """Number of a category's codes; 0 for numbers."""
    has_missing: bool = False

    @classmethod
    def of(cls, one: EncodedField, place: int, column: Floats) -> Self:
        """Return the bins of a feature for the history's values, encoded."""
        if one.kind == "category":
            return cls(name=one.name, place=place, edges=np.empty(0), codes=one.codes)
        return cls(name=one.name, place=place, edges=_edges(one, column), has_missing=one.may_be_missing)

    @property
    def count(self) -> int:
        """Number of bins."""
        return self.codes or len(self.edges) + 1 + self.has_missing

    def histogram(self, column: Floats) -> Integers:
        """Return the number of values in each bin, that of missing values last."""
        if self.codes:
            return np.bincount(column.astype(np.int64), minlength=self.codes)
        missing = [np.count_nonzero(np.isnan(column))] if self.has_missing else []
        # one scan per edge is faster than a search per value: there is no branch to predict
        above = [len(column) - sum(missing), *(np.count_nonzero(column >= edge) for edge in self.edges), 0]
        counts = np.array(above, dtype=np.int64)
        return np.concatenate([counts[:-1] - counts[1:], np.array(missing, dtype=np.int64)])


def _edges(one: EncodedField, column: Floats) -> Floats:
    present = column[~np.isnan(column)]
    if one.kind == "flag":
        return np.array([1.0])
    if one.kind == "count" and len(present):
        values, counts = np.unique(np.floor(present), return_counts=True)
        left = 1.0 - np.cumsum(counts) / len(present)
        most = int(values[np.argmax(left < _RARE)])
        if most <= _MOST_COUNTED:
            return np.arange(1, max(1, most) + 1, dtype=np.float64)
    return deciles(present) if len(present) else np.zeros(1)


def deciles(column: Floats) -> Floats:
    """Return the different deciles of the values."""
    return np.unique(np.quantile(column, _DECILES))
