"""Picture of the effect of each field on the probability of fraud."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from fraudstream.arrays import Floats, Integers
from fraudstream.model.encoding import HOURS, EncodedField
from fraudstream.payment_schema import DeclaredField
from trainer.fit import log_losses
from trainer.report import style
from trainer.report.facts import Facts

_PAYMENTS = 2_000
_POINTS = 40
_SHUFFLES = 3
_MOST_SHUFFLED = 20_000
_FEW_FEATURES = 12
"""Features up to which the losses are those of _MOST_SHUFFLED payments; with more features, of fewer payments."""
_MOST_DRAWN = 23
"""Fields with a panel of their own: those of most importance."""
_MOST_BARS = 11
"""Fields in the panel of losses."""
_MOST_LEVELS = 12
_COLUMNS = 3


def picture(facts: Facts) -> Figure:
    """Draw for each field the mean probability if all payments had a value, and the loss if the field is shuffled."""
    increases = _importance(facts)
    drawn = [*range(len(increases))]
    if len(drawn) > _MOST_DRAWN:
        drawn = sorted(sorted(drawn, key=lambda place: -increases[place])[:_MOST_DRAWN])
    rows = -(-(len(drawn) + 1) // _COLUMNS)
    figure, panels = style.panels(rows, _COLUMNS, width=12, height=3.5 * rows)
    payments = facts.matrix[_spread(len(facts.matrix), _PAYMENTS)]
    top = 0.0
    for place, axes in zip(drawn, panels, strict=False):
        top = max(top, _effect(axes, facts, payments, place))
    for axes in panels[: len(drawn)]:
        axes.set_ylim(0, 1.08 * top)
    for axes in panels[: len(drawn) : _COLUMNS]:
        axes.set_ylabel("mean probability of fraud, %")
    _draw_importance(panels[len(drawn)], facts, increases)
    for axes in panels[len(drawn) + 1 :]:
        axes.set_visible(False)
    return figure


def _effect(axes: Axes, facts: Facts, payments: Floats, place: int) -> float:
    """Draw the panel of a field, and return the highest mean probability in it, in percent."""
    one = facts.history.encoding.fields[place]
    values = _values(one, facts.matrix[:, place])
    percent = np.array([100 * _mean(facts, payments, place, value) for value in values])
    declared = facts.history.schema.fields[one.name]
    axes.set(title=one.name, xlabel=_label(declared, is_amount=one.name == facts.history.schema.amount))
    _draw(axes, one, declared, values, percent)
    highest = float(percent.max())
    if one.may_be_missing and one.kind != "category":
        missing = 100 * _mean(facts, payments, place, np.nan)
        axes.axhline(missing, color=style.FAINT, linewidth=1.4, linestyle="--", label="missing")
        axes.legend(loc="upper left")
        highest = max(highest, missing)
    return highest


def _values(one: EncodedField, column: Floats) -> Floats:
    """Return the values that the effect is drawn at."""
    if one.kind == "category":
        levels = np.arange(min(len(one.levels), _MOST_LEVELS))
        missing = [one.codes - 1] if one.may_be_missing else []
        return np.array([*levels, one.codes - 2, *missing], dtype=np.float64)
    present = column[~np.isnan(column)]
    if one.kind == "log":
        present = present[present > 0.0]
    if not len(present):
        return np.ones(1)
    low, high = np.quantile(present, [0.005, 0.995])
    if one.kind == "log":
        return np.geomspace(low, high, _POINTS)
    if one.kind == "linear":
        return np.linspace(low, high, _POINTS)
    return np.arange(low, high + 1) if high - low < _POINTS else np.unique(np.linspace(low, high, _POINTS).round())


def _mean(facts: Facts, payments: Floats, column: int, value: float) -> float:
    changed = payments.copy()
    changed[:, column] = value
    return float(facts.classifier.predict_proba(changed)[:, 1].mean())


def _label(declared: DeclaredField, *, is_amount: bool) -> str:
    name = declared.name.replace("_", " ")
    if is_amount:
        return f"{name} (payments' currency)"
    if declared.type == "number" and declared.min is not None and declared.max is not None:
        return f"{name} ({declared.min:g} to {declared.max:g})"
    return f"{name} ({declared.timezone})" if declared.type == "time" else name


def _draw(axes: Axes, one: EncodedField, declared: DeclaredField, values: Floats, percent: Floats) -> None:
    if one.kind in {"flag", "category"}:
        places = np.arange(len(values))
        axes.bar(places, percent, width=0.5, color=style.MODEL)
        names = [_name(one, declared, int(value)) for value in values]
        axes.set_xticks(places, names, rotation=0 if one.kind == "flag" else 45)
        axes.set_xlim(-0.6, len(values) - 0.4)
        return
    axes.plot(values, percent, color=style.MODEL, marker="o" if one.kind == "count" else "", markersize=5)
    axes.fill_between(values, percent, color=style.MODEL, alpha=0.08)
    if one.kind == "log":
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if one.kind == "period" and one.period == HOURS:
        axes.set_xticks([0, 6, 12, 18, 23])


def _name(one: EncodedField, declared: DeclaredField, value: int) -> str:
    """Return the text of a flag, or of a category's code."""
    if one.kind == "category":
        # a $ would begin a formula
        return [*one.levels, "rare", "missing"][value].replace("$", r"\$")
    if "{}" in declared.words:
        return "yes" if value else "no"
    return (declared.words if value else declared.words_if_zero or "no").replace("$", r"\$")


def _importance(facts: Facts) -> Floats:
    """Return by how many percent the log loss rises if the values of each field are shuffled."""
    rng = np.random.default_rng(0)
    features = facts.matrix.shape[1]
    rows = _spread(len(facts.matrix), _MOST_SHUFFLED * _FEW_FEATURES // max(features, _FEW_FEATURES))
    matrix, labels = facts.matrix[rows], facts.labels[rows]
    baseline = _loss(facts, matrix, labels)
    increases = []
    for column in range(features):
        losses = []
        for _ in range(_SHUFFLES):
            shuffled = matrix.copy()
            shuffled[:, column] = rng.permutation(matrix[:, column])
            losses.append(_loss(facts, shuffled, labels))
        increases.append(100 * (np.mean(losses) / baseline - 1))
    return np.array(increases)


def _draw_importance(axes: Axes, facts: Facts, increases: Floats) -> None:
    order = np.argsort(increases)[-_MOST_BARS:]
    names = [facts.history.encoding.names[place].replace("_", " ") for place in order.tolist()]
    axes.barh(names, increases[order], color=style.MODEL, height=0.6)
    axes.set(title="Field shuffled", xlabel="increase of log loss, %")
    axes.grid(visible=False, axis="y")


def _loss(facts: Facts, matrix: Floats, labels: Integers) -> float:
    return float(log_losses(labels, facts.classifier.predict_proba(matrix)[:, 1]).mean())


def _spread(count: int, most: int) -> Integers:
    """Return at most `most` row numbers out of `count`, evenly spaced."""
    return np.linspace(0, count - 1, min(most, count)).astype(np.int64)
