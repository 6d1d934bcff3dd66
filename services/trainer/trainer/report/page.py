"""The report's page: self-contained HTML."""

import base64
import html as markup
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.model.encoding import EncodedField
from trainer.report import decisions
from trainer.report.facts import Facts
from trainer.report.style import percent

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; color: #22303c; background: #f5f7f9; margin: 0; }
main { max-width: 1060px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; margin: 0 0 4px; } h2 { font-size: 20px; margin: 0 0 6px; }
.sub { color: #5b6874; margin: 0 0 24px; } code { font-size: 0.92em; overflow-wrap: anywhere; }
section { background: #fff; border: 1px solid #e1e6ea; border-radius: 10px; padding: 20px 24px; margin: 18px 0; }
section p { margin: 4px 0 14px; max-width: 80ch; } img { max-width: 100%; height: auto; display: block; margin: auto; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0; }
.tile { background: #fff; border: 1px solid #e1e6ea; border-radius: 10px; padding: 12px 16px; flex: 1 1 240px; }
.tile b { display: block; font-size: 23px; font-weight: 600; } .tile span { color: #5b6874; font-size: 13px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid #e9edf0; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { color: #5b6874; font-weight: 600; font-size: 14px; }
dl { display: grid; grid-template-columns: minmax(130px, 190px) 1fr; gap: 6px 16px; margin: 0; }
dt { color: #5b6874; } dd { margin: 0; } ul { margin: 0; padding-left: 18px; }
"""

_TITLES = {
    "ranking": "Ranking of payments",
    "reliability": "Calibration",
    "scores": "Distribution of scores",
    "costs": "Cost by fixed threshold",
    "effects": "Effect of each field",
    "candidates": "Candidate models",
}
_CAPTIONS = {
    "ranking": """The share of frauds among stopped payments, and the share of all frauds that are stopped, for every
        possible threshold. The dots are the decisions: they may be off the curves, as decisions depend on the amount
        too.""",
    "reliability": """Payments in 20 groups of equal size by score. On the dotted line, five of a hundred payments
        scored 5 % are frauds.""",
    "scores": "Each class is shown separately: both areas are 100 %.",
    "costs": """For comparison: fixed thresholds, which depend on the probability only. The expected cost weighs each
        outcome by its probability, so that a few large amounts do not decide. Marked are the thresholds of lowest
        expected cost under the same capacity of reviewers; the line is the cost of the model's decisions.""",
    "effects": """The mean probability if all payments had this value of the field and kept their other values. Last:
        the loss of accuracy if the values of a field are shuffled.""",
    "candidates": """Cross-validated on the same payments. The simplest and fastest candidate within one standard error
        of the best is chosen.""",
}

_KINDS = {
    "lines": "logistic regression with one straight line per field",
    "curves_and_products": "logistic regression on one curve per field and the products of each two curves",
    "curves_and_products_fine": "logistic regression on one fine curve per field and the products of each two curves",
    "boosting": "gradient-boosted trees",
}
_LIMITS = (
    """The model uses the fields of one payment; it knows no history of a customer or a merchant beyond these. It can't
        detect fraud that these fields do not show.""",
    """The model was trained on past payments: when fraud changes, train again on newer ones. A probability is only as
        accurate as the outcomes in the history; fraud that was not noticed counts as legitimate.""",
    "A value outside the range of the history is scored as the nearest value in that range.",
    """The decisions assume that a reviewer is right, and that all amounts are in one currency. They are valid for these
        costs only.""",
    """A field such as a country can be a proxy for a person's origin: whether its use is fair and lawful is for people
        to judge.""",
)


_CATEGORY_HEAD = ("category", "levels", "most frequent", "its share", "rare values", "missing")
_LEVELS = (0.0, 0.01, 0.5, 0.99, 1.0)
"""Quantiles in the table of the history."""


def html(facts: Facts, pictures: Mapping[str, bytes], made: datetime) -> str:
    """Return the page with the embedded pictures; `made` is the time of creation in UTC."""
    manifest = facts.manifest
    subtitle = f"{_readable(manifest.kind)}, version {manifest.version}, created {made:%Y-%m-%d %H:%M} UTC"
    parts = [
        f"<h1>Fraud model</h1><p class=sub>{subtitle}</p>",
        _tiles(facts),
        *(part for name, content in pictures.items() for part in _sections(name, content, facts)),
        _data(facts),
        _card(facts),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Fraud model {manifest.version}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _tiles(facts: Facts) -> str:
    metrics = facts.manifest.metrics
    shown = [
        (f"{metrics['auc']:.3f}", "area under ROC"),
        (f"{metrics['average_precision']:.3f}", f"average precision (chance: {metrics['fraud_rate']:.3f})"),
        (
            f"{metrics['calibration_error']:.4f}",
            f"calibration error ({metrics['calibration_error_by_chance']:.4f} by chance)",
        ),
        (percent(round(metrics["share_reviewed"], 3)), "reviewed"),
        (percent(round(metrics["share_blocked"], 3)), "blocked"),
        (
            f"{metrics['cost_per_payment']:.2f}",
            f"cost per payment ({metrics['cost_per_payment_all_approved']:.2f} if all were approved)",
        ),
    ]
    tiles = "".join(f"<div class=tile><b>{value}</b><span>{label}</span></div>" for value, label in shown)
    held_out = f"On {len(facts.study.held_out):,} payments that had no part in training."
    return f"<div class=tiles>{tiles}</div><p class=sub>{held_out}</p>"


def _sections(name: str, content: bytes, facts: Facts) -> Sequence[str]:
    """Return a picture's section, after the section on the decisions if it compares them with thresholds."""
    return (_decisions(facts), _picture(name, content)) if name == "costs" else (_picture(name, content),)


def _decisions(facts: Facts) -> str:
    tables = "".join(f"<p></p><div class=wide>{_table(head, rows)}</div>" for head, rows in decisions.tables(facts))
    return f"<section><h2>Decisions</h2><p>{markup.escape(decisions.explanation(facts))}</p>{tables}</section>"


def _picture(name: str, content: bytes) -> str:
    title, caption = _TITLES[name], _CAPTIONS[name]
    data = base64.b64encode(content).decode("ascii")
    image = f'<img alt="{title}" src="data:image/png;base64,{data}">'
    return f"<section><h2>{title}</h2><p>{caption}</p>{image}</section>"


def _data(facts: Facts) -> str:
    history = facts.history
    frauds = history.matrix[history.labels == 1]
    fields = history.encoding.fields
    numbers = [
        [one.name, *_quantiles(history.matrix[:, place], frauds[:, place])]
        for place, one in enumerate(fields)
        if one.kind != "category"
    ]
    head = ["field", "minimum", "1 %", "median", "99 %", "maximum", "mean", "mean of frauds", "missing"]
    if not any(one.may_be_missing for one in fields):
        head, numbers = head[:-1], [row[:-1] for row in numbers]
    categories = [
        [one.name, *_levels(one, history.matrix[:, place])]
        for place, one in enumerate(fields)
        if one.kind == "category"
    ]
    tables = [_table(head, numbers)] if numbers else []
    if categories:
        tables.append(_table(_CATEGORY_HEAD, categories))
    count = history.fraud_count
    summary = (
        f"{history.count:,} payments, {count:,} of them frauds ({percent(round(count / history.count, 4))}); "
        f"{len(facts.study.held_out):,} were held out. The pictures show {len(facts.labels):,} payments, "
        "each scored by a model that was not fitted to it."
    )
    listed = "<p></p>".join(f"<div class=wide>{table}</div>" for table in tables)
    return f"<section><h2>Training history</h2><p>{summary}</p>{listed}</section>"


def _quantiles(column: Floats, frauds: Floats) -> list[str]:
    """Return quantiles and means of a number, and the share of missing values."""
    present, of_frauds = column[~np.isnan(column)], frauds[~np.isnan(frauds)]
    values = [*np.quantile(present, _LEVELS), present.mean()] if len(present) else [np.nan] * (len(_LEVELS) + 1)
    mean = of_frauds.mean() if len(of_frauds) else np.nan
    return [*map(_number, [*values, mean]), percent(round(1.0 - len(present) / len(column), 4))]


def _levels(one: EncodedField, column: Floats) -> list[str]:
    """Return a category's number of levels, its most frequent one, and shares."""
    shares = np.bincount(column.astype(np.int64), minlength=one.codes) / len(column)
    most = int(shares[: len(one.levels)].argmax()) if one.levels else None
    frequent = ["", ""] if most is None else [one.levels[most], percent(round(float(shares[most]), 4))]
    return [str(len(one.levels)), *frequent, *(percent(round(float(share), 4)) for share in shares[-2:])]


def _card(facts: Facts) -> str:
    manifest, costs = facts.manifest, facts.study.costs
    libraries = manifest.libraries
    rows = {
        "Purpose": "To give each payment a probability of fraud, and to propose approve, review or block.",
        "Kind": f"{_readable(manifest.kind)}: {_kind(manifest.kind)}",
        "SHA-256 of model and decision rule": f"<code>{manifest.content_sha256}</code>",
        "SHA-256 of the model file": f"<code>{manifest.sha256}</code>",
        "SHA-256 of the history": f"<code>{manifest.training_sha256}</code>",
        "Libraries": f"scikit-learn {libraries.scikit_learn}, NumPy {libraries.numpy}, Python {libraries.python}, "
        f"fraudstream {libraries.fraudstream}",
        "Settings": markup.escape(manifest.settings),
        "Costs": f"{costs.review:g} for a review, {costs.wrong_block:g} for a wrong block, amount and {costs.fraud:g} "
        "for a missed fraud, in the payments' currency",
        "Decision rule": markup.escape(decisions.explanation(facts)),
        "Limits": "<ul>" + "".join(f"<li>{markup.escape(limit)}</li>" for limit in _LIMITS) + "</ul>",
    }
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows.items())
    metrics = _table(
        ["held-out payments", "value"], [[_readable(name), _number(value)] for name, value in manifest.metrics.items()]
    )
    return f"<section><h2>Model card</h2><dl>{listed}</dl></section><section><h2>All metrics</h2>{metrics}</section>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{markup.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{markup.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _kind(name: str) -> str:
    return _KINDS.get(name, "see its manifest")


def _readable(name: str) -> str:
    return markup.escape(name.replace("_", " "))


def _number(value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 10_000 else f"{value:.4g}"  # noqa: PLR2004
