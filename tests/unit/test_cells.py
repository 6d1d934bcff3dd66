"""Values of a table's cells."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.payment_files.decimals import number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("3.0", 3),
        (" 7. ", 7),
        ("+5", 5),
        ("1e3", 1_000),
        ("true", 1),
        ("False", 0),
        ("2.5", 2.5),
        ("9007199254740993", 9_007_199_254_740_993),
        ("9007199254740993.0", 9_007_199_254_740_993),
        ("9223372036854775807", 2**63 - 1),
        ("1e400", math.inf),
    ],
)
def test_whole_numbers(text: str, value: float) -> None:
    """Whole numbers are exact integers; other text is returned unchanged."""
    found = number(text, whole=True)
    assert found == value
    assert isinstance(found, int) == (isinstance(value, int))


@pytest.mark.parametrize(("text", "value"), [("12", 12.0), (".5", 0.5), ("-1e-3", -0.001), (" 7.25", 7.25)])
def test_decimals(text: str, value: float) -> None:
    """Decimals are always doubles."""
    found = number(text, whole=False)
    assert found == value
    assert isinstance(found, float)


@pytest.mark.parametrize("text", ["", " ", "x", "nan", "inf", "1_000", "٣", "1,5", "0x10", "1e", "--1", "true1", "1 2"])
def test_no_numbers(text: str) -> None:
    """These texts are not numbers in any column."""
    assert number(text, whole=True) is None
    assert number(text, whole=False) is None


@pytest.mark.parametrize("text", ["9" * (1 << 20) + "x", "." + "9" * (1 << 20) + "x", "1e" + "9" * (1 << 20) + "x"])
def test_a_long_cell_takes_a_linear_time(text: str) -> None:
    """A cell of a megabyte of digits that is not a number takes a linear time."""
    began_s = time.process_time()
    assert number(text, whole=False) is None
    assert number(text, whole=True) is None
    assert time.process_time() - began_s < 2


def test_booleans_are_not_decimals() -> None:
    """A boolean is not an amount."""
    assert number("true", whole=False) is None


@given(st.integers(-(10**30), 10**30))
def test_any_integer(value: int) -> None:
    """Integers are exact up to 19 digits; longer ones are the nearest double."""
    assert number(str(value), whole=True) == (value if abs(value) < 10**19 else int(float(value)))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_double(value: float) -> None:
    """Doubles are equal bit by bit."""
    assert number(repr(value), whole=False) == value
