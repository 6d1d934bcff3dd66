"""The subcommands of `fraudstream dlq`: settings → operation → terminal output and exit code."""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from shlex import quote

from cli.asking import agreed
from cli.dlq import arguments as given
from cli.dlq import listing, showing
from cli.dlq.choosing import Choice
from cli.dlq.edited import Edited
from cli.dlq.exporting import export
from cli.dlq.letterbox import Letterbox, letterbox
from cli.dlq.places import LetterPlace
from cli.dlq.plan import planned
from cli.dlq.replaying import Replay
from cli.stopping import unless_interrupted
from cli.texts import counted
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.producing import transactional_id
from fraudstream.payment import PaymentFormat
from fraudstream.runtime import failpoints, logs, terminal
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.schema_file import load_schema
from fraudstream.runtime.settings import GroupSettings, KafkaSettings, LogSettings, TopicSettings

_NOTHING_DONE = ": nothing was written, nothing was sent"


async def run_dlq(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Run the `fraudstream dlq` subcommand; return the exit code. Raises FraudstreamError."""
    failpoints.arm(env.get(failpoints.VARIABLE, ""))
    # standard output is for results only
    log = logs.configure(LogSettings.from_env(env), "dlq", sys.stderr)
    rules = PaymentFormat(load_schema(env))
    kafka, topics, group = KafkaSettings.from_env(env), TopicSettings.from_env(env), GroupSettings.from_env(env).group
    async with letterbox(kafka, topics, rules, log, replays=arguments.what == "replay") as box:
        if arguments.what == "replay":
            return await _replay(box, transactional_id(group, topics.dlq, "replay"), stop, arguments)
        return await {"list": _list, "show": _show, "export": _export}[arguments.what](box, stop, arguments)


async def _list(box: Letterbox, stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    index = await unless_interrupted(box.index(), stop, _NOTHING_DONE)
    letters = listing.listed(index, given.choice(arguments, box.topic))
    last, now_ms = arguments.last, time.time_ns() // 1_000_000
    with terminal.standard_output():
        if arguments.json:
            shown = letters if last is None else listing.latest(letters, last, now_ms)
            for one in shown:
                terminal.write(f"{listing.json_line(*one)}\n")
        else:
            shown_last = given.LATEST if last is None else last
            terminal.write(listing.text(letters, box.topic, shown_last, now_ms, own_command()) + "\n")
    return 0


async def _show(box: Letterbox, stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    choice = Choice(topic=box.topic, places=arguments.places)
    index = await unless_interrupted(box.index({one.partition for one in choice.places}), stop, _NOTHING_DONE)
    if index.absent(choice):  # a letter that the scorer wrote is in the partition of its message; others may not be
        index = await unless_interrupted(box.index(), stop, _NOTHING_DONE)
    if absent := index.absent(choice):
        raise _no_letter(absent)
    masks = box.rules.schema.has_secrets and not arguments.raw
    separator = ""
    with terminal.standard_output():
        async for chunk in box.chunks([entry.place for entry in index.chosen(choice)]):
            for letter, timestamp_ms in chunk:
                replays = index.replays(LetterPlace(letter.partition, letter.offset))
                text = showing.text(
                    letter, replays, box.topic, timestamp_ms, box.rules, masks=masks, command=own_command()
                )
                terminal.write(f"{separator}{text}\n")
                separator = "\n"
    return 0


async def _export(box: Letterbox, stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    out = arguments.out
    masks = box.rules.schema.has_secrets and not arguments.raw
    choice = given.choice(arguments, box.topic)
    work = export(box, choice, out, force=arguments.force, masks=masks)
    count = await unless_interrupted(work, stop, _NOTHING_DONE)
    if out is not None:
        terminal.write(f"{counted(count, 'dead letter')} written to {out}\n")
        if count and not masks:
            replay = f"dlq replay{choice.replay_options()} --from {quote(str(out))}"
            terminal.write(f"Edit the values, then: {own_command(replay)}\n")
    return 0


async def _replay(box: Letterbox, identity: str, stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Replay the chosen letters as the producer `identity`, the same for every replay of this group."""
    choice = given.choice(arguments, box.topic)
    if choice.status == "replayed" and not arguments.again:
        raise FraudstreamError(
            "--replayed selects letters that were already replayed: add --again to replay them again; nothing was sent"
        )
    if not box.target.keeps_transactions:
        raise FraudstreamError("the broker of make demo does not support transactions: a replay needs real Kafka")
    edited = Edited(arguments.file, box.rules) if arguments.file else None
    index = await unless_interrupted(box.index(judged=edited is None), stop, _NOTHING_DONE)
    if absent := index.absent(choice):
        raise _no_letter(absent)
    if edited and (place := next((one for one in edited.edits if index.get(one) is None), None)):
        raise edited.absent(place, box.topic)
    edits = edited.edits if edited else None
    plan = planned(index, choice, edits, box.target, again=arguments.again, limit=arguments.limit)
    if plan.entries:
        compared = box.compared([entry.place for entry in plan.entries])
        sources = await unless_interrupted(compared, stop, _NOTHING_DONE)
        plan = plan.compared(sources.differing, sources.verified)
    terminal.write(plan.text(choice, own_command(), masks=box.rules.schema.has_secrets) + "\n")
    if not plan.entries:
        return 0
    question = f"Replay {counted(len(plan.entries), 'letter')} into {plan.target.topic}?"
    if not arguments.yes and not await agreed(question, stop):
        terminal.write("Nothing was sent.\n")
        return 1
    replay = Replay(box=box, index=index, plan=plan, edited=edited)
    began_s = time.monotonic()
    await replay.run(identity, stop)
    terminal.write(_done(replay, time.monotonic() - began_s) + "\n")
    return 0


def _done(replay: Replay, took_s: float) -> str:
    into, edited = f"into {replay.plan.target.topic} in {took_s:.1f} s", f"{replay.edited_count:,} edited"
    lines = [f"{replay.done:,} replayed {into}: {edited}, {replay.done - replay.edited_count:,} unchanged."]
    if replay.already_replayed:
        lines.append(f"{replay.already_replayed:,} were replayed by another process in the meantime, and skipped.")
    lines += [
        f"Letters that failed again: {own_command('dlq list --open')}",
        f"Check of all records: {own_command('verify')}",
    ]
    return "\n".join(lines)


def _no_letter(places: str) -> FraudstreamError:
    return FraudstreamError(f"there is no dead letter at {places}; see {own_command('dlq list')}")
