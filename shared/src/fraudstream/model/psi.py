"""How far two distributions over the same bins are apart, and how far chance alone puts them apart.

The Population Stability Index (N. Siddiqi, Credit Risk Scorecards, 2006) is the sum over the bins of
(a - e) ln(a / e), a and e being a bin's actual and expected share. Its usual reading: below 0.1 no change, above 0.25 a
large one. Without any change it is about (1/n + 1/m) times a chi-square variable with one degree of freedom less than
there are bins, n and m being the two samples' sizes (B. Yurdakul, J. Naranjo, Statistical properties of the population
stability index, Journal of Risk Model Validation 14(4), 2020).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# half the usual 0.1: a new device that is twice as frequent as before, 24 % instead of 12 %, has a PSI of only 0.10
SMALLEST = 0.05
# of the normal distribution: by chance once in a thousand million looks
_DEVIATIONS = 6.0
# of a payment, in each bin of either side: an empty bin has no logarithm
_PRIOR = 0.5


def smoothed(counts: Floats, bins: Floats) -> Floats:
    """Shares from counts, none of them 0; `bins`, of the same shape, is how many bins each bin's distribution has.

    The distributions all count the same payments, so each has the sum of `counts` over its own bins.
    """
    distributions = (1.0 / bins).sum()
    shares: Floats = (counts + _PRIOR) / (counts.sum() / distributions + _PRIOR * bins)
    return shares


def sizes(actual: Floats, expected: Floats, starts: Integers) -> Floats:
    """The PSI of each distribution; `starts` are the numbers of their first bins. No share may be 0."""
    summed: Floats = np.add.reduceat((actual - expected) * np.log(actual / expected), starts)
    return summed


def limits(bins: Floats, seen: float, referred: float) -> Floats:
    """The PSI from which on distributions of so many `bins` differ: neither by chance nor by a trifle.

    `seen` and `referred` are the payments on either side. The chi-square quantile is Wilson's and Hilferty's
    (The distribution of chi-square, PNAS 17, 1931), which for one degree of freedom is above the true one.
    """
    freedom = bins - 1.0
    spread = 2.0 / (9.0 * freedom)
    quantile = freedom * (1.0 - spread + _DEVIATIONS * np.sqrt(spread)) ** 3
    both: Floats = np.maximum(SMALLEST, quantile * (1.0 / seen + 1.0 / referred))
    return both
