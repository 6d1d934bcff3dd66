"""Models change while payments flow: nothing is lost, repeated, or scored by anything but a whole model."""

import json
from pathlib import Path

import pytest

from fraudstream import artifact
from fraudstream.heartbeat import unhealthy
from tests.conftest import Names
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Message, Surroundings, payment, save_model
from tests.integration.tools import run as tool
from tests.oracle import csv_rows, scored


@pytest.fixture
def surroundings(kafka_bootstrap: str, names: Names, tmp_path: Path) -> Surroundings:
    """Topics, a model and a folder."""
    return Surroundings(kafka_bootstrap, names, tmp_path).prepare()


RISKY = json.dumps(
    {
        "payment_id": 7,
        "amount": 90_000.0,
        "country_risk_score": 0.95,
        "failed_logins": 9,
        "transaction_hour": 3,
        "is_new_device": 1,
    }
).encode()


def test_swapped_under_load(surroundings: Surroundings) -> None:
    """Five times, there and back: each payment once, and in each partition the versions follow each other in order."""
    first = artifact.active(surroundings.folder / "models")
    assert first is not None
    with surroundings.scorer() as scorer:
        scorer.wait_for(READY)
        surroundings.send_payments(1_000)
        surroundings.wait_until_committed()
        expected = [first.version]
        for number in range(5):
            surroundings.send_payments(10_000)
            made = save_model(surroundings.folder / "models", strength=10.0 ** -(number + 1))
            scorer.wait_for("model swapped", count=number + 1)
            expected.append(made.version)
            surroundings.send_payments(1_000)
            surroundings.wait_until_committed()
    assert surroundings.assert_each_once() == 56_000
    by_partition: dict[int, list[str]] = {}
    for (partition, _), (row,) in sorted(csv_rows(surroundings.csv).items()):
        by_partition.setdefault(partition, []).append(row["model_version"])
    for versions in by_partition.values():
        changes = [one for one, before in zip(versions, [None, *versions], strict=False) if one != before]
        assert changes == expected


def test_refused_while_running(surroundings: Surroundings) -> None:
    """The model in use stays, the scorer stays healthy, and health says why; mended, the new one takes over."""
    models = surroundings.folder / "models"
    first = artifact.active(models)
    heartbeat = surroundings.folder / "heartbeat"
    with surroundings.scorer(HEARTBEAT_FILE=str(heartbeat)) as scorer:
        scorer.wait_for(READY)
        scorer.pause()  # it must not see the model before it is damaged
        made = save_model(models, strength=0.01)
        kept = models / artifact.VERSIONS / made.sha256 / artifact.MODEL_FILE
        content = kept.read_bytes()
        for place in (models / artifact.MODEL_FILE, kept):
            place.write_bytes(content[:-1])
        scorer.resume()
        (line,) = scorer.wait_for("model refused")
        assert "not the file that its manifest describes" in line["reason"]
        surroundings.send_payments(400)
        surroundings.wait_until_committed()
        wait_until(lambda: heartbeat.read_text().startswith("ready; model refused"), 20, "health says so")
        assert unhealthy(heartbeat) is None
        assert first is not None
        assert {row["model_version"] for rows in csv_rows(surroundings.csv).values() for row in rows} == {first.version}
        kept.write_bytes(content)
        scorer.wait_for("model swapped")
        wait_until(lambda: heartbeat.read_text() == "ready", 20, "health is well again")
    assert surroundings.assert_each_once() == 400


def test_a_challenger_is_heard_and_promoted(surroundings: Surroundings) -> None:
    """Its probability stands beside the champion's, and decides nothing until it is promoted."""
    models = surroundings.folder / "models"
    challenger = artifact.active(models)
    champion = save_model(models, strength=0.001)
    assert challenger is not None
    assert tool(surroundings, "model", "challenge", challenger.version).code == 0
    with surroundings.scorer() as scorer:
        scorer.wait_for("challenger")
        scorer.wait_for(READY)
        surroundings.send_payments(400)
        surroundings.wait_until_committed()
        assert "400 payments scored by" in tool(surroundings, "model", "compare").output
        assert tool(surroundings, "model", "promote", challenger.version).code == 0
        scorer.wait_for("model swapped")
        surroundings.send_payments(400)
        surroundings.wait_until_committed()
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
    """What is reviewed or blocked says why, strongest first; what is approved, or has no reference, says nothing."""
    usual = [40.0, 0.2, 0.0, 13.0, 0.0] if explained else None
    save_model(surroundings.folder / "models", usual=usual)
    surroundings.send([Message(RISKY), Message(payment(1))])
    with surroundings.scorer(REVIEW_THRESHOLD="0.3", BLOCK_THRESHOLD="0.9"):
        surroundings.wait_until_committed()
    events = scored(surroundings.bootstrap, surroundings.settings["SCORED_TOPIC"]).values()
    for (event,) in events:
        shares = [reason["contribution"] for reason in event["reasons"]]  # type: ignore[attr-defined]
        assert bool(shares) == (explained and event["decision"] != "approve")
        assert shares == sorted(shares, reverse=True)
    assert {event["decision"] for (event,) in events} > {"approve"}
