"""The report's model card, and what the training history contains."""

import html
from collections.abc import Sequence

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.model.encoding import EncodedField
from trainer.report import decisions
from trainer.report.facts import Facts
from trainer.report.texts import Table, number, rounded_percent

_KINDS = {
    "lines": "logistic regression with one straight line per field",
    "curves_and_products": "logistic regression on one curve per field and the products of each two curves",
    "curves_and_products_fine": "logistic regression on one fine curve per field and the products of each two curves",
    "boosting": "gradient-boosted trees",
}
_LIMITS = (
    """The model uses the fields of one payment; it knows no history of a customer or a merchant beyond these. It can't
        detect fraud that these fields do not show.""",
    """The model was trained on past payments: when fraud changes, train again on newer ones. The payments held out are
        a random fifth of the history, not its latest, so the figures here do not show how fast the model ages.""",
    """A probability is only as accurate as the outcomes in the history; fraud that was not noticed counts as
        legitimate.""",
    "A value outside the range of the history is scored as the nearest value in that range.",
    """The decisions assume that a reviewer is right, and that all amounts are in one currency. They are valid for these
        costs only, and for scorers without thresholds of their own.""",
    """A field such as a country can be a proxy for a person's origin: whether its use is fair and lawful is for people
        to judge.""",
)
_CATEGORY_HEAD = ("category", "levels", "most frequent", "its share", "rare values", "missing")
_LEVELS = (0.0, 0.01, 0.5, 0.99, 1.0)
"""Quantiles in the table of the history."""


def summary(facts: Facts) -> str:
    """Return the size of the history as text."""
    history = facts.history
    count = history.fraud_count
    return (
        f"{history.count:,} payments, {count:,} of them frauds ({rounded_percent(count / history.count)}); "
        f"{len(facts.study.held_out):,} were held out. The charts show {len(facts.labels):,} payments, each scored by "
        "a model that was not fitted to it."
    )


def numbers(facts: Facts) -> Table:
    """Return quantiles and means of the fields that are numbers."""
    history = facts.history
    frauds, fields = history.matrix[history.labels == 1], history.encoding.fields
    rows = [
        [one.name, *_quantiles(history.matrix[:, place], frauds[:, place])]
        for place, one in enumerate(fields)
        if one.kind != "category"
    ]
    head = ["field", "minimum", "1 %", "median", "99 %", "maximum", "mean", "mean of frauds", "missing"]
    if not any(one.may_be_missing for one in fields):
        return head[:-1], [row[:-1] for row in rows]
    return head, rows


def categories(facts: Facts) -> Table:
    """Return the levels of the fields that are categories."""
    history = facts.history
    fields = enumerate(history.encoding.fields)
    rows = [[one.name, *_levels(one, history.matrix[:, place])] for place, one in fields if one.kind == "category"]
    return _CATEGORY_HEAD, rows


def metrics(facts: Facts) -> Table:
    """Return all metrics of the manifest."""
    rows = [[name.replace("_", " "), number(value)] for name, value in facts.manifest.metrics.items()]
    return ("metric", "value"), rows


def card(facts: Facts) -> str:
    """Return the model card as an HTML list."""
    manifest, libraries = facts.manifest, facts.manifest.libraries
    rows = {
        "Purpose": "To give each payment a probability of fraud, and to propose approve, review or block.",
        "Kind": f"{html.escape(manifest.kind.replace('_', ' '))}: {kind(manifest.kind)}",
        "Decision rule": html.escape(decisions.explanation(facts)),
        "Limits": "<ul>" + "".join(f"<li>{html.escape(limit)}</li>" for limit in _LIMITS) + "</ul>",
        "Settings": html.escape(manifest.settings),
        "Libraries": f"scikit-learn {libraries.scikit_learn}, NumPy {libraries.numpy}, Python {libraries.python}, "
        f"fraudstream {libraries.fraudstream}",
        "SHA-256 of model and decision rule": f"<code>{manifest.content_sha256}</code>",
        "SHA-256 of the model file": f"<code>{manifest.sha256}</code>",
        "SHA-256 of the history": f"<code>{manifest.training_sha256}</code>",
    }
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{value}</dd>' for name, value in rows.items())}</dl>"


def kind(name: str) -> str:
    """Return the description of a candidate."""
    return _KINDS.get(name, "see its manifest")


def _quantiles(column: Floats, frauds: Floats) -> Sequence[str]:
    """Return quantiles and means of a number, and the share of missing values."""
    present, of_frauds = column[~np.isnan(column)], frauds[~np.isnan(frauds)]
    values = [*np.quantile(present, _LEVELS), present.mean()] if len(present) else [np.nan] * (len(_LEVELS) + 1)
    mean = of_frauds.mean() if len(of_frauds) else np.nan
    return [*map(number, [*values, mean]), rounded_percent(1.0 - len(present) / len(column))]


def _levels(one: EncodedField, column: Floats) -> Sequence[str]:
    """Return a category's number of levels, its most frequent one, and shares."""
    shares = np.bincount(column.astype(np.int64), minlength=one.codes) / len(column)
    most = int(shares[: len(one.levels)].argmax()) if one.levels else None
    frequent = ["", ""] if most is None else [one.levels[most], rounded_percent(shares[most])]
    return [str(len(one.levels)), *frequent, *(rounded_percent(share) for share in shares[-2:])]
