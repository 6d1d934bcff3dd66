"""The setting CURRENCY and amounts with it."""

import pytest

from fraudstream.errors import SettingsError
from fraudstream.runtime.currency import CurrencySettings


@pytest.mark.parametrize("currency", ["EUR", "€", "$", "CHF", "US$"])
def test_amounts(currency: str) -> None:
    """A code or a symbol follows the amount."""
    assert CurrencySettings.from_env({"CURRENCY": currency}).format("12.50") == f"12.50\N{NO-BREAK SPACE}{currency}"


def test_amounts_without_currency() -> None:
    """An empty setting shows none."""
    assert CurrencySettings.from_env({"CURRENCY": ""}).format("12.50") == "12.50"


@pytest.mark.parametrize("currency", ["EU R", "<b>", "12", "euros!", "\n", "€€"])
def test_wrong_currencies(currency: str) -> None:
    """Another text is refused, with the variable's name."""
    with pytest.raises(SettingsError, match="CURRENCY: must be a code such as EUR"):
        CurrencySettings.from_env({"CURRENCY": currency})
