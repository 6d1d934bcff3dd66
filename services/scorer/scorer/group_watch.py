"""Other programs in the scorers' consumer group: they can hold partitions, or keep all scorers from joining.

Kafka admits any client that names the group. Scorers recognise each other by their client ids.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

import structlog

from fraudstream.kafka.connection import error_text
from fraudstream.kafka.consumer import ASSIGNOR, CLIENT_ID, NOT_ADMITTED
from fraudstream.kafka.group import Group, GroupProbe, Member
from fraudstream.runtime.escaping import shortened, visible
from fraudstream.runtime.settings import KafkaSettings

_LOOK_EVERY_S = 5.0
_NAMED = 3
_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Effect of another program in the group; `blocks` if payments are not scored because of it."""

    text: str
    blocks: bool


class GroupWatch:
    """Check of the group's members for other programs, over a connection that stays open until `aclose`.

    `problem` is why partitions are not scored, `remark` that another program is a member without taking partitions.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, group: str) -> None:
        self._topic = topic
        self._group = group
        self._probe = GroupProbe(kafka, group)
        self._finding: Finding | None = None
        self._reading = asyncio.Lock()

    @property
    def problem(self) -> str | None:
        """The reason why partitions of the input are not scored, if another program is the cause."""
        return self._finding.text if self._finding and self._finding.blocks else None

    @property
    def remark(self) -> str | None:
        """The other program in the group, if it holds no partition of the input."""
        return self._finding.text if self._finding and not self._finding.blocks else None

    async def watch(self) -> None:
        """Check the members every 5 s, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Check the members once and log a change; without an answer from a broker the finding is unchanged."""
        async with self._reading:
            group = await self._probe.read()
        # during a rebalance the assignment is unknown
        if group is not None and (group.stable or not group.members):
            self._note(judge(group, self._topic, self._group))

    async def reason(self, error: BaseException) -> str:
        """Return why a request to Kafka failed: another program in the group, if that is the cause."""
        if isinstance(error, NOT_ADMITTED):
            await self.look()
            return self.problem or self.remark or f"{type(error).__name__}: other members keep this scorer out"
        return error_text(error)

    def _note(self, finding: Finding | None) -> None:
        if finding != self._finding:
            log = structlog.get_logger()
            if finding is None:
                log.info("other programs left the consumer group", group=self._group)
            else:
                report = log.error if finding.blocks else log.warning
                report("another program in the consumer group", reason=finding.text)
        self._finding = finding

    async def aclose(self) -> None:
        """Disconnect."""
        await self._probe.close()


def judge(group: Group, topic: str, name: str) -> Finding | None:
    """Return the effect on `topic` of members of group `name` that are not scorers; None if there are none.

    Scorers of an earlier release have another assignor: with both in one group, two could publish for a partition.
    """
    others = [member for member in group.members if not member.client_id.startswith(CLIENT_ID)]
    if not others:
        if not group.members or group.assignor == ASSIGNOR:
            return None
        text = f"scorers of an earlier release are members of consumer group {name}: stop all of them first"
        return Finding(text=f"{text}; this one joins as soon as they have left", blocks=True)
    who = f"another program ({_named(others)}) is a member of consumer group {name}"
    remedy = "give it a group of its own, or set CONSUMER_GROUP to another group"
    if group.assignor != ASSIGNOR:
        remedy = (
            f"{remedy}; stop it first if it is a scorer of an earlier release" if group.assignor == "sticky" else remedy
        )
        return Finding(
            text=f"{who}, with assignor '{_shown(group.assignor)}': no scorer can join; {remedy}", blocks=True
        )
    taken = sorted(place.partition for member in others for place in member.assigned if place.topic == topic)
    if taken:
        text = f"{who}, and has partitions {taken} of {topic}: their payments are not scored; {remedy}"
        return Finding(text=text, blocks=True)
    topics = sorted({_shown(one) for member in others for one in member.subscribed})
    reads = f", subscribed to {', '.join(topics[:_NAMED])}" if topics else ""
    return Finding(text=f"{who}{reads}: scoring pauses whenever it joins or leaves; {remedy}", blocks=False)


def _named(members: Collection[Member]) -> str:
    names = sorted({f"client id '{_shown(member.client_id)}' at {_shown(member.host)}" for member in members})
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _shown(text: str) -> str:
    return visible(shortened(text, _SHOWN))
