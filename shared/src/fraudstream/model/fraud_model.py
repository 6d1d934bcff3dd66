"""Probabilities of fraud, decisions and reasons of a batch of payments. Pure: files are read and written in `store`."""

from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import ThreadpoolController

from fraudstream.arrays import Flags, Floats
from fraudstream.errors import ModelUnfitError
from fraudstream.model.calibration import unwrapped
from fraudstream.model.classifier import DECIMALS, SMALLEST, Classifier
from fraudstream.model.curves import logit
from fraudstream.model.decision import AnyAmount, Costs, Rule, Thresholds
from fraudstream.model.encoding import Encoding
from fraudstream.model.reason_texts import ReasonTexts
from fraudstream.model.reasons import contributions
from fraudstream.model.tree_reasons import TreeReasons, tree_reasons
from fraudstream.payment import DECISIONS, Payments
from fraudstream.payment_schema import PaymentSchema

__all__ = ["DECIMALS", "SMALLEST", "Classifier", "FraudModel", "Thresholds"]


VERSION_DIGITS = 12

_DECISIONS = np.array(DECISIONS, dtype=object)
_CLASSES = 2

MOST_ENUMERATED = 5
"""Features up to which trees are explained by enumeration: the built-in payment's shares stay the same to the last bit.

Leaf by leaf is faster there too. CPU time per row of 150 trees in batches of 20: for five features 142 and 33 µs, for
eight 717 and 37 µs.
"""
MOST_OF_ANY = 10
"""Features up to which any other classifier is explained: by 1,024 predictions per payment; 28 would need 2^28."""


def published(fraud: Floats) -> Floats:
    """Return probabilities as they are published and decided on: six decimals, never 0 or 1."""
    return np.clip(np.round(fraud, DECIMALS), SMALLEST, 1.0 - SMALLEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudModel:
    """A classifier with its decision rule. Thread-safe; scores in the calling thread."""

    content_sha256: str
    """The SHA-256 of the classifier's bytes and of everything else that affects decisions (`manifest`)."""
    classifier: Classifier
    schema: PaymentSchema
    """The payments' fields; its features are those of the encoding."""
    encoding: Encoding
    """The features as numbers."""
    thresholds: Thresholds
    """The decision rule of a model without costs, and of payments without an amount."""
    costs: Costs | None = None
    """The decision rule; None: the thresholds decide."""
    reference: Floats | None = None
    """The payment, shape (features,) and encoded, against which scores are explained; None: no explanations."""
    # one thread per call: OpenMP's spinning threads cost more tail latency than they save (docs/performance.md)
    _threads: ThreadpoolController = field(default_factory=ThreadpoolController, init=False, repr=False, compare=False)
    _trees: TreeReasons | None = field(init=False, repr=False, compare=False)
    _may_be_missing: Flags = field(init=False, repr=False, compare=False)
    _texts: ReasonTexts = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        may_be_missing = [one.may_be_missing and one.kind != "category" for one in self.encoding.fields]
        object.__setattr__(self, "_may_be_missing", np.array(may_be_missing))
        object.__setattr__(self, "_texts", ReasonTexts(self.schema, self.encoding))
        trees = None
        if self.reference is not None and len(self.reference) > MOST_ENUMERATED:
            trees = tree_reasons(self.classifier, self.reference)
        object.__setattr__(self, "_trees", trees)

    @property
    def version(self) -> str:
        """Published name of this model and its decision rule: the first digits of the content SHA-256."""
        return self.content_sha256[:VERSION_DIGITS]

    @property
    def rule(self) -> Rule:
        """The rule that decides."""
        return self.thresholds if self.costs is None else self.costs

    def matrix(self, payments: Payments) -> Floats:
        """Return the features of payments, shape (n, features), as `score` and `explain` take them."""
        return self.encoding.matrix(payments)

    def score(self, matrix: Floats) -> Floats:
        """Return the probability of fraud for each row of `matrix` (n, features), in 6 decimals, never 0 or 1.

        Raises ModelUnfitError if the matrix is not one of valid payments, or the classifier fails on it.
        """
        self._check(matrix)
        if len(matrix) == 0:
            return np.empty(0)
        return published(self._fraud(matrix))

    def explain(self, matrix: Floats) -> Floats | None:
        """Return each feature's share of the log-odds of each row, shape (n, features); None without a reference.

        Of a calibrated model with more than MOST_ENUMERATED features, see `calibration.unwrapped` for the log-odds that
        the shares add up to. None too for classifiers that must be enumerated, with more than MOST_OF_ANY features.
        Raises ModelUnfitError as `score` does.
        """
        if self.reference is None or len(matrix) == 0:
            return None
        many = len(self.reference) > MOST_ENUMERATED
        classifier, factor = unwrapped(self.classifier) if many else (self.classifier, 1.0)
        closed_form = getattr(classifier, "contributions", None)
        if closed_form is not None:
            with self._threads.limit(limits=1):
                shares: Floats = closed_form(matrix, self.reference)
            return factor * shares
        if self._trees is not None:
            with self._threads.limit(limits=1):
                return self._trees.contributions(matrix)
        if len(self.reference) > MOST_OF_ANY:
            return None
        return contributions(self._log_odds, matrix, self.reference)

    def reasons(self, matrix: Floats) -> list[str]:
        """Return the reasons for each row's score, strongest first, as JSON (`reason_texts`); none without a reference.

        Raises ModelUnfitError as `score` does.
        """
        shares = self.explain(matrix)
        return ["[]"] * len(matrix) if shares is None else self._texts.format(matrix, shares)

    def _log_odds(self, matrix: Floats) -> Floats:
        return logit(np.clip(self._fraud(matrix), SMALLEST, 1.0 - SMALLEST))

    def _fraud(self, matrix: Floats) -> Floats:
        try:
            with self._threads.limit(limits=1):
                fraud = np.asarray(self.classifier.predict_proba(matrix), dtype=np.float64)
        except Exception as error:
            raise ModelUnfitError(f"model {self.version} failed: {type(error).__name__}: {error}") from error
        if fraud.shape != (len(matrix), _CLASSES):
            raise ModelUnfitError(f"model {self.version} returned shape {fraud.shape}, not ({len(matrix)}, {_CLASSES})")
        fraud = fraud[:, 1]
        if not ((fraud >= 0.0) & (fraud <= 1.0)).all():
            raise ModelUnfitError(f"model {self.version} returned values that are not probabilities")
        return fraud

    def decide(self, probabilities: Floats, amounts: Floats) -> list[str]:
        """Return the decision for each payment, from its rounded probability and its amount.

        The thresholds decide on payments whose amount is missing (NaN).
        """
        found = AnyAmount(self.rule, self.thresholds).decide(probabilities, amounts)
        decisions: list[str] = _DECISIONS[found].tolist()
        return decisions

    def _check(self, matrix: Floats) -> None:
        names = self.encoding.names
        if matrix.ndim != 2 or matrix.shape[1] != len(names):  # noqa: PLR2004 - rows and columns
            raise ModelUnfitError(f"the matrix has shape {matrix.shape}, not (n, {len(names)})")
        finite = np.isfinite(matrix)
        if finite.all():
            return
        wrong = ~(finite | (np.isnan(matrix) & self._may_be_missing)).all(axis=0)
        if wrong.any():
            raise ModelUnfitError(f"the matrix holds a value of {names[wrong.argmax()]} that no valid payment has")
