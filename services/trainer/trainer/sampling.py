"""A part of a history that stands for the whole, where the whole would take too long."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def at_most(rows: int, matrix: Floats, labels: Integers, seed: int) -> tuple[Floats, Integers]:
    """`rows` payments where there are more, frauds with their share in them; else all."""
    if len(labels) <= rows:
        return matrix, labels
    kept, _ = train_test_split(np.arange(len(labels)), train_size=rows, stratify=labels, random_state=seed)
    return matrix[kept], labels[kept]
