"""Quantiles of counted ages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from fraudstream.runtime.latency import BUCKETS_MS, quantile
from fraudstream.runtime.metrics import AgeHistogram


def histogram() -> AgeHistogram:
    """Return a histogram in its own registry."""
    return AgeHistogram("ages_seconds", "Ages.", registry=CollectorRegistry())


@given(ages=st.lists(st.integers(0, 3_000_000), min_size=1, max_size=200), share=st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_is_in_the_bucket_of_the_true_one(ages: list[int], share: float) -> None:
    """The reported quantile is in the bucket of the true one, whatever the ages."""
    counted = histogram()
    counted.observe(np.zeros(len(ages), dtype=np.int64) + 10_000_000 - np.array(ages), 10_000_000)
    reported = quantile(share, counted.counts.tolist())
    true = sorted(ages)[int(np.ceil(share * len(ages))) - 1]
    bucket = int(np.searchsorted(BUCKETS_MS, true))
    assert reported is not None
    assert (BUCKETS_MS[bucket - 1] if bucket else 0) <= reported <= BUCKETS_MS[bucket]


def test_nothing_has_no_quantile_and_too_much_has_the_last_bound() -> None:
    """Without ages the quantile is None; with all above the last bound, it is that bound."""
    counted = histogram()
    assert quantile(0.5, counted.counts.tolist()) is None
    counted.observe(np.array([0]), 10**12)
    assert quantile(0.5, counted.counts.tolist()) == BUCKETS_MS[-1]


@pytest.mark.parametrize("stamp", [-1, -(2**63), -5])
def test_records_without_a_timestamp_are_not_counted(stamp: int) -> None:
    """Kafka accepts negative timestamps, which are not times."""
    counted = histogram()
    counted.observe(np.array([stamp], dtype=np.int64), 1_000)
    assert counted.counts.sum() == 0


def test_a_future_timestamp_is_age_zero() -> None:
    """A timestamp ahead of our clock has age zero, however far it is ahead."""
    counted = histogram()
    counted.observe(np.array([2_000, 2**62], dtype=np.int64), 1_000)
    assert counted.counts[0] == 2


def test_prometheus_reads_seconds() -> None:
    """Prometheus gets cumulative counts by bounds in seconds, their number and sum."""
    registry = CollectorRegistry()
    counted = AgeHistogram("ages_seconds", "Ages.", registry=registry)
    counted.observe(np.array([9_990, 9_800, 4_000]), 10_000)
    assert registry.get_sample_value("ages_seconds_bucket", {"le": "0.01"}) == 1
    assert registry.get_sample_value("ages_seconds_bucket", {"le": "0.2"}) == 2
    assert registry.get_sample_value("ages_seconds_bucket", {"le": "+Inf"}) == 3
    assert registry.get_sample_value("ages_seconds_count") == 3
    assert registry.get_sample_value("ages_seconds_sum") == pytest.approx(6.21)
