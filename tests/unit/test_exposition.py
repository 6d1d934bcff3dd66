"""Answers of a metrics target: any one is a reading or a ValueError, and the page can show it."""

import random
import time
from contextlib import suppress

import pydantic_core
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from tests.fuzz import cases
from tests.unit.test_replicas import scorer

from dashboard.board import Board
from dashboard.exposition import Reading, reading, status_of
from dashboard.replicas import Answer, Replicas
from fraudstream.payment_schema import default_schema
from fraudstream.scored_payment import ScoredFormat

WHOLE = generate_latest(scorer(5, [3]).registry).decode()
OURS = [line for line in WHOLE.splitlines() if line.startswith("fraudstream_")]
CASES = cases(100_000)
PIECES = [*'{}",=\\# \n\t_-.e0123456789', "+Inf", "-Inf", "NaN", "1e308", "9" * 400, "9" * 5_000, "²", "\x00", "\u2028"]
HOSTILE = {
    "a lag without end": 'fraudstream_lag_records{partition="0"} +Inf',
    "no number": 'fraudstream_end_to_end_latency_seconds_bucket{le="0.001"} NaN',
    "a bucket without a bound": 'fraudstream_end_to_end_latency_seconds_bucket{le="nan"} 1',
    "a negative count": 'fraudstream_payments_scored_total{decision="approve"} -1',
    "an integer beyond any float": f"fraudstream_ready {'9' * 400}",
    "an integer beyond Python's limit": f"fraudstream_ready {'9' * 900}",
    "no label": "fraudstream_lag_records 1",
    "a partition that is not a number": 'fraudstream_lag_records{partition="²"} 1',
    "a negative partition": 'fraudstream_lag_records{partition="-1"} 1',
    "a long line": f'fraudstream_model_info{{role="{"x" * 1_000}",version="1",kind="1"}} 1',
    "many models": "\n".join(f'fraudstream_model_info{{role="a",version="{n}",kind="c"}} 1' for n in range(101)),
    "many fields": "\n".join(f'fraudstream_drift_psi{{field="{n}"}} 1' for n in range(202)),
    "many partitions": "\n".join(f'fraudstream_partition_ready{{partition="{n}"}} 1' for n in range(10_001)),
    "a list": "[]",
    "nothing": "",
    "a page": "<html>not found</html>\n{}",
    "metrics of another": "node_load1 0.5",
}


def mutated(rng: random.Random) -> str:
    """Return a few lines of a scorer with one to four changes, or with other values."""
    lines = rng.choices(OURS, k=rng.randint(1, 4))
    if rng.random() < 0.3:
        return "\n".join(f"{line.rpartition(' ')[0]} {rng.choice(PIECES)}" for line in lines)
    text = "\n".join(lines)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(PIECES) + text[at + rng.randint(0, 3) :]
    return text


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_of_no_service_is_refused(name: str) -> None:
    """Each raises ValueError before any of it reaches the page."""
    with pytest.raises(ValueError, match=r"."):
        reading(HOSTILE[name])


def test_any_text_is_a_reading_or_a_value_error() -> None:
    """After thousands of damaged expositions from the same replica, the board can always be shown."""
    rng = random.Random(14)  # repeatable
    replicas = Replicas()
    board = Board("kafka:9092", ScoredFormat(default_schema()), replicas, 0.0)
    read = 0
    for number in range(CASES):
        try:
            found = reading(mutated(rng))
        except ValueError:
            continue
        read += 1
        replicas.update("scorer:9400", {"a": Answer("one", found)}, number / 10)
        if read % 500 == 0:
            board.measure(number / 10)
            pydantic_core.to_json(board.tick(number / 10))
    assert CASES / 10 < read < CASES


def test_histograms_that_change_their_shape_measure_nothing() -> None:
    """Buckets that vanish, decrease, or are not cumulative give neither a latency nor an error."""
    replicas = Replicas()
    whole, decreasing = reading(WHOLE), reading(WHOLE)
    decreasing.ages = {bound: float(len(whole.ages) - at) for at, bound in enumerate(sorted(whole.ages))}
    fewer = generate_latest(scorer(1, []).registry).decode()
    for found in (whole, Reading(kind="scorer"), whole, decreasing, whole, reading(fewer), whole):
        replicas.update("scorer:9400", {"a": Answer("one", found)}, 1.0)
        assert (replicas.measure().p99 or 0.0) >= 0.0


def test_names_of_the_network_are_sorted_whatever_they_are() -> None:
    """A character that is a digit but not decimal is not part of a number."""
    replicas = Replicas()
    for name in ("scorer-²", "scorer-2", "scorer-x", "², -"):
        replicas.update(f"{len(name)}:1", {name: Answer(name, Reading())}, 0.0)
    assert len(replicas.shown()) == 4


def test_an_answer_of_a_megabyte_is_parsed_in_time() -> None:
    """The answers consist of the lines that cost the parser most."""
    for line in ('fraudstream_x{a="' + '\\"' * 480 + '"} 1', "fraudstream_x 1", "# HELP " + "\\" * 990, "x" * 1_000):
        began_s = time.process_time()
        with suppress(ValueError):
            reading("\n".join([line] * (1_000_000 // (len(line) + 1))))
        assert time.process_time() - began_s < 5


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(pydantic_core.to_json))
def test_any_health_is_a_status_or_a_value_error(body: bytes) -> None:
    """JSON of another shape is a ValueError as well."""
    with suppress(ValueError):
        assert len(status_of(body)) <= 500


def test_a_status_is_shown_and_cut() -> None:
    """A long status, which would go to every page each second, is cut."""
    assert status_of(b'{"status": "waiting for Kafka", "at": 1}') == "waiting for Kafka"
    assert status_of(pydantic_core.to_json({"status": "x" * 10_000})) == "x" * 500
    with pytest.raises(ValueError, match=r"."):
        status_of(b"[" * 200_000)
