"""The rules that keep the promise, each tested by the fault that it is for, and removed to show that it is needed.

A scenario runs with the scorer as it is, and must keep the promise; then with a mutant, and must break it.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced

from tests.integration import offsets
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import READY, Surroundings
from tests.integration.topic import alter_config
from tests.integration.trained import save_model
from tests.oracle import scored

_TOPICS = ("INPUT_TOPIC", "SCORED_TOPIC", "DLQ_TOPIC")


def score(scene: Surroundings, mutant: str) -> None:
    """Run the mutant until the group has committed all records that the input has now, then stop it."""
    with scene.mutant(mutant) as owner:
        scene.wait_until_committed()
        owner.stop()


def overlapping_appends(scene: Surroundings, mutant: str) -> None:
    """Stop a replica in the middle of its write, while another one appends its own partitions."""
    with scene.mutant(mutant) as first, scene.mutant(mutant, FAILPOINTS="torn=stop") as second:
        for service in (first, second):
            service.wait_for(READY)
        wait_until(lambda: len(first.lines(READY)[-1]["partitions"]) == 2, 60, "partitions are shared")
        scene.send_payments(400)
        second.wait_until_paused()
        scene.send_payments(800)
        if mutant != "none":
            scene.wait_for_positions(dict.fromkeys(first.lines(READY)[-1]["partitions"], 300))  # the other one appends
        paused_ns = scene.csv.stat().st_mtime_ns
        second.resume()
        # the group may have given its partitions to the other one; then nothing else waits for its write
        wait_until(lambda: scene.csv.stat().st_mtime_ns != paused_ns, 60, "the second one writes the rest")
        scene.wait_until_committed()


def replay_after_the_append(scene: Surroundings, mutant: str, failpoint: str = "stored=kill") -> None:
    """Kill a scorer when the CSV has the rows and Kafka has no commit."""
    scene.send_payments(1_000)
    with scene.mutant(mutant, FAILPOINTS=failpoint) as first:
        first.wait_until_killed()
    with scene.mutant(mutant):
        scene.wait_until_committed()


def zombie_with_another_model(scene: Surroundings, mutant: str) -> None:
    """Stop a replica after its sends, and resume it while the next owner, with another model, is about to append."""
    scene.send_payments(400, partitions=1)
    with scene.mutant(mutant, FAILPOINTS="sent=stop") as zombie:
        zombie.wait_until_paused()
        save_model(scene.folder / "models", strength=0.01)
        with scene.mutant(mutant, MAX_BATCH_RECORDS="50", FAILPOINTS="sent=stop") as owner:
            owner.wait_until_paused()
            zombie.resume()
            zombie.wait_for("partitions taken over again")
            zombie.kill()
            owner.resume()
            scene.wait_until_committed()


def death_between_commit_and_append(scene: Surroundings, mutant: str) -> None:
    """Kill a scorer when Kafka's commit is done."""
    replay_after_the_append(scene, mutant, failpoint="committed=kill")


def rejected_batch(scene: Surroundings, mutant: str) -> None:
    """Let the scored topic refuse records without a key, and accept them again later."""
    alter_config(scene.bootstrap, scene.settings["SCORED_TOPIC"], {"cleanup.policy": "compact"})
    scene.send_payments(1_000)
    with scene.mutant(mutant) as scorer:
        scorer.wait_for(READY)
        if mutant == "none":
            scorer.wait_for("scoring blocked")
        else:
            scene.wait_until_committed()
        alter_config(scene.bootstrap, scene.settings["SCORED_TOPIC"], {"cleanup.policy": "delete"})
        scene.wait_until_committed()


def zombie_of_another_host(scene: Surroundings, mutant: str, cycle: int = 1) -> None:
    """Stop a replica with a CSV of its own before it publishes, and resume it when its successor has finished."""
    _one_partition(scene)  # no other partition's metadata may name the zombie
    other = str(scene.folder / "outputs" / "of_another_host.csv")
    with scene.mutant(mutant, MAX_BATCH_RECORDS="100", FAILPOINTS=f"decided=stop@{cycle}", CSV_PATH=other) as zombie:
        zombie.wait_until_paused()
        with scene.mutant(mutant, MAX_BATCH_RECORDS="100") as owner:
            scene.wait_until_committed()
            zombie.resume()
            wait_until(lambda: len(zombie.lines(READY)) > 1, 60, "the zombie has joined again")
            assert owner.running


def _one_partition(scene: Surroundings) -> None:
    """Create topics of one partition, with 400 payments to be scored."""
    scene.partitions = 1
    scene.settings |= {name: f"{topic}-one" for name, topic in zip(_TOPICS, scene.topics, strict=True)}
    scene.make_topics(dict.fromkeys(scene.topics, 1))
    scene.send_payments(400)


def zombie_of_another_host_in_its_second_cycle(scene: Surroundings, mutant: str) -> None:
    """Stop and resume a replica with a CSV of its own as in the first cycle, once that is committed."""
    zombie_of_another_host(scene, mutant, cycle=2)


def commit_between_read_and_fence(scene: Surroundings, mutant: str) -> None:
    """Let the previous owner commit when its successor has read the offsets, and has not fenced it yet."""
    scene.send_payments(100, partitions=1)
    with scene.mutant(mutant, FAILPOINTS="stored=stop") as zombie:
        zombie.wait_until_paused()
        with scene.mutant(mutant, FAILPOINTS="owners_read=stop") as owner:
            owner.wait_until_paused()
            ends = offsets.ends(scene.bootstrap, scene.settings["INPUT_TOPIC"])
            zombie.resume()
            scene.wait_for_positions(ends)  # soon: the owner's session may not end meanwhile
            zombie.kill()
            owner.resume()
            owner.wait_until_ready()
            scene.send_and_wait(100, partitions=1)


def takeover_of_an_older_generation_on_another_host(scene: Surroundings, mutant: str) -> None:
    """Stop a takeover before it registers; the next owner scores all and leaves; the first one is resumed."""
    _one_partition(scene)
    other = str(scene.folder / "outputs" / "of_another_host.csv")
    with scene.mutant(mutant, FAILPOINTS="registering=stop", CSV_PATH=other) as zombie:
        zombie.wait_until_paused()
        score(scene, mutant)
        zombie.resume()
        wait_until(lambda: len(zombie.lines(READY)) > 1, 60, "the zombie has joined again")
        zombie.wait_until_ready()
        scene.wait_until_committed()


def first_start_of_two(scene: Surroundings, mutant: str) -> None:
    """Let two members find a new group; the first commits its start when the second has scored all and has left."""
    scene.send_payments(100, partitions=1)
    with scene.mutant(mutant, FAILPOINTS="start_read=stop") as late:
        late.wait_until_paused()
        score(scene, mutant)
        late.resume()
        late.wait_until_ready()
        scene.send_and_wait(100, partitions=1)


def late_start_on_another_host(scene: Surroundings, mutant: str) -> None:
    """Delete the offsets; a host with a CSV continues after it. A new host, paused in its start, commits it late."""
    _one_partition(scene)
    other = str(scene.folder / "outputs" / "of_another_host.csv")
    score(scene, mutant)
    offsets.delete_group(scene.bootstrap, scene.group)
    with scene.mutant(mutant, FAILPOINTS="start_read=stop", CSV_PATH=other) as late:
        late.wait_until_paused()
        with scene.mutant(mutant) as owner:
            scene.wait_until_committed()
            late.resume()
            late.wait_for("start offsets committed" if mutant != "none" else "not ready")
            owner.stop()
        late.wait_until_ready()
        scene.wait_until_committed()


def scorer_of_an_earlier_release(scene: Surroundings, mutant: str) -> None:
    """Replace a scorer whose producer, with an id for each partition, has sent records and commits them later."""
    scene.send_payments(100, partitions=1)
    group, topic = scene.group, scene.topics[0]
    asyncio.run(_earlier_release(scene, mutant, [f"{group}-{topic}-0", f"{group.replace('-', '%2D')}-{topic}-0"]))


async def _earlier_release(scene: Surroundings, mutant: str, ids: Sequence[str]) -> None:
    async with AsyncExitStack() as stack:
        producers = [AIOKafkaProducer(bootstrap_servers=scene.bootstrap, transactional_id=each) for each in ids]
        for producer in producers:
            await producer.start()
            stack.push_async_callback(_stopped, producer)
            await producer.begin_transaction()
            await producer.send_and_wait(scene.settings["SCORED_TOPIC"], b"from an earlier release", partition=0)
        with scene.mutant(mutant):
            await asyncio.to_thread(scene.wait_until_committed)
        for producer in producers:
            with suppress(ProducerFenced):
                await producer.commit_transaction()


async def _stopped(producer: AIOKafkaProducer) -> None:
    with suppress(ProducerFenced):
        await producer.stop()


SCENARIOS: dict[str, Callable[[Surroundings, str], None]] = {
    "no_lock": overlapping_appends,
    "no_skip": replay_after_the_append,
    "no_token": zombie_with_another_model,
    "commit_first": death_between_commit_and_append,
    "not_awaited": rejected_batch,
    "no_fence": zombie_of_another_host,
    "no_registration": zombie_of_another_host,
    "no_metadata": zombie_of_another_host_in_its_second_cycle,
    "no_start_fence": late_start_on_another_host,
    "no_second_read": commit_between_read_and_fence,
    "no_generation": takeover_of_an_older_generation_on_another_host,
    "plain_start": first_start_of_two,
    "no_legacy_fence": scorer_of_an_earlier_release,
}


def judge(scene: Surroundings, rule: str) -> int:
    """Check the promise, for the topic alone where two hosts have a CSV each."""
    if "another_host" not in SCENARIOS[rule].__name__:
        return scene.assert_each_once()
    topic = scene.settings["SCORED_TOPIC"]
    found = scored(scene.bootstrap, topic)
    assert {place: len(records) for place, records in found.items()} == {(0, offset): 1 for offset in range(400)}
    return len(found)


@pytest.mark.parametrize("rule", SCENARIOS)
def test_with_its_rules_the_promise_is_kept(surroundings: Surroundings, rule: str) -> None:
    """The scorer as it is keeps the promise."""
    SCENARIOS[rule](surroundings, "none")
    assert judge(surroundings, rule) > 0


@pytest.mark.parametrize("rule", SCENARIOS)
def test_without_this_rule_the_promise_is_broken(surroundings: Surroundings, rule: str) -> None:
    """The check detects the mutant, and not by luck: all records are drained before it runs."""
    SCENARIOS[rule](surroundings, rule)
    with pytest.raises((AssertionError, ValueError, KeyError, TypeError)):
        judge(surroundings, rule)
