"""Effects of the fields on the probability of fraud: a plot for each, and how much the model depends on it."""

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.encoding import HOURS, EncodedField
from trainer.fit import log_losses
from trainer.report import axes
from trainer.report.axes import Axis
from trainer.report.facts import Facts
from trainer.report.plot import Plot
from trainer.report.texts import Table, compact, number, percent, rounded_percent

_PAYMENTS = 1_000
_POINTS = 25
_SHUFFLED = 10_000
_FEW_FEATURES = 12
"""Features up to which the losses are those of _SHUFFLED payments; with more features, of fewer payments."""
_MOST_DRAWN = 9
"""Fields with a plot of their own: those of most importance."""
_MOST_LEVELS = 12
_HALF = 0.3
"""Half the width of a bar; bars are 1 apart."""


def importance(facts: Facts) -> Floats:
    """Return by how many percent the log loss rises if the values of each field are shuffled."""
    rng = np.random.default_rng(0)
    features = facts.matrix.shape[1]
    rows = _spread(len(facts.matrix), _SHUFFLED * _FEW_FEATURES // max(features, _FEW_FEATURES))
    matrix, labels = facts.matrix[rows], facts.labels[rows]
    baseline = _loss(facts, matrix, labels)
    increases = []
    for column in range(features):
        shuffled = matrix.copy()
        shuffled[:, column] = rng.permutation(matrix[:, column])
        increases.append(100 * (_loss(facts, shuffled, labels) / baseline - 1))
    return np.array(increases)


def ordered(facts: Facts, increases: Floats) -> Table:
    """Return all fields by their importance, greatest first."""
    names = facts.history.encoding.names
    rows = [(names[place], f"{increases[place]:z.1f} %") for place in np.argsort(-increases).tolist()]
    return ("field", "increase of the log loss"), rows


def plots(facts: Facts, increases: Floats) -> list[Plot]:
    """Draw the mean probability by value of the most important fields, greatest first, all on the same y axis."""
    drawn = np.argsort(-increases)[:_MOST_DRAWN].tolist()
    payments = facts.matrix[_spread(len(facts.matrix), _PAYMENTS)]
    effects = [_Effect(facts, payments, place) for place in drawn]
    y = axes.linear(0, 1.08 * max(one.highest for one in effects), percent)
    return [one.plot(y) for one in effects]


class _Effect:
    """Mean probabilities of fraud if all payments had a value of one field."""

    def __init__(self, facts: Facts, payments: Floats, place: int) -> None:
        self._facts, self._payments, self._place = facts, payments, place
        self._field = facts.history.encoding.fields[place]
        self._declared = facts.history.schema.fields[self._field.name]
        self._values = _values(self._field, facts.matrix[:, place])
        self._means = self._mean_of(self._values)
        has_line = self._field.may_be_missing and self._field.kind != "category"
        self._missing = float(self._mean_of(np.array([np.nan]))[0]) if has_line else None
        self.highest = max(float(self._means.max()), self._missing or 0.0)

    def _mean_of(self, values: Floats) -> Floats:
        """Return the mean probability for each value, of all of them in one call of the classifier."""
        changed = np.tile(self._payments, (len(values), 1))
        changed[:, self._place] = np.repeat(values, len(self._payments))
        scores = self._facts.classifier.predict_proba(changed)[:, 1]
        return np.asarray(scores.reshape(len(values), -1).mean(axis=1), dtype=np.float64)

    def plot(self, y: Axis) -> Plot:
        """Draw the effect."""
        one, values, means = self._field, self._values, self._means
        is_named = one.kind in {"flag", "category"}
        plot = Plot(
            title=one.name.replace("_", " "),
            x=self._axis(),
            y=y,
            x_label=self._label(),
            y_label="mean probability of fraud",
            description=self._description(),
            has_names=is_named,
        )
        if is_named:
            places = np.arange(len(values), dtype=np.float64)
            plot.bars(places - _HALF, places + _HALF, means, "model")
        else:
            plot.line(values, means, "model")
        if one.kind == "count":
            plot.points(values, means, "model")
        if self._missing is not None:
            plot.horizontal(self._missing, "faint dashed", f"missing: {rounded_percent(self._missing)}")
        return plot

    def _axis(self) -> Axis:
        one, low, high = self._field, float(self._values.min()), float(self._values.max())
        if one.kind in {"flag", "category"}:
            return axes.named([self._name(int(value)) for value in self._values])
        if one.kind == "log":
            return axes.logarithmic(low, high)
        is_hour = one.kind == "period" and one.period == HOURS
        return axes.linear(low, high, at=(0, 6, 12, 18, 23) if is_hour else ())

    def _name(self, value: int) -> str:
        """Return the text of a flag, or of a category's code."""
        one, declared = self._field, self._declared
        if one.kind == "category":
            return [*one.levels, "rare", "missing"][value]
        if "{}" in declared.words:
            return "yes" if value else "no"
        return declared.words if value else declared.words_if_zero or "no"

    def _label(self) -> str:
        declared = self._declared
        name = declared.name.replace("_", " ")
        if declared.name == self._facts.history.schema.amount:
            return f"{name}{self._facts.unit}"
        if declared.type == "number" and declared.min is not None and declared.max is not None:
            return f"{name} ({compact(declared.min)} to {compact(declared.max)})"
        return f"{name} ({declared.timezone})" if declared.type == "time" else name

    def _description(self) -> str:
        ends = [int(self._means.argmin()), int(self._means.argmax())]
        texts = [rounded_percent(self._means[end]) for end in ends]
        is_named = self._field.kind in {"flag", "category"}
        at = [self._name(int(self._values[end])) if is_named else number(float(self._values[end])) for end in ends]
        return f"Mean probability of fraud by {self._field.name}: from {texts[0]} at {at[0]} to {texts[1]} at {at[1]}."


def _values(one: EncodedField, column: Floats) -> Floats:
    """Return the values that the effect is drawn at."""
    if one.kind == "category":
        levels = np.arange(min(len(one.levels), _MOST_LEVELS))
        missing = [one.codes - 1] if one.may_be_missing else []
        return np.array([*levels, one.codes - 2, *missing], dtype=np.float64)
    if one.kind == "flag":
        return np.array([0.0, 1.0])
    present = column[~np.isnan(column)]
    if one.kind == "log":
        present = present[present > 0.0]
    if not len(present):
        return np.ones(1)
    # outliers would stretch the axis; a period has none
    low, high = np.quantile(present, [0.0, 1.0] if one.kind == "period" else [0.005, 0.995])
    if one.kind == "log":
        return np.geomspace(low, high, _POINTS)
    if one.kind == "linear":
        return np.linspace(low, high, _POINTS)
    return np.arange(low, high + 1) if high - low < _POINTS else np.unique(np.linspace(low, high, _POINTS).round())


def _loss(facts: Facts, matrix: Floats, labels: Integers) -> float:
    return float(log_losses(labels, facts.classifier.predict_proba(matrix)[:, 1]).mean())


def _spread(count: int, most: int) -> Integers:
    """Return at most `most` row numbers out of `count`, evenly spaced."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)
