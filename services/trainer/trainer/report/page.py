"""The report's page: self-contained HTML, from results for everyone to details for specialists."""

import html
from collections.abc import Iterable
from datetime import datetime

from trainer.report import card, contest, costs, decisions, effects, headline, ranking, reliability, scores
from trainer.report.facts import Facts
from trainer.report.headline import HeldOut, Statement
from trainer.report.plot import Plot
from trainer.report.stylesheet import STYLE
from trainer.report.texts import Table, table

_EFFECTS = """Each chart answers: if all payments had this value of the field, and kept their other values, how many
    would be expected to be frauds? The most important fields are first."""
_IMPORTANCE = """Log loss measures how wrong the probabilities are. If the values of a field are shuffled among the
    payments, it rises by this much: the more, the more the model depends on the field. Two fields with the same
    information share their importance."""
_SCORES = """The score is the probability of fraud. The further the two groups are apart, the better the model separates
    frauds from legitimate payments. Each group is shown as 100&nbsp;%."""
_RANKING = """Two views of the same question: if more payments are stopped, the most suspicious first, how many frauds
    are among them, and how many legitimate payments? Each line has every possible threshold. The dots are the model's
    decisions: they may be off the lines, as decisions depend on the amount too."""
_CALIBRATION = """Calibration: of a hundred payments that score 5&nbsp;%, five should be frauds. Each dot is a twentieth
    of the payments, grouped by score; a perfect model has all of them on the dotted line, but for chance."""
_COSTS = """For comparison: fixed thresholds, which depend on the probability only. The expected cost weighs each
    outcome by its probability, so that a few large amounts do not decide. Marked are the thresholds of least
    expected cost under the same capacity of reviewers."""
_CANDIDATES = """Several kinds of model were compared on the same payments, by cross-validation: each payment is scored
    by a model that was not fitted to it. The lower the log loss, the better; ± is one standard error. The simplest and
    fastest candidate within one standard error of the best is chosen."""


_METRICS = """Measured on the held-out payments; those whose names begin with cv by cross-validation on the others.
    Lower is better, except for auc and average precision."""
_COMPARED = """The expected cost weighs each outcome by its probability, the actual cost counts what happened."""


def html_page(facts: Facts, made: datetime) -> str:
    """Return the page; `made` is the time of creation in UTC."""
    version = facts.manifest.version
    parts = [*_headline(facts, made), *_decisions(facts), *_details(facts)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Fraud model {version}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _headline(facts: Facts, made: datetime) -> Iterable[str]:
    tested = HeldOut.of(facts)
    kind = html.escape(facts.manifest.kind.replace("_", " "))
    yield "<h1>Fraud model</h1>"
    yield f'<p class="sub">Version {facts.manifest.version}, created {made:%Y-%m-%d %H:%M} UTC ({kind})</p>'
    yield f'<div class="tiles">{"".join(map(_tile, headline.statements(facts, tested)))}</div>'
    yield f"<p>{headline.basis(tested)}</p>"
    yield from (f'<p class="note">{note}</p>' for note in headline.warnings(facts, tested))


def _decisions(facts: Facts) -> Iterable[str]:
    tables = [
        table(decisions.by_decision(facts), "Decisions on the payments of the history"),
        table(decisions.by_rule(facts), "Cost per payment of this rule and of others"),
    ]
    if len(facts.known_amounts):
        tables.insert(0, table(decisions.by_amount(facts), "Probability from which a payment is reviewed or blocked"))
    texts = (decisions.explanation(facts), decisions.example(facts), _COMPARED)
    yield _section("Decisions", "".join(f"<p>{html.escape(text)}</p>" for text in texts if text) + "".join(tables))
    increases = effects.importance(facts)
    ranks = _folded("Importance of all fields", f"<p>{_IMPORTANCE}</p>", effects.ordered(facts, increases))
    charts = _plots(effects.plots(facts, increases))
    yield _section("Effect of each field", f"<p>{_EFFECTS}</p>{charts}{ranks}")
    yield _charts("Distribution of scores", _SCORES, scores.plots(facts))


def _details(facts: Facts) -> Iterable[str]:
    yield _charts("Ranking of payments", _RANKING, ranking.plots(facts))
    yield _charts("Calibration", _CALIBRATION, reliability.plots(facts))
    yield _charts("Cost by fixed threshold", _COSTS, costs.plots(facts))
    yield _section("Candidate models", f"<p>{_CANDIDATES}</p>{table(contest.losses(facts), 'Log loss by candidate')}")
    shown = ((card.numbers(facts), "Numbers"), (card.categories(facts), "Categories"))
    tables = "".join(table(content, name) for content, name in shown if content[1])
    yield _section("Training history", f"<p>{card.summary(facts)}</p>{tables}")
    yield _section("Model card", card.card(facts))
    yield _section("All metrics", _folded("Metrics of the manifest", f"<p>{_METRICS}</p>", card.metrics(facts)))


def _folded(title: str, text: str, content: Table) -> str:
    """Return a text and a table that a click on the title shows."""
    return f"<details><summary>{title}</summary>{text}{table(content, title)}</details>"


def _tile(one: Statement) -> str:
    figure, meaning, detail = (html.escape(text) for text in (one.figure, one.meaning, one.detail))
    return f'<div class="tile"><h2><b>{figure}</b> {meaning}</h2><p>{detail}</p></div>'


def _charts(title: str, text: str, plots: Iterable[Plot]) -> str:
    return _section(title, f"<p>{text}</p>{_plots(plots, 'plots large')}")


def _plots(plots: Iterable[Plot], kind: str = "plots") -> str:
    return f'<div class="{kind}">{"".join(one.html() for one in plots)}</div>'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"
