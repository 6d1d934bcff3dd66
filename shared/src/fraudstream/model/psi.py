"""The distance between two distributions over the same bins, and the distance that chance alone explains.

The Population Stability Index (N. Siddiqi, Credit Risk Scorecards, 2006) is the sum over the bins of
(a - e) ln(a / e), a and e being a bin's actual and expected share. The usual interpretation: below 0.1 no
change, above 0.25 a large one. Without any change it is about (1/n + 1/m) times a chi-square variable with one degree
of freedom less than there are bins, n and m being the sizes of the samples (B. Yurdakul, J. Naranjo, Statistical
properties of the population stability index, Journal of Risk Model Validation 14(4), 2020).
"""

import numpy as np

from fraudstream.arrays import Floats, Integers

# half the usual 0.1: a new device that is twice as frequent as before, 24 % instead of 12 %, has a PSI of only 0.10
SMALLEST = 0.05
# standard deviations of the normal distribution, exceeded by chance once in 10^9 comparisons
_DEVIATIONS = 6.0
# payments added to each bin of both distributions: an empty bin has no logarithm
_PRIOR = 0.5


def smoothed(counts: Floats, bins: Floats) -> Floats:
    """Return shares from counts, none of them 0; `bins`, of the same shape, is the size of each bin's distribution.

    All distributions count the same payments, so the counts of each have the same sum.
    """
    distributions = (1.0 / bins).sum()
    shares: Floats = (counts + _PRIOR) / (counts.sum() / distributions + _PRIOR * bins)
    return shares


def sizes(actual: Floats, expected: Floats, starts: Integers) -> Floats:
    """Return the PSI of each distribution; `starts` are the indices of their first bins. No share may be 0."""
    summed: Floats = np.add.reduceat((actual - expected) * np.log(actual / expected), starts)
    return summed


def limits(bins: Floats, actual: float, expected: float) -> Floats:
    """Return the PSI from which distributions with these numbers of `bins` differ by more than chance, and noticeably.

    `actual` and `expected` are the numbers of payments. The chi-square quantile is Wilson and Hilferty's approximation
    (The distribution of chi-square, PNAS 17, 1931), which for one degree of freedom is above the exact value.
    """
    freedom = bins - 1.0
    spread = 2.0 / (9.0 * freedom)
    quantile = freedom * (1.0 - spread + _DEVIATIONS * np.sqrt(spread)) ** 3
    limit: Floats = np.maximum(SMALLEST, quantile * (1.0 / actual + 1.0 / expected))
    return limit
