"""A stratified sample of a history, for steps that would take too long on all of it."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def at_most(rows: int, matrix: Floats, labels: Integers, seed: int) -> tuple[Floats, Integers]:
    """Return at most `rows` payments, sampled with the history's fraud rate if there are more."""
    if len(labels) <= rows:
        return matrix, labels
    kept, _ = train_test_split(np.arange(len(labels)), train_size=rows, stratify=labels, random_state=seed)
    return matrix[kept], labels[kept]
