"""Models change while payments are scored: none is lost, repeated, or scored by an incomplete model."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fraudstream.model import store
from fraudstream.runtime.heartbeat import unhealthy
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Message, Surroundings, payment
from tests.integration.tools import run as tool
from tests.integration.trained import save_model
from tests.oracle import csv_rows, scored
from tests.scores import message

RISKY = message(payment_id=7, amount=90_000.0, country_risk_score=0.95, failed_logins=9, transaction_hour=3)


def test_swapped_under_load(surroundings: Surroundings) -> None:
    """After five swaps, back and forth, each payment is scored once, and each partition has the versions in order."""
    first = surroundings.model
    with surroundings.assigned_scorer() as scorer:
        surroundings.send_and_wait(1_000)
        expected = [first.version]
        for number in range(5):
            surroundings.send_payments(10_000)
            made = save_model(surroundings.folder / "models", strength=10.0 ** -(number + 1))
            scorer.wait_for("model swapped", count=number + 1)
            expected.append(made.version)
            surroundings.send_and_wait(1_000)
    assert surroundings.assert_each_once() == 56_000
    by_partition: dict[int, list[str]] = {}
    for (partition, _), (row,) in sorted(csv_rows(surroundings.csv).items()):
        by_partition.setdefault(partition, []).append(row["model_version"])
    for versions in by_partition.values():
        changes = [one for one, before in zip(versions, [None, *versions], strict=False) if one != before]
        assert changes == expected


def test_another_rule_of_the_same_model(surroundings: Surroundings) -> None:
    """Other thresholds of the same bytes make another version, without a restart; a rollback restores both."""
    models, first = surroundings.folder / "models", surroundings.model
    with surroundings.assigned_scorer() as scorer:
        surroundings.send_and_wait(400)
        second = save_model(models, review=0.4)
        assert second.sha256 == first.sha256
        swapped = scorer.wait_for("model swapped")[-1]
        assert (swapped["version"], swapped["was"], swapped["review"]) == (second.version, first.version, 0.4)
        surroundings.send_and_wait(400)
        assert first.version in tool(surroundings, "model", "rollback").output
        assert scorer.wait_for("model swapped", count=2)[-1]["review"] == 0.1
        surroundings.send_and_wait(400)
    assert surroundings.assert_each_once() == 1_200
    by_partition: dict[int, list[dict[str, str]]] = {}
    for (partition, _), (row,) in sorted(csv_rows(surroundings.csv).items()):
        by_partition.setdefault(partition, []).append(row)
    limits = {first.version: 0.1, second.version: 0.4}
    for rows in by_partition.values():
        assert [row["model_version"] for row in rows] == [
            version for version in (first.version, second.version, first.version) for _ in range(100)
        ]
        for row in rows:
            flagged = float(row["fraud_probability"]) >= limits[row["model_version"]]
            assert (row["decision"] != "approve") == flagged


def test_overridden_thresholds_are_published_as_another_version(surroundings: Surroundings) -> None:
    """The log names the model's version and the one that is published."""
    manifest = surroundings.model
    with surroundings.scorer(REVIEW_THRESHOLD="0.3", BLOCK_THRESHOLD="0.9") as scorer:
        (line,) = scorer.wait_for("thresholds overridden")
        surroundings.send_and_wait(100)
    published = {row["model_version"] for rows in csv_rows(surroundings.csv).values() for row in rows}
    assert published == {line["model_version"]} != {manifest.version}
    assert line["model"] == manifest.version
    assert (
        line["model_version"]
        in tool(surroundings, "model", "list", REVIEW_THRESHOLD="0.3", BLOCK_THRESHOLD="0.9").output
    )


def _edited(old: str, new: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(path.read_text().replace(old, new))


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


DAMAGES: dict[str, Callable[[Path], object]] = {
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "not a number": _edited('"review": 0.1', '"review": NaN'),
    "another threshold": _edited('"review": 0.1', '"review": 0.01'),
    "a field twice": _edited('"kind"', '"kind": "other", "kind"'),
    "a folder": _replaced(Path.mkdir),
    "a FIFO": _replaced(os.mkfifo),
    "a link to itself": _replaced(lambda path: path.symlink_to(path)),
}


def test_a_manifest_that_is_damaged_while_running(surroundings: Surroundings) -> None:
    """Each damage is one line; the model in use stays, nothing blocks, and the restored file is loaded again."""
    switch = surroundings.folder / "models" / store.MANIFEST_FILE
    content = switch.read_bytes()
    with surroundings.assigned_scorer() as scorer:
        for damage in DAMAGES.values():
            refused, restored = len(scorer.lines("model refused")), len(scorer.lines("model kept"))
            damage(switch)
            scorer.wait_for("model refused", count=refused + 1)
            surroundings.send_and_wait(40)
            if switch.is_dir():
                switch.rmdir()
            switch.unlink(missing_ok=True)
            switch.write_bytes(content)
            scorer.wait_for("model kept", count=restored + 1)
        assert "Traceback" not in scorer.output
        scorer.stop()
    assert surroundings.assert_each_once() == 40 * len(DAMAGES)


def test_refused_while_running(surroundings: Surroundings) -> None:
    """The model in use stays, the scorer stays healthy, health names the cause; once fixed, the new model is used."""
    models, first = surroundings.folder / "models", surroundings.model
    heartbeat = surroundings.folder / "heartbeat"
    with surroundings.assigned_scorer(HEARTBEAT_FILE=str(heartbeat)) as scorer:
        scorer.pause()  # it must not see the model before it is damaged
        made = save_model(models, strength=0.01)
        kept = models / store.VERSIONS / made.content_sha256 / store.MODEL_FILE
        content = kept.read_bytes()
        for place in (models / store.MODEL_FILE, kept):
            place.write_bytes(content[:-1])
        scorer.resume()
        assert "not the file that its manifest describes" in scorer.wait_for_reason("model refused")
        surroundings.send_and_wait(400)
        wait_until(
            lambda: heartbeat.read_text().startswith("ready; model refused"), 60, "its health check shows the reason"
        )
        assert unhealthy(heartbeat) is None
        assert {row["model_version"] for rows in csv_rows(surroundings.csv).values() for row in rows} == {first.version}
        kept.write_bytes(content)
        scorer.wait_for("model swapped")
        wait_until(lambda: heartbeat.read_text() == "ready", 60, "its health check has no remark")
    assert surroundings.assert_each_once() == 400


def test_a_challenger_is_published_and_promoted(surroundings: Surroundings) -> None:
    """The challenger's probability is published beside the champion's, and decides nothing until it is promoted."""
    models = surroundings.folder / "models"
    challenger, champion = surroundings.model, save_model(models, strength=0.001)
    assert tool(surroundings, "model", "challenge", challenger.version).code == 0
    with surroundings.scorer() as scorer:
        scorer.wait_for("challenger changed")
        scorer.wait_for(READY)
        surroundings.send_and_wait(400)
        assert "400 payments scored by" in tool(surroundings, "model", "compare").output
        assert tool(surroundings, "model", "promote", challenger.version).code == 0
        scorer.wait_for("model swapped")
        surroundings.send_and_wait(400)
    assert surroundings.assert_each_once() == 800
    events = [event for (event,) in scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"]).values()]
    shadowed = [event for event in events if "challenger_version" in event]
    assert len(shadowed) == 400
    assert {(event["model_version"], event["challenger_version"]) for event in shadowed} == {
        (champion.version, challenger.version)
    }
    assert all(0 < float(str(event["challenger_probability"])) < 1 for event in shadowed)
    assert {event["model_version"] for event in events if event not in shadowed} == {challenger.version}


@pytest.mark.parametrize("explained", [True, False])
def test_reasons(surroundings: Surroundings, explained: bool) -> None:
    """Reviewed and blocked payments have reasons, strongest first; approved ones or no reference have none."""
    usual = [40.0, 0.2, 0.0, 13.0, 0.0] if explained else None
    save_model(surroundings.folder / "models", usual=usual)
    surroundings.send([Message(RISKY), Message(payment(1))])
    surroundings.score(REVIEW_THRESHOLD="0.3", BLOCK_THRESHOLD="0.9")
    events = scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"]).values()
    for (event,) in events:
        shares = [reason["contribution"] for reason in event["reasons"]]  # type: ignore[attr-defined]
        assert bool(shares) == (explained and event["decision"] != "approve")
        assert shares == sorted(shares, reverse=True)
    assert {event["decision"] for (event,) in events} > {"approve"}
