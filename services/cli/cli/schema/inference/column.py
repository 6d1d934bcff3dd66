"""Statistics of the values of one path: types, range, forms and repetition, in bounded memory. Pure."""

from collections.abc import Collection, Sequence
from math import inf, isfinite

from cli.schema.inference import forms
from fraudstream.payment_schema import MOST_CHARACTERS

_MOST_DISTINCT = 5_000
_MOST_CARDS = 5_000
_FEWEST_DIGITS = 12
_CARD_SHARE = 0.3
"""Share of the values with a card number's digits that pass the check digit's test; of random numbers a tenth does."""
_SCALARS = {str, int, float, bool}


class Column:
    """Statistics of the values of one path; `add` values, and `update` for every few hundred of them."""

    def __init__(self, *, is_cells: bool) -> None:
        """Take texts as cells of a table if `is_cells`: an empty one is missing, and booleans have any case."""
        self._is_cells = is_cells
        self.pending: list[object] = []
        """Values since the last update; None is missing."""
        self.present = 0
        self.kinds: set[type] = set()
        """Types in JSON, and cells as str."""
        self.lowest, self.highest = inf, -inf
        """Range of the numbers, and of the texts that are numbers."""
        self.longest = 0
        """Characters of the longest text."""
        self.forms = {forms.INTEGER, forms.NUMBER, *forms.FORMS}
        """Forms that all texts have."""
        self.has_email = self.has_ip_address = False
        self.is_unique = True
        """No value has occurred again; those after the first thousands are compared with these and their neighbours."""
        self.is_usable = True
        """All values are scalars of a possible size."""
        self._distinct: set[object] = set()
        self._counts_distinct = True
        self._candidates = self._cards = 0

    @property
    def distinct(self) -> float:
        """Number of different values; infinite above some thousands."""
        return len(self._distinct) if self._counts_distinct and len(self._distinct) < _MOST_DISTINCT else inf

    @property
    def has_cards(self) -> bool:
        """Whether values look like card numbers."""
        return self._cards > _CARD_SHARE * self._candidates

    def update(self) -> None:
        """Add the pending values to the statistics."""
        values = [value for value in self.pending if value is not None]
        self.pending.clear()
        if self._is_cells:
            values = list(filter(None, map(str.strip, map(str, values))))
        if not values:
            return
        self.present += len(values)
        kinds = set(map(type, values))
        self.kinds |= kinds
        if not self.is_usable or not kinds <= _SCALARS:
            self.is_usable = False
            self._forget()
            return
        different = set(values)
        fresh = different - self._distinct
        texts = fresh if kinds == {str} else {value for value in fresh if isinstance(value, str)}
        if texts:
            self._update_texts(texts)  # type: ignore[arg-type]  # texts only
        if kinds != {str}:
            self._update_numbers([value for value in values if isinstance(value, int | float)])
        self._update_distinct(len(values), different)

    def _forget(self) -> None:
        self._distinct, self._counts_distinct, self.is_unique = set(), False, False

    def _update_distinct(self, count: int, different: Collection[object]) -> None:
        if len(different) < count or not self._distinct.isdisjoint(different):
            self.is_unique = False
        if self._counts_distinct and len(self._distinct) < _MOST_DISTINCT:
            self._distinct.update(different)
        elif not self.is_unique:
            self._forget()

    def _update_texts(self, texts: Collection[str]) -> None:
        self.longest = max(self.longest, *map(len, texts))
        if self.longest > MOST_CHARACTERS:
            self.is_usable = False
            self._forget()
            return
        self._update_number_forms(texts)
        cells = {text.lower() for text in texts} if self._is_cells and forms.BOOLEAN in self.forms else texts
        for form in self.forms & forms.FORMS.keys():
            if not forms.FORMS[form](cells if form == forms.BOOLEAN else texts):
                self.forms.discard(form)
        if not self.forms & {forms.TIME, forms.NUMBER, forms.BOOLEAN, forms.UUID}:
            self.has_email = self.has_email or forms.has_email(texts)
            self.has_ip_address = self.has_ip_address or forms.has_ip_address(texts)
        if self.longest >= _FEWEST_DIGITS and not self.forms & {forms.TIME, forms.UUID}:
            self._count_cards(texts)

    def _update_number_forms(self, texts: Collection[str]) -> None:
        numbers: Sequence[float] | None = None
        if forms.INTEGER in self.forms:
            numbers = forms.whole_numbers(texts)
            if numbers is None:
                self.forms.discard(forms.INTEGER)
        if forms.NUMBER in self.forms and numbers is None:
            numbers = forms.decimals(texts)
            if numbers is None:
                self.forms.discard(forms.NUMBER)
        if numbers is not None:
            self._update_range(numbers)

    def _update_numbers(self, numbers: Sequence[float]) -> None:
        # the limit of type number; JSON has no infinite numbers, but some parsers return them
        if not all(map(_is_finite, numbers)):
            self.is_usable = False
            self._forget()
            return
        self._update_range(numbers)
        if self.highest >= 10 ** (_FEWEST_DIGITS - 1):
            self._count_cards([str(number) for number in numbers if type(number) is int])

    def _update_range(self, numbers: Sequence[float]) -> None:
        self.lowest = min(self.lowest, *numbers)
        self.highest = max(self.highest, *numbers)

    def _count_cards(self, texts: Collection[str]) -> None:
        if self._candidates < _MOST_CARDS:
            candidates, cards = forms.card_numbers(texts)
            self._candidates += candidates
            self._cards += cards


def _is_finite(number: float) -> bool:
    try:
        return isfinite(number)
    except OverflowError:
        return False
