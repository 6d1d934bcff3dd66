"""Exact shares of the log-odds of boosted trees, leaf by leaf: the cost grows with the leaves, not with 2^features.

The game is that of `reasons`: "these features have the payment's values, the others the reference's". The log-odds are
a sum over leaves, hence so are their Shapley values (interventional TreeSHAP with one background row: Lundberg et al.,
From Local Explanations to Global Understanding with Explainable AI for Trees, 2020; proof in Laberge and Pequignot,
Understanding Interventional TreeSHAP, 2022). On the path to a leaf, let a features meet their conditions only with the
payment's value, and b features only with the reference's. Then each of the a has the share value / (a * C(a + b, a)),
and each of the b has -value / (b * C(a + b, b)). If a feature meets its condition with neither value, no mixture of the
two reaches the leaf. With a fixed reference, a is a constant of the leaf: the payment must meet all a conditions.

A feature's values are divided into cells: two values in one cell take the same branch at every split.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraudstream.arrays import Flags, Floats, Integers
from fraudstream.model.calibration import unwrapped
from fraudstream.model.classifier import Classifier

Penalties = NDArray[np.uint32]

_REFERENCE_ONLY = 1
"""Penalty of a condition that only the reference meets; their sum is b."""
_UNREACHABLE = 1 << 16
"""Penalty of a condition that neither meets: above the sum of all others on any path."""
_BLOCK_CONDITIONS = 1 << 16
"""Conditions evaluated at once, over all rows of a block."""


def tree_reasons(classifier: Classifier, reference: Floats) -> "TreeReasons | None":
    """Return the reasons of a HistGradientBoostingClassifier for two classes, None for any other classifier.

    A calibration whose `rise` and `fall` are equal is linear in the log-odds: the shares are multiplied by `rise`, and
    add up to the calibrated log-odds minus the reference's. For any other calibration the shares are those of the
    log-odds before it: Shapley values of a curved function of a sum of leaves have no form leaf by leaf. Log-odds are
    not limited to those of the smallest published probability.
    """
    classifier, factor = unwrapped(classifier)
    return TreeReasons.of(classifier, reference, factor) if _is_supported(classifier, len(reference)) else None


def _is_supported(classifier: Any, features: int) -> bool:
    """Return whether the log-odds are the sum of one leaf per tree, found by numbers alone."""
    # imported here: models with few features need no trees, and commands that list models no scikit-learn
    from sklearn.ensemble import HistGradientBoostingClassifier

    # a subclass may compute its probabilities in another way
    if type(classifier) is not HistGradientBoostingClassifier or getattr(classifier, "n_features_in_", 0) != features:
        return False
    has_numbers = all(known.dtype.kind in "iuf" for known in _categories(classifier))
    return bool(classifier.n_trees_per_iteration_ == 1 and has_numbers)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The cells of a feature: intervals that end at a threshold, or known categories; the last one is missing values.

    A category that is not in the history is a missing value, as in scikit-learn.
    """

    edges: Floats
    """Thresholds or categories, ascending."""
    is_category: bool

    @property
    def count(self) -> int:
        """Number of cells; a category's last cell but one is unused."""
        return len(self.edges) + 2

    def find(self, values: Floats) -> Integers:
        """Return the cell of each value."""
        cells = np.searchsorted(self.edges, values)
        is_missing = np.append(self.edges, np.nan)[cells] != values if self.is_category else np.isnan(values)
        return np.where(is_missing, self.count - 1, cells)

    def left(self, node: Any, category_sets: NDArray[np.uint32]) -> Flags:
        """Return the cells that go to the left child of `node`, shape (count,)."""
        left = np.zeros(self.count, dtype=np.bool_)
        if node["is_categorical"]:
            words = category_sets[node["bitset_idx"]].astype("<u4")
            left[: len(self.edges)] = np.unpackbits(words.view(np.uint8), bitorder="little")[: len(self.edges)]
        else:
            left[: np.searchsorted(self.edges, node["num_threshold"]) + 1] = True
        left[-1] = node["missing_go_to_left"]
        return left


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TreeReasons:
    """Leaves of an ensemble, prepared for one reference. A condition is a feature on the path of a leaf.

    Conditions are ordered by feature, then by leaf.
    """

    features: int
    used: Integers
    """Features that any tree splits."""
    cells: Sequence[Cells]
    """Cells of each used feature."""
    penalties: Sequence[Penalties]
    """For each used feature, the penalty of each of its conditions for a payment's value; shape (cells, conditions)."""
    first_of_feature: Integers
    """First condition of each used feature."""
    leaf: Integers
    """Leaf of each condition."""
    by_leaf: Integers
    """Conditions, ordered by leaf."""
    first_of_leaf: Integers
    """First condition of each leaf in `by_leaf`."""
    gains: Floats
    """Share of each feature that only the payment meets, by leaf and b; 0 in the last column: unreachable leaves."""
    losses: Floats
    """The same, with the sign changed, for a feature that only the reference meets."""
    payment_only: Floats
    """1 where only the payment can meet the feature's condition, shape (leaves, features)."""

    @classmethod
    def of(cls, classifier: Any, reference: Floats, factor: float) -> "TreeReasons":
        """Prepare a fitted HistGradientBoostingClassifier, with all log-odds multiplied by `factor`."""
        all_cells = _cells(classifier)
        leaves = [leaf for leaf in _leaves(classifier, all_cells) if leaf[1]]
        values = np.array([value for value, _ in leaves]) * factor
        used = sorted({feature for _, path in leaves for feature in path})
        penalties, leaf_of = list[Penalties](), list[Integers]()
        payment_only = np.zeros((len(leaves), len(reference)))
        for feature in used:
            leaf = np.array([number for number, (_, path) in enumerate(leaves) if feature in path])
            met = np.array([leaves[number][1][feature] for number in leaf.tolist()]).T
            by_reference = met[int(all_cells[feature].find(reference[feature]))]
            penalties.append(np.where(met, 0, np.where(by_reference, _REFERENCE_ONLY, _UNREACHABLE)).astype(np.uint32))
            leaf_of.append(leaf)
            payment_only[leaf[~by_reference], feature] = 1.0
        leaf_of_condition = np.concatenate([np.empty(0, dtype=np.int64), *leaf_of])
        gains, losses = _shares(max((len(path) for _, path in leaves), default=0))
        only = payment_only.sum(axis=1).astype(np.int64)
        return cls(
            features=len(reference),
            used=np.array(used, dtype=np.int64),
            cells=[all_cells[feature] for feature in used],
            penalties=penalties,
            first_of_feature=_starts([len(leaf) for leaf in leaf_of]),
            leaf=leaf_of_condition,
            by_leaf=np.argsort(leaf_of_condition, kind="stable"),
            first_of_leaf=_starts([len(path) for _, path in leaves]),
            gains=gains[only] * values[:, None],
            losses=losses[only] * values[:, None],
            payment_only=payment_only,
        )

    def contributions(self, matrix: Floats) -> Floats:
        """Return each feature's share of the log-odds of each row of `matrix` (n, features); shape (n, features)."""
        shares = np.zeros((len(matrix), self.features))
        if len(self.used):
            rows = max(1, _BLOCK_CONDITIONS // len(self.leaf))
            for start in range(0, len(matrix), rows):
                self._add(matrix[start : start + rows], shares[start : start + rows])
        return shares

    def _add(self, matrix: Floats, shares: Floats) -> None:
        columns = zip(self.penalties, self.cells, matrix[:, self.used].T, strict=True)
        penalties = np.hstack([penalty[cells.find(column)] for penalty, cells, column in columns])
        reference_only = np.add.reduceat(penalties[:, self.by_leaf], self.first_of_leaf, axis=1, dtype=np.uint32)
        width = self.gains.shape[1]
        entries = np.minimum(reference_only, width - 1) + np.arange(0, self.gains.size, width)
        shares += self.gains.take(entries) @ self.payment_only
        losses = self.losses.take(entries)[:, self.leaf] * (penalties == _REFERENCE_ONLY)
        shares[:, self.used] -= np.add.reduceat(losses, self.first_of_feature, axis=1)


def _cells(classifier: Any) -> list[Cells]:
    """Return the cells of each feature, in the order of the matrix's columns."""
    thresholds = [set[float]() for _ in range(classifier.n_features_in_)]
    order = _order(classifier)
    for tree in _trees(classifier):
        nodes = tree.nodes[(tree.nodes["is_leaf"] == 0) & (tree.nodes["is_categorical"] == 0)]
        for column, threshold in zip(nodes["feature_idx"].tolist(), nodes["num_threshold"].tolist(), strict=True):
            thresholds[order[column]].add(threshold)
    cells = [Cells(np.array(sorted(found)), is_category=False) for found in thresholds]
    if classifier.is_categorical_ is not None:
        categorical = np.flatnonzero(classifier.is_categorical_).tolist()
        for feature, known in zip(categorical, _categories(classifier), strict=True):
            cells[feature] = Cells(known[~np.isnan(known)].astype(np.float64), is_category=True)
    return cells


def _categories(classifier: Any) -> list[NDArray[Any]]:
    """Return the categories of each categorical feature in the history, ascending, a missing one last."""
    if classifier.is_categorical_ is None:
        return []
    encoder = classifier._preprocessor.named_transformers_["encoder"]  # noqa: SLF001 - has no public name
    categories: list[NDArray[Any]] = encoder.categories_
    return categories


def _leaves(classifier: Any, cells: Sequence[Cells]) -> Iterator[tuple[float, dict[int, Flags]]]:
    """Yield each leaf's value and, for each feature on its path, the cells that meet all conditions."""
    order = _order(classifier)
    for tree in _trees(classifier):
        paths: list[tuple[int, dict[int, Flags]]] = [(0, {})]
        while paths:
            number, path = paths.pop()
            node = tree.nodes[number]
            if node["is_leaf"]:
                yield float(node["value"]), path
                continue
            feature = order[node["feature_idx"]]
            left = cells[feature].left(node, tree.raw_left_cat_bitsets)
            met = path.get(feature, np.ones_like(left))
            paths += [(node["left"], {**path, feature: met & left}), (node["right"], {**path, feature: met & ~left})]


def _trees(classifier: Any) -> list[Any]:
    return [tree for (tree,) in classifier._predictors]  # noqa: SLF001 - has no public name; one tree for two classes


def _order(classifier: Any) -> list[int]:
    """Return the feature of each column that trees see: scikit-learn moves categories before numbers."""
    is_category = classifier.is_categorical_
    if is_category is None:
        return list(range(classifier.n_features_in_))
    return [*np.flatnonzero(is_category).tolist(), *np.flatnonzero(~is_category).tolist()]


def _shares(longest: int) -> tuple[Floats, Floats]:
    """Return the shares of a leaf of value 1, by a and b up to `longest`, and 0 for unreachable leaves."""
    gains, losses = np.zeros((2, longest + 1, longest + 2))
    for a in range(longest + 1):
        for b in range(longest + 1 - a):
            gains[a, b] = 1.0 / (a * comb(a + b, a)) if a else 0.0
            losses[a, b] = 1.0 / (b * comb(a + b, b)) if b else 0.0
    return gains, losses


def _starts(lengths: Sequence[int]) -> Integers:
    return np.array(list(accumulate(lengths[:-1], initial=0)), dtype=np.int64)
