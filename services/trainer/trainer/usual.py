"""The usual payment of a history, which scores are explained against. Pure."""

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.model.encoding import EncodedField
from trainer.history import History


def usual(history: History) -> list[float]:
    """Return the median of each feature over the legitimate payments, encoded; of a category the most frequent code.

    A number that is missing in most payments is NaN.
    """
    legitimate = history.labels == 0
    return [_usual(one, history.matrix[legitimate, place]) for place, one in enumerate(history.encoding.fields)]


def _usual(one: EncodedField, column: Floats) -> float:
    if one.kind == "category":
        return float(np.bincount(column.astype(np.int64)).argmax())
    present = column[~np.isnan(column)]
    if 2 * len(present) < len(column):
        return float("nan")
    return float(np.quantile(present, 0.5, method="lower"))
