"""Picture of the calibration: how often payments with about the same probability were fraud."""

import numpy as np
from matplotlib.figure import Figure

from fraudstream.arrays import Floats, Integers
from trainer import calibrate
from trainer.report import style
from trainer.report.facts import Facts

_WIDTH = 1.96  # of a 95 % interval, in standard deviations


def picture(facts: Facts) -> Figure:
    """Draw predicted against observed rate in 20 bins of equal size; both axes are logarithmic."""
    figure, (axes,) = style.panels(1, 1, width=6.6, height=5.4)
    parts = calibrate.bins(facts.fraud)
    predicted = np.array([facts.fraud[part].mean() for part in parts])
    observed = np.array([facts.labels[part].mean() for part in parts])
    low, high = _interval(observed, np.array([len(part) for part in parts]))
    lowest = float(min(predicted.min(), max(observed[observed > 0].min(), predicted.min() / 10))) / 2
    axes.plot([lowest, 1], [lowest, 1], color=style.FAINT, linewidth=1.2, linestyle=":", label="perfect")
    axes.vlines(
        predicted, np.maximum(low, lowest), high, color=style.MODEL, linewidth=1.4, alpha=0.55, label="95 % interval"
    )
    some = observed > 0
    axes.plot(predicted[some], observed[some], "o", color=style.MODEL, markersize=6, label="observed")
    if not some.all():
        axes.plot(
            predicted[~some], np.full((~some).sum(), lowest), "v", color=style.MODEL, label="no frauds in the bin"
        )
    if facts.truth is not None:
        truth = [facts.truth[part].mean() for part in parts]
        axes.plot(predicted, truth, "D", color=style.TRUTH, markersize=6, fillstyle="none", label="true rate")
    reliability = calibrate.reliability(facts.labels.astype(np.float64), facts.fraud)
    axes.set(xscale="log", yscale="log", xlim=(lowest, 1), ylim=(lowest * 0.8, 1))
    axes.set(xlabel="predicted probability of fraud, mean of the bin", ylabel="share of frauds in the bin")
    axes.set_title(
        f"Reliability: calibration error {reliability.error:.4f}, {reliability.by_chance:.4f} by chance alone"
    )
    axes.xaxis.set_major_formatter(style.percent)
    axes.yaxis.set_major_formatter(style.percent)
    axes.legend(loc="upper left")
    return figure


def _interval(rate: Floats, counts: Integers) -> tuple[Floats, Floats]:
    """Return the Wilson score interval (95 %) of a rate."""
    square = _WIDTH**2 / counts
    middle = (rate + square / 2) / (1 + square)
    half = np.sqrt(square * rate * (1 - rate) + square**2 / 4) / (1 + square)
    return middle - half, middle + half
