"""The subcommands of `fraudstream dlq`: settings → operation → terminal output and exit code."""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cli.asking import agreed
from cli.dlq import arguments as given
from cli.dlq import listing, showing
from cli.dlq.choosing import LetterPlace
from cli.dlq.edited import Edited
from cli.dlq.exporting import export
from cli.dlq.letterbox import Letterbox, letterbox
from cli.dlq.plan import absent, planned
from cli.dlq.replaying import Replay
from cli.stopping import unless_interrupted
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.connection import Log
from fraudstream.kafka.producing import transactional_id
from fraudstream.runtime import failpoints, logs, terminal
from fraudstream.runtime.settings import GroupSettings, KafkaSettings, LogSettings, TopicSettings

_NOTHING_DONE = ": nothing was written, nothing was sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """Context of a subcommand: dead-letter topic, arguments, connection settings, stop event and log."""

    box: Letterbox
    arguments: argparse.Namespace
    kafka: KafkaSettings
    identity: str
    stop: asyncio.Event
    log: Log


async def run_dlq(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Run the `fraudstream dlq` subcommand; return the exit code. Raises FraudstreamError."""
    failpoints.arm(env.get(failpoints.VARIABLE, ""))
    # standard output is for results only
    log = logs.configure(LogSettings.from_env(env), "dlq", sys.stderr)
    kafka, topics = KafkaSettings.from_env(env), TopicSettings.from_env(env)
    group = GroupSettings.from_env(env).group
    async with letterbox(kafka, topics, log, replays=arguments.what == "replay") as box:
        call = _Call(
            box=box,
            arguments=arguments,
            kafka=kafka,
            identity=transactional_id(group, topics.dlq, "replay"),
            stop=stop,
            log=log,
        )
        return await _COMMANDS[arguments.what](call)


async def _list(call: _Call) -> int:
    index = await unless_interrupted(call.box.index(), call.stop, _NOTHING_DONE)
    letters = listing.listed(index, given.choice(call.arguments))
    last, now_ms = call.arguments.last, time.time_ns() // 1_000_000
    with terminal.standard_output():
        if call.arguments.json:
            shown = letters if last is None else listing.latest(letters, last, now_ms)
            for one in shown:
                terminal.write(f"{listing.json_line(*one)}\n")
        else:
            shown_last = given.LATEST if last is None else last
            terminal.write(listing.text(letters, call.box.topic, shown_last, now_ms) + "\n")
    return 0


async def _show(call: _Call) -> int:
    place = call.arguments.place
    index = await unless_interrupted(call.box.index([place.partition]), call.stop, _NOTHING_DONE)
    found = await call.box.letter(place)
    if found is None:
        raise _no_letter(place, call.box.topic)
    text = showing.text(found.letter, index.replays(place), call.box.topic, found.timestamp_ms)
    with terminal.standard_output():
        terminal.write(f"{text}\n")
    return 0


async def _export(call: _Call) -> int:
    out, choice = call.arguments.out, given.choice(call.arguments)
    work = export(call.box, choice, out, force=call.arguments.force)
    count = await unless_interrupted(work, call.stop, _NOTHING_DONE)
    if out is not None:
        terminal.write(f"{count:,} dead letters written to {out}\n")
    return 0


async def _replay(call: _Call) -> int:
    arguments, box, choice = call.arguments, call.box, given.choice(call.arguments)
    if choice.status == "replayed" and not arguments.again:
        raise FraudstreamError(
            "--replayed selects letters that were already replayed: add --again to replay them again; nothing was sent"
        )
    if not box.target.keeps_transactions:
        raise FraudstreamError("the broker of make demo does not support transactions: a replay needs real Kafka")
    edited = Edited(arguments.file) if arguments.file else None
    index = await unless_interrupted(box.index(judged=edited is None), call.stop, _NOTHING_DONE)
    if place := absent(index, choice.places):
        raise _no_letter(place, box.topic)
    if edited and (place := absent(index, edited.edits)):
        raise edited.absent(place, box.topic)
    edits = edited.edits if edited else None
    plan = planned(index, choice, edits, box.target, again=arguments.again, limit=arguments.limit)
    if plan.entries:
        compared = box.compared([entry.place for entry in plan.entries], call.kafka)
        sources = await unless_interrupted(compared, call.stop, _NOTHING_DONE)
        plan = plan.compared(edits, sources.differing, sources.verified)
    terminal.write(plan.text(box.topic) + "\n")
    if not plan.entries:
        return 0
    question = f"Replay {len(plan.entries):,} letters into {plan.target.topic}?"
    if not arguments.yes and not await agreed(question, call.stop):
        terminal.write("Nothing was sent.\n")
        return 1
    replay = Replay(box=box, index=index, plan=plan, edited=edited, log=call.log)
    began_s = time.monotonic()
    await replay.run(call.kafka, call.identity, call.stop)
    terminal.write(_done(replay, time.monotonic() - began_s) + "\n")
    return 0


def _done(replay: Replay, took_s: float) -> str:
    into, edited = f"into {replay.plan.target.topic} in {took_s:.1f} s", f"{replay.edited_count:,} edited"
    lines = [f"{replay.done:,} replayed {into}: {edited}, {replay.done - replay.edited_count:,} unchanged."]
    if replay.already_replayed:
        lines.append(f"{replay.already_replayed:,} were replayed by another process in the meantime, and skipped.")
    lines.append("Next: fraudstream dlq list shows letters that failed again, fraudstream verify checks all records.")
    return "\n".join(lines)


def _no_letter(place: LetterPlace, topic: str) -> FraudstreamError:
    return FraudstreamError(f"there is no dead letter at {place} in {topic}; see fraudstream dlq list")


_COMMANDS: Mapping[str, Callable[[_Call], Awaitable[int]]] = {
    "list": _list,
    "show": _show,
    "export": _export,
    "replay": _replay,
}
