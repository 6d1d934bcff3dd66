"""Plot of the calibration: how often payments with about the same probability were fraud."""

import numpy as np

from trainer import calibrate
from trainer.report import axes
from trainer.report.facts import Facts
from trainer.report.plot import Plot
from trainer.report.texts import interval, percent


def plots(facts: Facts) -> list[Plot]:
    """Draw predicted against observed rate in 20 bins of equal size; both axes are logarithmic."""
    parts = calibrate.bins(facts.fraud)
    predicted = np.array([facts.fraud[part].mean() for part in parts])
    observed = np.array([facts.labels[part].mean() for part in parts])
    low, high = interval(observed, np.array([len(part) for part in parts]))
    lowest = float(min(predicted.min(), max(observed[observed > 0].min(), predicted.min() / 10))) / 2
    reliability = calibrate.reliability(facts.labels.astype(np.float64), facts.fraud)
    error = f"calibration error {reliability.error:.4f}, {reliability.by_chance:.4f} by chance alone"
    plot = Plot(
        title="Probabilities and outcomes",
        x=axes.logarithmic(lowest, 1, percent),
        y=axes.logarithmic(lowest, 1, percent),
        x_label=f"predicted probability of fraud ({error})",
        y_label="share of frauds among these payments",
        description=f"Share of frauds by predicted probability, in {len(parts)} groups; {error}.",
    )
    diagonal = np.array([lowest, 1.0])
    plot.line(diagonal, diagonal, "faint dotted", "perfect")
    plot.intervals(predicted, np.maximum(low, lowest), high, "model thin", "95 % interval")
    if facts.truth is not None:
        truth = np.array([facts.truth[part].mean() for part in parts])
        plot.points(predicted, truth, "truth hollow", "true rate")
    some = observed > 0
    plot.points(predicted[some], observed[some], "model", "observed")
    if not some.all():
        plot.points(predicted[~some], np.full((~some).sum(), lowest), "model hollow", "no frauds in the group")
    return [plot]
