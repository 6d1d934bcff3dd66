"""Pictures of how the model ranks payments: precision against recall, and ROC."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from fraudstream.arrays import Floats
from fraudstream.model.decision import BLOCKED, REVIEWED
from trainer.report import style
from trainer.report.facts import Facts

_ROOM = 0.22  # width of a label, as a share of the axis


def picture(facts: Facts) -> Figure:
    """Draw both curves, those of the true probabilities if they are known, and the decisions as points."""
    figure, (precision, roc) = style.panels(1, 2, width=11, height=5.6)
    shown = [("model", facts.fraud, style.MODEL, "-")]
    if facts.truth is not None:
        shown.insert(0, ("true probabilities (upper limit)", facts.truth, style.TRUTH, "--"))
    for name, fraud, colour, line in shown:
        _precision(precision, facts, name, fraud, colour, line)
        _roc(roc, facts, name, fraud, colour, line)
    rate = float(facts.labels.mean())
    precision.axhline(rate, color=style.FAINT, linewidth=1.2, linestyle=":", label=f"by chance: {rate:.3f}")
    roc.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1.2, linestyle=":", label="by chance: 0.5")
    for decision, name, colour in (
        (REVIEWED, "reviewed or blocked", style.REVIEW),
        (BLOCKED, "blocked", style.BLOCK),
    ):
        stopped = facts.decisions >= decision
        if stopped.any():
            recall = float(stopped[facts.labels == 1].mean())
            _dot(precision, recall, float(facts.labels[stopped].mean()), name, colour, left=recall > _ROOM)
            wrong = float(stopped[facts.labels == 0].mean())
            _dot(roc, wrong, recall, name, colour, left=wrong > 1 - _ROOM)
    precision.set(title="Precision and recall", xlabel="recall: share of frauds stopped")
    precision.set(ylabel="precision: share of frauds among stopped payments")
    roc.set(title="ROC", xlabel="share of legitimate payments stopped", ylabel="share of frauds stopped")
    for axes in (precision, roc):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
        axes.xaxis.set_major_formatter(style.percent)
        axes.yaxis.set_major_formatter(style.percent)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13))  # below, as curves may be anywhere
    return figure


def _dot(axes: Axes, x: float, y: float, name: str, colour: str, *, left: bool) -> None:
    """Draw a point, with its label below it on the side without the curve."""
    axes.plot(x, y, "o", color=colour, markersize=7, zorder=3)
    axes.annotate(
        name,
        (x, y),
        xytext=(-9 if left else 9, -13),
        textcoords="offset points",
        ha="right" if left else "left",
        color=colour,
        fontsize=9.5,
    )


def _precision(axes: Axes, facts: Facts, name: str, fraud: Floats, colour: str, line: str) -> None:
    precision, recall, _ = precision_recall_curve(facts.labels, fraud)
    area = average_precision_score(facts.labels, fraud)
    axes.step(
        recall, precision, where="post", color=colour, linestyle=line, label=f"{name}: average precision {area:.3f}"
    )


def _roc(axes: Axes, facts: Facts, name: str, fraud: Floats, colour: str, line: str) -> None:
    wrong, right, _ = roc_curve(facts.labels, fraud)
    area = roc_auc_score(facts.labels, fraud)
    axes.plot(wrong, right, color=colour, linestyle=line, label=f"{name}: area {area:.3f}")
