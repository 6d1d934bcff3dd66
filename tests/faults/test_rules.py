"""The rules that keep the promise, each met by the fault that it is for; and each taken out, to see that it is needed.

A scenario runs with the scorer as it is, and must keep the promise; then with a mutant, and must break it.
"""

from collections.abc import Callable

import pytest

from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Surroundings, save_model
from tests.integration.topic import alter_config

SIGKILLED = -9


def overlapping_appends(scene: Surroundings, mutant: str) -> None:
    """A replica stopped in the middle of its write, while another one appends its own partitions."""
    with scene.mutant(mutant) as first, scene.mutant(mutant, FAILPOINTS="torn=stop") as second:
        for service in (first, second):
            service.wait_for(READY)
        wait_until(lambda: len(first.lines(READY)[-1]["partitions"]) == 2, 30, "partitions are shared")
        scene.send_payments(400)
        second.wait_until_paused()
        scene.send_payments(800)
        if mutant != "none":
            scene.wait_for_positions(dict.fromkeys(first.lines(READY)[-1]["partitions"], 300))  # the other one appends
        paused_ns = scene.csv.stat().st_mtime_ns
        second.resume()
        # the group may have given its partitions to the other one by now: then nothing else waits for its write
        wait_until(lambda: scene.csv.stat().st_mtime_ns != paused_ns, 30, "the second one writes the rest")
        scene.wait_until_committed()


def replay_after_the_append(scene: Surroundings, mutant: str) -> None:
    """Killed when the CSV has the rows and Kafka doesn't know."""
    scene.send_payments(1_000)
    with scene.mutant(mutant, FAILPOINTS="stored=kill") as first:
        assert first.wait(60) == SIGKILLED
    with scene.mutant(mutant):
        scene.wait_until_committed()


def zombie_with_another_model(scene: Surroundings, mutant: str) -> None:
    """A replica stopped after its sends, resumed while the next owner, with another model, is about to append."""
    scene.send_payments(400, partitions=1)
    with scene.mutant(mutant, FAILPOINTS="sent=stop") as zombie:
        zombie.wait_until_paused()
        save_model(scene.folder / "models", strength=0.01)
        with scene.mutant(mutant, MAX_BATCH_RECORDS="50", FAILPOINTS="sent=stop") as owner:
            owner.wait_until_paused(timeout_s=40)
            zombie.resume()
            zombie.wait_for("partitions taken over again")
            zombie.kill()
            owner.resume()
            scene.wait_until_committed()


def death_between_commit_and_append(scene: Surroundings, mutant: str) -> None:
    """Killed when Kafka's commit is done."""
    scene.send_payments(1_000)
    with scene.mutant(mutant, FAILPOINTS="committed=kill") as first:
        assert first.wait(60) == SIGKILLED
    with scene.mutant(mutant):
        scene.wait_until_committed()


def rejected_batch(scene: Surroundings, mutant: str) -> None:
    """The scored topic refuses records without a key, and takes them again later."""
    alter_config(scene.bootstrap, scene.settings["SCORED_TOPIC"], {"cleanup.policy": "compact"})
    scene.send_payments(1_000)
    with scene.mutant(mutant) as scorer:
        scorer.wait_for(READY)
        if mutant == "none":
            scorer.wait_for("scoring hindered")
        else:
            scene.wait_until_committed()
        alter_config(scene.bootstrap, scene.settings["SCORED_TOPIC"], {"cleanup.policy": "delete"})
        scene.wait_until_committed()


SCENARIOS: dict[str, Callable[[Surroundings, str], None]] = {
    "no_lock": overlapping_appends,
    "no_skip": replay_after_the_append,
    "no_token": zombie_with_another_model,
    "commit_first": death_between_commit_and_append,
    "not_awaited": rejected_batch,
}


@pytest.mark.parametrize("rule", SCENARIOS)
def test_with_its_rules_the_promise_is_kept(surroundings: Surroundings, rule: str) -> None:
    """The scorer as it is."""
    SCENARIOS[rule](surroundings, "none")
    assert surroundings.assert_each_once() > 0


@pytest.mark.parametrize("rule", SCENARIOS)
def test_without_this_rule_the_promise_is_broken(surroundings: Surroundings, rule: str) -> None:
    """The mutant is caught by the oracle, not by luck: all is drained before it judges."""
    SCENARIOS[rule](surroundings, rule)
    with pytest.raises((AssertionError, ValueError, KeyError, TypeError)):
        surroundings.assert_each_once()
