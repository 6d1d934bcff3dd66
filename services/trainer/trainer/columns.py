"""Columns of a history, added batch by batch: numbers as arrays, categories as codes, in bounded memory. Pure.

Of a history with more than MOST_VALUES values a random sample is kept, with the history's fraud rate; frauds that are
not in the sample are kept beside it, because models are fitted to all of them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.encoding import Encoding
from fraudstream.payment_schema import PaymentSchema

__all__ = ["Columns", "Kept"]

MOST_VALUES = 60_000_000
"""Values of the sample: half a gigabyte, a million payments of 60 features."""
MOST_FRAUDS = 100_000
"""Frauds beside the sample; further ones would change no model noticeably."""
_MOST_CATEGORIES = 100_000
"""Different values of a category that are kept apart; later ones are rare, like those below a level's least count."""
_OTHER = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """Rows of a history: their features, as yet without levels, amounts and labels."""

    matrix: Floats
    amounts: Floats
    labels: Integers
    keys: Floats
    """A random number for each row; those below the sample's share are in the sample."""

    def rows(self, chosen: Any) -> "Kept":
        """Return the chosen rows."""
        return Kept(
            matrix=self.matrix[chosen],
            amounts=self.amounts[chosen],
            labels=self.labels[chosen],
            keys=self.keys[chosen],
        )

    @classmethod
    def joined(cls, parts: Sequence["Kept"], width: int) -> "Kept":
        """Return all rows of the parts."""
        empty = np.empty(0)
        return cls(
            matrix=np.concatenate([np.empty((0, width)), *(one.matrix for one in parts)]),
            amounts=np.concatenate([empty, *(one.amounts for one in parts)]),
            labels=np.concatenate([empty.astype(np.int64), *(one.labels for one in parts)]),
            keys=np.concatenate([empty, *(one.keys for one in parts)]),
        )


class Columns:
    """Features, amounts and labels of the rows added so far."""

    def __init__(self, schema: PaymentSchema, label: str, rng: np.random.Generator, most: int = MOST_VALUES) -> None:
        """Read the label from the rows' item `label`. Raises SchemaError if the schema has no feature."""
        self._schema, self._label, self._rng = schema, label, rng
        self._plain = Encoding.without_levels(schema)
        self._categories = [place for place, one in enumerate(self._plain.fields) if one.kind == "category"]
        self._codes: Mapping[int, dict[object, int]] = {place: {} for place in self._categories}
        self._most_rows = most // len(self._plain.fields)
        self._share = 1.0
        self._sample: list[Kept] = []
        self._frauds: list[Kept] = []
        self.count, self.fraud_count = 0, 0
        """Rows and frauds in the history."""
        self.first, self.last = math.inf, -math.inf
        """Times of the earliest and the latest payment, in milliseconds, if the payment's time is a feature.

        Other times are not read: a history may lack them, or have them in another format.
        """

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows: values by field, times in milliseconds since 1970, and the label as 0 or 1."""
        columns = {one.name: [row[one.name] for row in rows] for one in self._plain.fields}
        matrix = self._plain.matrix(columns)
        for place in self._categories:
            matrix[:, place] = self._provisional(place, columns[self._plain.names[place]])
        amount = self._schema.amount
        amounts = np.full(len(rows), np.nan) if amount is None else np.array([row[amount] for row in rows], np.float64)
        labels = np.array([row[self._label] for row in rows], dtype=np.int64)
        self.count += len(rows)
        self.fraud_count += int(labels.sum())
        self._add_times(rows)
        self._keep(Kept(matrix=matrix, amounts=amounts, labels=labels, keys=self._rng.random(len(rows))))

    def _add_times(self, rows: Sequence[Mapping[str, Any]]) -> None:
        name = self._schema.time
        times = [row[name] for row in rows if row[name] is not None] if name in self._plain.names else []
        self.first, self.last = min([self.first, *times]), max([self.last, *times])

    def _keep(self, rows: Kept) -> None:
        self._sample.append(self._divided(rows))
        while sum(len(one.labels) for one in self._sample) > self._most_rows:
            self._share *= 0.8
            self._sample = [self._divided(one) for one in self._sample]

    def _divided(self, rows: Kept) -> Kept:
        """Return the rows that are in the sample, and keep the frauds among the others."""
        is_in_sample = rows.keys < self._share
        if is_in_sample.all():
            return rows
        if sum(len(one.labels) for one in self._frauds) < MOST_FRAUDS:
            self._frauds.append(rows.rows(~is_in_sample & (rows.labels == 1)))
        return rows.rows(is_in_sample)

    def _provisional(self, place: int, values: Sequence[object]) -> list[int]:
        """Return a code for each value, in the order of their first appearance."""
        codes = self._codes[place]
        if len(codes) < _MOST_CATEGORIES:
            for value in values:
                codes.setdefault(value, len(codes))
        return [codes.get(value, _OTHER) for value in values]

    def finish(self) -> tuple[Encoding, Kept, Kept]:
        """Return the encoding with the history's levels, the sample, and the frauds beside it; both are encoded."""
        width = len(self._plain.fields)
        sample, frauds = (Kept.joined(parts, width) for parts in (self._sample, self._frauds))
        self._sample, self._frauds = [], []
        counts = {self._plain.names[place]: self._counts(place, sample.matrix[:, place]) for place in self._categories}
        encoding = Encoding.counted(self._schema, counts, len(sample.labels))
        for place in self._categories:
            # the last one is at place -1: no level
            codes = encoding.codes(self._plain.names[place], [*self._codes[place], object()])
            for kept in (sample, frauds):
                kept.matrix[:, place] = codes[kept.matrix[:, place].astype(np.int64)]
        return encoding, sample, frauds

    def _counts(self, place: int, column: Floats) -> dict[object, int]:
        codes = self._codes[place]
        found = np.bincount(column.astype(np.int64) + 1, minlength=len(codes) + 1)[1:].tolist()
        return dict(zip(codes, found, strict=True))
