"""Comparison of champion and challenger on payments scored by both: differences in decision and score. Pure."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from fraudstream.model.curves import logit
from fraudstream.model.decision import Rule
from fraudstream.payment import DECISIONS
from fraudstream.record import Record
from fraudstream.runtime.escaping import visible
from fraudstream.scored_payment import ScoredFormat, ScoredPayment


@dataclass(slots=True)
class Comparison:
    """Comparison of one pair of versions."""

    payments: int = 0
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Payments by the champion's decision and the one that the challenger would have made."""
    shift: float = 0.0
    """Sum of the challenger's minus the champion's log-odds."""
    squared: float = 0.0
    """Sum of the squares of these differences."""

    @property
    def agreement(self) -> float:
        """Share of payments with the same decision."""
        same = sum(count for (ours, theirs), count in self.decisions.items() if ours == theirs)
        return same / self.payments if self.payments else 1.0

    def text(self, champion: str, challenger: str) -> str:
        """Return the comparison as text."""
        mean = self.shift / self.payments
        spread = max(self.squared / self.payments - mean**2, 0.0) ** 0.5
        width = max(map(len, DECISIONS)) + 2
        lines = [
            f"{self.payments:,} payments scored by {visible(champion)} and by the challenger {visible(challenger)}",
            f"same decision: {self.agreement:.2%}",
            f"the challenger's log-odds are {mean:+.3f} on average, with a spread of {spread:.3f}",
            "",
            "champion \\ challenger".ljust(22) + "".join(theirs.rjust(width) for theirs in DECISIONS),
            *(
                ours.ljust(22) + "".join(f"{self.decisions[ours, theirs]:,}".rjust(width) for theirs in DECISIONS)
                for ours in DECISIONS
            ),
        ]
        return "\n".join(lines)


class Comparisons:
    """Comparisons by (champion, challenger) in `pairs`; `left_out` counts records that can't be compared."""

    def __init__(self, form: ScoredFormat, rule_of: Callable[[str], Rule | None]) -> None:
        """`rule_of` returns the rule of a challenger's version; with None its payments are not compared."""
        self._form = form
        self.pairs: dict[tuple[str, str], Comparison] = {}
        self.left_out = 0
        self._rule_of = rule_of

    def add(self, records: Iterable[Record]) -> None:
        """Add records of the scored topic; those without a challenger's score are skipped."""
        for record in records:
            scored = self._form.read(record.value)
            if scored is None:
                self.left_out += 1
            elif scored.challenger_version is not None:
                self._add(scored, scored.challenger_version)

    def _add(self, scored: ScoredPayment, version: str) -> None:
        rule, challenger = self._rule_of(version), scored.challenger_probability
        # 0 and 1 have no log-odds
        if rule is None or challenger is None or not (0 < challenger < 1 and 0 < scored.fraud_probability < 1):
            self.left_out += 1
            return
        (theirs,) = rule.decide(np.array([challenger]), np.array([self._amount(scored)]))
        pair = scored.model_version, version
        self._count(pair, scored.decision, DECISIONS[theirs], scored.fraud_probability, challenger)

    def _amount(self, scored: ScoredPayment) -> float:
        """Return the payment's amount; NaN if it has none, as in scoring."""
        role = self._form.schema.amount
        amount = scored.fields[role] if role else None
        return math.nan if amount is None else float(amount)

    def _count(self, pair: tuple[str, str], ours: str, theirs: str, champion: float, challenger: float) -> None:
        before, after = logit(np.array([champion, challenger])).tolist()
        shift = after - before
        comparison = self.pairs.setdefault(pair, Comparison())
        comparison.payments += 1
        comparison.decisions[ours, theirs] += 1
        comparison.shift += shift
        comparison.squared += shift**2
