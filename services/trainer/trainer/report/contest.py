"""Picture of the candidates' log losses, with standard errors."""

from matplotlib.figure import Figure

from trainer.report import style
from trainer.report.facts import Facts


def picture(facts: Facts) -> Figure:
    """Draw each candidate's log loss above the best ± one standard error, simplest on top; outliers as text only."""
    figure, (axes,) = style.panels(1, 1, width=9, height=4.6)
    best = min(one.log_loss for one in facts.study.comparisons)
    above = [100 * one.excess / best for one in facts.study.comparisons]
    errors = [100 * one.standard_error / best for one in facts.study.comparisons]
    ends = sorted(value + error for value, error in zip(above, errors, strict=True))
    cut = max(1e-6, 1.25 * ends[len(ends) * 3 // 4])
    for place, (one, value, error) in enumerate(zip(facts.study.comparisons, above, errors, strict=True)):
        colour = style.MODEL if one is facts.study.chosen else style.FAINT
        if value > cut:
            axes.annotate(
                f"{value:.1f} % →",
                (1.0, place),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="center",
                color=colour,
            )
            continue
        axes.errorbar(value, place, xerr=error, fmt="o", color=colour, markersize=7, elinewidth=1.8, capsize=3)
        if one is facts.study.chosen:
            axes.annotate(
                "chosen",
                (value + error, place),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                color=colour,
            )
    names = [one.candidate.name.replace("_", " ") for one in facts.study.comparisons]
    axes.set_yticks(range(len(names)), names)
    axes.get_yticklabels()[facts.study.comparisons.index(facts.study.chosen)].set_fontweight("bold")
    axes.axvline(0, color=style.INK, linewidth=1)
    axes.set(
        xlim=(1.15 * min(-0.02 * cut, *(value - error for value, error in zip(above, errors, strict=True))), cut),
        ylim=(len(names) - 0.5, -0.7),
        title="Candidates, simplest first",
    )
    axes.set_xlabel("log loss above the best, % (± one standard error)")
    axes.grid(visible=False, axis="y")
    return figure
