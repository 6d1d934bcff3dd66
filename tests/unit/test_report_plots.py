"""Plots, numbers and colours of the report on a model."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from trainer.report import axes, scores
from trainer.report.axes import Axis
from trainer.report.plot import Plot
from trainer.report.stylesheet import STYLE
from trainer.report.texts import compact, interval, number, percent, table

TEXTS, MARKS = ("text", "muted"), ("model", "truth", "legitimate", "fraud", "review", "block", "faint")


def plot(x: Axis, y: Axis, *, has_names: bool = False) -> Plot:
    """Return an empty plot."""
    return Plot(title="<T>", x=x, y=y, x_label="across", y_label="up", description='"all"', has_names=has_names)


def texts(axis: Axis) -> list[str]:
    """Return the texts of an axis's ticks."""
    return [text for _, text in axis.ticks]


def test_linear_axes() -> None:
    """Ticks are round numbers within the range, few of them; a range without a width gets one."""
    assert texts(axes.linear(0, 1)) == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert texts(axes.linear(-3, 12_000)) == ["0", "2500", "5000", "7500", "10k"]
    assert texts(axes.linear(0, 23, at=(0, 6, 12, 18, 23, 30))) == ["0", "6", "12", "18", "23"]
    assert axes.linear(7, 7).share(np.array([7.0])).tolist() == [0.5]


def test_logarithmic_axes() -> None:
    """Ticks are powers of ten, in a short range also 2 and 5 times them; values outside are clipped."""
    assert texts(axes.logarithmic(1, 1e4)) == ["1", "10", "100", "1000", "10k"]
    assert texts(axes.logarithmic(15, 150)) == ["20", "50", "100"]
    assert len(axes.logarithmic(1e-6, 1e12).ticks) <= 6
    assert axes.logarithmic(1, 100).share(np.array([10.0, 0.001, 1e9])).tolist() == [0.5, 0.0, 1.0]
    assert axes.logarithmic(3, 3).share(np.array([3.0])).tolist() == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("axis", "ends", "expected"),
    [
        (axes.linear, (2015, 2025), ["2016", "2018", "2020", "2022", "2024"]),
        (axes.linear, (1_002_000, 1_002_002), ["1.002M", "1.0020005M", "1.002001M", "1.0020015M", "1.002002M"]),
        (axes.linear, (0, 3e-13), ["0", "1e-13", "2e-13", "3e-13"]),
        (axes.linear, (1e17, 1e17), ["99900000G", "99950000G", "100000000G", "100050000G", "100100000G"]),
        (axes.logarithmic, (210, 490), ["300", "400"]),
        (axes.logarithmic, (0.62, 0.98), ["0.7", "0.8", "0.9"]),
        (axes.logarithmic, (0.1, 0.1 + 1e-16), ["0.05", "0.1", "0.2"]),
    ],
)
def test_narrow_axes(axis: Callable[[float, float], Axis], ends: tuple[float, float], expected: list[str]) -> None:
    """A narrow range has two ticks or more, with texts that are exact."""
    assert texts(axis(*ends)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(-2.0, -0.3, ["20", "30", "40"]), (-3.0, 3.0, ["10", "50", "90"])]
)
def test_an_axis_of_scores(low: float, high: float, expected: list[str]) -> None:
    """Ticks are the usual probabilities; an axis that has fewer than two of them has round ones."""
    assert texts(scores.log_odds_axis(low, high)) == [f"{one}\N{NO-BREAK SPACE}%" for one in expected]


def test_marks_and_texts() -> None:
    """A line goes from corner to corner of the panel; texts are escaped; each name is in the legend once."""
    one = plot(axes.linear(0, 1), axes.linear(0, 1))
    one.line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "model", "a & b")
    one.line(np.array([0.0, 1.0]), np.array([1.0, 1.0]), "model", "a & b")
    written = one.html()
    assert '<path class="line model" d="M64.0 208.0L338.0 10.0"/>' in written
    assert written.count("a &amp; b") == 1
    assert "<h3>&lt;T&gt;</h3>" in written
    assert 'role="img" aria-label="&quot;all&quot;"' in written


def test_names_on_an_axis() -> None:
    """Many names are slanted and long ones are shortened, so that they have room."""
    few, many = ["no", "yes"], ["a", "b", "c", "a name longer than others"]
    assert "rotate" not in plot(axes.named(few), axes.linear(0, 1), has_names=True).html()
    written = plot(axes.named(many), axes.linear(0, 1), has_names=True).html()
    assert written.count("rotate") == len(many)
    assert ">a name longe…<" in written


def test_bars() -> None:
    """A bar goes from the bottom to its height."""
    one = plot(axes.named(["a"]), axes.linear(0, 1))
    one.bars(np.array([-0.6]), np.array([0.6]), np.array([0.5]), "fraud")
    assert 'd="M64.0 208.0V109.0H338.0V208.0Z"' in one.html()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (percent(0.0123456), "1.235\N{NO-BREAK SPACE}%"),
        (compact(1_250_000), "1.25M"),
        (compact(-40_000), "-40k"),
        (compact(-4_000), "-4000"),
        (compact(102_500), "102.5k"),
        (compact(999.6), "999.6"),
        (compact(0.25), "0.25"),
        (number(float("nan")), ""),
        (number(12_345.6), "12,346"),
        (number(0.123456), "0.1235"),
        (number(-0.0), "0"),
    ],
)
def test_numbers(written: str, expected: str) -> None:
    """Numbers are short."""
    assert written == expected


def test_intervals() -> None:
    """An interval contains the rate, also that of none and of all."""
    rates = np.array([0.0, 0.5, 1.0])
    low, high = interval(rates, np.array([10, 10, 10]))
    assert low.tolist() == pytest.approx([0.0, 0.2366, 0.7225], abs=1e-4)
    assert high.tolist() == pytest.approx([0.2775, 0.7634, 1.0], abs=1e-4)
    assert (low <= rates).all()
    assert (rates <= high).all()


def test_tables() -> None:
    """Cells are escaped, and heads have a scope."""
    written = table((("a", "b"), [("<i>", "1")]), "Name & place")
    assert '<th scope="row">&lt;i&gt;</th><td>1</td>' in written
    assert '<th scope="col">b</th>' in written
    assert "<caption>Name &amp; place</caption>" in written


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast(scheme: int) -> None:
    """Texts have a contrast of 4.5 to all backgrounds, marks of 3 to the panel."""
    colours = dict(re.findall(r"--(\w+): (#\w{6});", re.findall(r":root \{([^}]*)\}", STYLE)[scheme]))
    for background in ("page", "panel"):
        assert min(contrast(colours[name], colours[background]) for name in TEXTS) >= 4.5
    assert contrast(colours["text"], colours["warn"]) >= 4.5
    assert min(contrast(colours[name], colours["panel"]) for name in MARKS) >= 3.0
