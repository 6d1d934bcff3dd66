"""The dashboard through changes of its topics, and its HTTP answers, without a browser."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fraudstream.payment_schema import default_schema
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import Dashboard, now, scored, snapshot
from tests.integration.scorer import Message, Surroundings
from tests.integration.topic import add_partitions, delete_records

EXAMPLE = Path(__file__).parents[2] / "examples" / "cards"


def shown(dashboard: Dashboard) -> int:
    """Return the number of approved payments that it shows."""
    return sum(snapshot(dashboard.url)["series"]["approve"])


def test_partitions_that_are_added_are_read(surroundings: Surroundings) -> None:
    """Added partitions are read without a restart."""
    with Dashboard(surroundings) as dashboard:
        surroundings.send([scored(number, now()) for number in range(8)], "SCORED_TOPIC")
        wait_until(lambda: shown(dashboard) == 8, 60, "payments of the first partitions")
        for topic in surroundings.topics:
            add_partitions(surroundings.bootstrap, topic, 6)
        surroundings.send([scored(number, now(), partition=5) for number in range(8, 11)], "SCORED_TOPIC")
        wait_until(lambda: shown(dashboard) == 11, 60, "payments of a new partition")


def test_a_re_created_topic(surroundings: Surroundings) -> None:
    """The records of a re-created topic are read, and the previous ones are still shown."""
    with Dashboard(surroundings) as dashboard:
        surroundings.send([scored(number, now()) for number in range(40)], "SCORED_TOPIC")
        wait_until(lambda: shown(dashboard) == 40, 60, "payments of the previous topic")
        surroundings.recreate("SCORED_TOPIC")
        surroundings.send([scored(number, now()) for number in range(3)], "SCORED_TOPIC")
        wait_until(lambda: shown(dashboard) == 43, 60, "payments of the new topic")


def test_retention_that_is_faster_than_the_dashboard(surroundings: Surroundings) -> None:
    """A paused dashboard whose position was deleted continues with the records that remain."""
    topic = surroundings.settings["SCORED_TOPIC"]
    with Dashboard(surroundings) as dashboard:
        surroundings.send([scored(number, now()) for number in range(40)], "SCORED_TOPIC")
        wait_until(lambda: shown(dashboard) == 40, 60, "payments before the pause")
        dashboard.service.pause()
        # its fetch waits at the broker: answered by this record, it can't be by a deleted one
        surroundings.send([Message(bytes(128 << 10))], "SCORED_TOPIC")
        surroundings.send([scored(number, now()) for number in range(40)], "SCORED_TOPIC")
        delete_records(surroundings.bootstrap, topic, {0: 16, 1: 15, 2: 15, 3: 15})
        dashboard.service.resume()
        wait_until(lambda: shown(dashboard) == 60, 60, "5 more of each partition")


def test_a_payment_of_another_schema_is_found_by_its_text_id(surroundings: Surroundings) -> None:
    """The dashboard reads PAYMENT_SCHEMA; a scorer that holds another schema is reported."""
    settings = {"PAYMENT_SCHEMA": str(EXAMPLE / "payment.toml")}
    message = json.loads((EXAMPLE / "messages.jsonl").read_text(encoding="utf-8").partition("\n")[0])
    identity = "a/b?c=d&e#f %2e.."
    record = scored(0, now(), **message | {"transaction_id": identity})
    with (
        surroundings.assigned_scorer(METRICS_PORT="0") as scorer,
        surroundings.service("dashboard", METRICS_PORT="0", DASHBOARD_PORT="0", **settings) as same,
        Dashboard(surroundings, [scorer, same], **settings) as dashboard,
    ):
        surroundings.send([record], "SCORED_TOPIC")
        wait_until(lambda: shown(dashboard) == 1, 60, "the payment")
        address = f"{dashboard.url}/api/payments?{urlencode({'id': identity})}"
        found = dict[str, Any]()

        def is_found() -> bool:
            with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - our own http URL
                found.update(json.load(answer))
            return [payment["id"] for payment in found["payments"]] == [identity]

        wait_until(is_found, 60, "the payment is found")
        assert found["payments"][0]["fields"]["merchant_category"] == message["merchant"]["category"]
        assert len(found["schema"]["fields"]) == 28
        others = [default_schema().layout]
        wait_until(
            lambda: [one["layout"] for one in snapshot(dashboard.url)["other_layouts"]] == others,
            60,
            "the scorer's schema",
        )


def test_a_wrong_setting_is_named(surroundings: Surroundings) -> None:
    """A wrong setting is named at start, with its variable."""
    with Dashboard(surroundings) as first:
        port = first.url.rpartition(":")[2]
        for settings, variable in (
            ({"DASHBOARD_PORT": port}, "DASHBOARD_PORT"),
            ({"METRICS_TARGETS": "scorer"}, "METRICS_TARGETS"),
            ({"DASHBOARD_PORT": "70000"}, "DASHBOARD_PORT"),
        ):
            with surroundings.service("dashboard", **settings) as second:
                assert variable in second.wait_for_failure()


def test_dead_letters_of_the_history_count_at_their_time(surroundings: Surroundings) -> None:
    """Letters that were written before the dashboard started are not shown as new ones."""
    stamp_ms = round(1_000 * time.time()) - 300_000
    letters = [Message(b"x", None, n % 4, stamp_ms, [("dlq.reason", b"empty")]) for n in range(8)]
    surroundings.send(letters, "DLQ_TOPIC")
    with Dashboard(surroundings) as dashboard:
        wait_until(lambda: snapshot(dashboard.url)["dead_reasons"] == {"empty": 8}, 60, "the letters")
        series = snapshot(dashboard.url)["series"]
        counts = {series["first"] + at: count for at, count in enumerate(series["dead"]) if count}
        assert counts == {stamp_ms // 1_000: 8}


def test_the_lag_is_known_without_a_scorer(surroundings: Surroundings) -> None:
    """It is the distance from the group's committed offsets to the end; of a group without offsets it is unknown."""
    surroundings.send_payments(40)
    with Dashboard(surroundings) as dashboard:
        wait_until(lambda: snapshot(dashboard.url)["kafka"]["state"] == "reading", 60, "Kafka is read")
        assert snapshot(dashboard.url)["series"]["lag"][-1] is None
        surroundings.reset({0: 10, 1: 8, 2: 0, 3: 3})
        wait_until(lambda: snapshot(dashboard.url)["series"]["lag"][-1] == 19, 60, "the lag")


def test_it_ends_promptly_on_sigterm(surroundings: Surroundings) -> None:
    """The dashboard ends promptly on SIGTERM even while pages are open."""
    with (
        Dashboard(surroundings) as dashboard,
        urllib.request.urlopen(f"{dashboard.url}/events", timeout=60) as page,  # noqa: S310 - our own http URL
    ):
        assert page.readline() == b"event: snapshot\n"
        dashboard.service.stop(10)
