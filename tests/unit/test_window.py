"""Fifteen minutes of seconds in a fixed amount of memory: counts equal the input."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard.window import BINS, SECONDS, ScoredBy, Scores, Window, decision_numbers
from fraudstream.payment import DECISIONS

START = 1_000_000


def add(window: Window, payments: list[tuple[int, str, float]]) -> None:
    """Add payments: second, decision, probability."""
    seconds, decisions, probabilities = zip(*payments, strict=True) if payments else ((), (), ())
    window.add(
        Scores(np.array(seconds, dtype=np.int64), decision_numbers(decisions), np.array(probabilities, dtype=float))
    )


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2_500), st.lists(st.tuples(st.integers(-20, 3), st.sampled_from(DECISIONS), st.floats(0, 1)))
        ),
        max_size=12,
    )
)
def test_each_second_has_its_payments(arrivals: list[tuple[int, list[tuple[int, str, float]]]]) -> None:
    """Series, bins and totals equal those of a plain list of all payments, however time advances."""
    window, all_of_them, now = Window(START), list[tuple[int, str, float]](), START
    for passed, payments in arrivals:
        now += passed
        window.advance(now)
        batch = [(now + ago, decision, probability) for ago, decision, probability in payments]
        add(window, batch)
        all_of_them += [(min(second, now), decision, probability) for second, decision, probability in batch]
    held = [payment for payment in all_of_them if payment[0] >= now - SECONDS]
    window.advance(now := now + 1)
    held = [payment for payment in held if payment[0] >= now - SECONDS]
    series = window.series(SECONDS)
    first = window.first(SECONDS)
    for decision in DECISIONS:
        counts = Counter(second for second, one, _ in held if one == decision)
        assert series[decision] == [counts[first + number] for number in range(SECONDS)]
    bins = Counter(min(int(probability * BINS), BINS - 1) for _, _, probability in held)
    assert window.scores() == [bins[number] for number in range(BINS)]


def test_models_are_counted_separately_and_removed() -> None:
    """Each model has its count and mean, and is removed with its last payment."""
    window = Window(START)
    one, two, promoted = ScoredBy("champion", "one"), ScoredBy("challenger", "two"), ScoredBy("champion", "two")
    window.add_version(one, np.array([START, START]), np.array([0.25, 0.75]))
    window.add_version(two, np.array([START]), np.array([0.125]))
    window.add_version(promoted, np.array([START]), np.array([0.5]))
    window.advance(START + 1)
    assert window.versions() == {one: (2, 0.5), two: (1, 0.125), promoted: (1, 0.5)}
    window.advance(START + SECONDS + 1)
    assert window.versions() == {}


def test_totals_have_the_seconds_of_the_series() -> None:
    """The current second is in no total until it is whole: bins, models and reasons add up to the series."""
    window, model = Window(START), ScoredBy("champion", "one")
    for second in (START, START + 1):
        window.advance(second)
        add(window, [(second, "review", 0.5)])
        window.add_version(model, np.array([second]), np.array([0.5]))
        window.add_dead(second, "empty")
        series = window.series(SECONDS)
        whole = second - START
        assert sum(map(sum, _decisions(window))) == whole
        assert series["dead"] == [0] * (SECONDS - whole) + [1] * whole
        assert sum(window.scores()) == sum(window.dead_reasons().values()) == whole
        assert window.versions() == ({model: (1, 0.5)} if whole else {})


def test_more_models_than_there_is_room_for() -> None:
    """A topic with invented versions takes no more memory than sixteen."""
    window = Window(START)
    for number in range(100):
        window.add_version(ScoredBy("champion", f"invented-{number}"), np.array([START]), np.array([0.5]))
    window.advance(START + 1)
    assert len(window.versions()) == 16


def test_dead_letters_by_reason() -> None:
    """Unknown reasons are counted as one; letters outside of the window's seconds are left out."""
    window = Window(START)
    for second, reason in ((START, "empty"), (START, "<b>"), (START, "other"), (START - SECONDS - 1, "empty")):
        window.add_dead(second, reason)
    window.advance(START + 1)
    assert window.dead_reasons() == {"empty": 1, "other": 2}
    assert window.series(1)["dead"] == [3]


def test_measurements_last_until_the_next() -> None:
    """A measurement every 2 s is drawn for each second; None is a gap."""
    window = Window(START)
    window.measure(START, p50=5.0, p99=9.0, lag=3)
    window.advance(START + 2)
    window.measure(START + 1, p50=None, p99=None, lag=4)
    window.advance(START + 3)
    assert window.series(3) == window.series(3) | {"p50": [5.0, None, None], "lag": [3.0, 4.0, 4.0]}


def test_skipped_payments_count_like_the_others() -> None:
    """The rate includes all payments; the shares are unchanged."""
    window = Window(START)
    add(window, [(START, "approve", 0.0)] * 90 + [(START, "block", 0.9)] * 10)
    window.skip(900, START)
    window.advance(START + 1)
    assert window.series(1) == window.series(1) | {"approve": [900], "review": [0], "block": [100]}


def test_skipped_payments_where_none_was_read() -> None:
    """They count where payments were read last, as when the scorer's clock is behind; or where the next ones are."""
    window = Window(START)
    window.skip(30, START)
    assert sum(map(sum, _decisions(window))) == 0
    window.advance(START + 2)
    add(window, [(START + 1, "review", 0.5)] * 10)
    window.advance(START + 20)
    assert _decisions(window)[1][-19] == 40
    window.skip(60, START + 15)
    assert [sum(counts) for counts in _decisions(window)] == [0, 100, 0]
    window.advance(START + SECONDS + 30)
    window.skip(5, START + SECONDS + 30)
    assert sum(map(sum, _decisions(window))) == 0


STEPS = st.one_of(
    st.tuples(st.just("advance"), st.integers(0, 1_000)),
    st.tuples(st.just("add"), st.integers(-950, 3)),
    st.tuples(st.just("add_dead"), st.integers(-950, 3)),
    st.tuples(st.just("measure"), st.integers(-950, 0)),
    st.tuples(st.just("skip"), st.integers(-950, 0)),
    st.tuples(st.just("tell"), st.just(0)),
)


@given(st.lists(STEPS, max_size=30))
def test_a_page_with_all_changes_has_the_whole_window(steps: list[tuple[str, int]]) -> None:
    """An open page has the counts of a page that is opened later, however late payments arrive."""
    window = Window(START)
    page = {name: dict(enumerate(values, window.first(SECONDS))) for name, values in window.series(SECONDS).items()}

    def tell() -> None:
        seconds = window.take_changed()
        for name, values in window.series(seconds).items():
            page[name].update(enumerate(values, window.first(seconds)))

    for number, (step, argument) in enumerate(steps):
        second = window.now + argument
        match step:
            case "advance":
                window.advance(second)
            case "add":
                add(window, [(second, "review", 0.5)])
            case "add_dead":
                window.add_dead(second, "empty")
            case "measure":
                window.measure(second, p50=float(number), p99=None)
            case "skip":
                window.skip(10, second)
            case _:
                tell()
    tell()
    for name, values in window.series(SECONDS).items():
        assert [page[name][second] for second in range(window.first(SECONDS), window.now)] == values


def _decisions(window: Window) -> list[list[int]]:
    """Return the counts of the last 900 s: approve, review, block."""
    series = window.series(SECONDS)
    return [[round(count or 0) for count in series[name]] for name in ("approve", "review", "block")]
