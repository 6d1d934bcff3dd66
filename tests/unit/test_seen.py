"""Payments that the benchmarks' viewers receive in a dashboard's own events, and their delay."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import records
from benchmarks.records import Template
from benchmarks.seen import Seen, counts_delay_s, flagged_delays_s, last
from tests.scores import One, payment, scored_values

from dashboard.board import Board
from dashboard.records import dead_reason
from dashboard.replicas import Replicas
from fraudstream.payment import InvalidPayment, decode
from fraudstream.scored_payment import scored_payment

NOW_S = 1_800_000_000


def test_reads_the_dashboards_events() -> None:
    """The events have one flagged payment and one dead letter."""
    board = Board("kafka:9092", Replicas(), NOW_S)
    board.connected(NOW_S, caught_up=True)
    record = records.Record(0, 0, b"1", _template("review").value(records.scored_at(NOW_S + 0.25)), [])
    board.add_scored(0, [record], NOW_S + 1)
    board.add_dead(0, [records.dead_letter(0, 0)], NOW_S + 1)
    event = b"event: tick\ndata: " + json.dumps(board.tick(NOW_S + 2.7)).encode()
    seen = Seen.of(3, NOW_S + 2.75, event)
    assert (seen.viewer, seen.payments, seen.dead_letters, seen.sampled) == (3, 1, 1, False)
    assert seen.by_second[NOW_S - seen.first] == 1
    assert flagged_delays_s([seen], NOW_S, NOW_S + 1) == [2.5]
    assert flagged_delays_s([seen], NOW_S + 1, NOW_S + 2) == []
    assert Seen.of_line(seen.as_line()) == seen


def test_counts_are_late_until_all_viewers_have_all() -> None:
    """The delay counts from the end of a second; partial seconds of the measured time don't count."""
    written = {9: 50, 10: 100, 11: 200, 12: 1}
    seen = [
        _seen(0, 12.7, 10, [90, 10]),
        _seen(0, 13.7, 10, [100, 200]),
        _seen(1, 11.5, 10, [100, 0]),
        _seen(1, 12.5, 10, [100, 200]),
    ]
    assert counts_delay_s(seen, written, 9.5, 12.5) == 13.7 - 11
    assert counts_delay_s(seen, written, 9.5, 13.0) is None
    assert [event.at_s for event in last(seen)] == [12.5, 13.7]


def test_templates_survive_a_file(tmp_path: Path) -> None:
    """The dashboard accepts them as payments after loading."""
    templates = [_template("approve"), _template("block")]
    records.save(templates, tmp_path / "templates")
    assert records.load(tmp_path / "templates") == templates
    payment = scored_payment(templates[1].value(b"2027-01-15T08:00:00.000Z"))
    assert payment is not None
    assert payment["scored_at"] == "2027-01-15T08:00:00.000Z"


def test_dead_letters_are_true() -> None:
    """The reason and the detail are the scorer's own."""
    letter = records.dead_letter(0, 0)
    why = decode(letter.value)
    assert isinstance(why, InvalidPayment)
    assert dead_reason(letter) == why.reason
    assert dict(letter.headers)["dlq.detail"] == why.detail.encode()


def _template(decision: str) -> Template:
    (value,) = scored_values([One(payment(), 0.5, decision, "v", 0, 0, 0)], "MARK")
    return Template.of(b"1", value, b"MARK")


def _seen(viewer: int, at_s: float, first: int, by_second: Sequence[int]) -> Seen:
    return Seen(
        viewer=viewer,
        at_s=at_s,
        size=1,
        sampled=False,
        payments=0,
        dead_letters=0,
        first=first,
        by_second=by_second,
        flagged_s=[],
    )
