"""Currency of the payments, as the page and the report show it after an amount."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from fraudstream.runtime.environment import Settings

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


def _check_currency(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{0,5}[$¢£¤¥\u20a0-\u20cf]?", text):
        raise ValueError("must be a code such as EUR or a symbol such as €")
    return text


class CurrencySettings(Settings):
    """The currency; empty if amounts are shown without one."""

    currency: Annotated[str, AfterValidator(_check_currency)] = Field("", alias="CURRENCY")

    def format(self, amount: str) -> str:
        """Return the amount, a formatted number, with the currency."""
        return f"{amount}{_NO_BREAK_SPACE}{self.currency}" if self.currency else amount
