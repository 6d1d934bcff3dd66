"""The order of the disturbances. Pure: the same seed makes the same schedule.

Kinds and failpoints are drawn from shuffled lists, so that a storm of a few minutes has some of each.
"""

import itertools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeVar

from fraudstream.runtime.failpoints import SCORER_NAMES

Kind = Literal[
    "kill",
    "short stop",
    "long stop",
    "terminate",
    "scale",
    "failpoint",
    "model swap",
    "broker restart",
    "broker kill",
    "ZooKeeper stop",
]
SERVERS: frozenset[Kind] = frozenset({"broker restart", "broker kill", "ZooKeeper stop"})

# how many of each there are, and the seconds until one is undone: a restart, a SIGCONT; a long stop outlasts the
# group's session of 15 s
_KINDS: Mapping[Kind, tuple[int, tuple[float, float]]] = {
    "kill": (4, (0.0, 8.0)),
    "short stop": (2, (0.3, 6.0)),
    "long stop": (2, (16.0, 22.0)),
    "terminate": (2, (0.0, 5.0)),
    "scale": (3, (0.0, 0.0)),
    "failpoint": (9, (1.0, 22.0)),
    "model swap": (2, (0.0, 0.0)),
    "broker restart": (1, (0.0, 5.0)),
    "broker kill": (1, (0.0, 9.0)),
    "ZooKeeper stop": (1, (10.0, 20.0)),
}
_ACTIONS = ("kill", "stop", "fail")
# bursts of overlapping disturbances; then a pause, counted from when the group works again
_BURSTS = 0.6
_BURST_GAP_S, _BURST_PAUSE_S = (0.1, 3.0), (1.0, 7.0)
_BETWEEN_SERVERS = 3
_RARELY_CROWDED = 0.15
_HIGHEST_COUNT = 20
_AT_TAKEOVER = {"fenced", "token_taken", "resuming"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """One disturbance, `wait_s` after the previous one, its target among the candidates (`pick`, 0…1), its duration.

    `calm`: wait first until payments are scored again. `replicas` is the target of a scaling; `failpoint` is the one
    a new scorer is armed with, as spelled in `FAILPOINTS`; `resumed`: continue, not kill, a scorer that stops itself.
    """

    wait_s: float
    calm: bool
    kind: Kind
    pick: float
    hold_s: float
    replicas: int = 0
    failpoint: str = ""
    resumed: bool = False


def schedule(seed: int, replicas: int, partitions: int) -> Iterator[Disturbance]:
    """Yield the disturbances of that seed, endlessly."""
    random = Random(seed)
    failpoints = _shuffled(random, [(name, action) for name in SCORER_NAMES for action in _ACTIONS])
    count = replicas
    for kind in _kinds(random):
        calm = random.random() >= _BURSTS
        name, action = next(failpoints) if kind == "failpoint" else ("", "")
        if kind == "scale":
            count = _scaled(random, count, replicas, partitions)
        yield Disturbance(
            wait_s=round(random.uniform(*(_BURST_PAUSE_S if calm else _BURST_GAP_S)), 2),
            calm=calm,
            kind=kind,
            pick=random.random(),
            hold_s=round(random.uniform(*_KINDS[kind][1]), 2),
            replicas=count if kind == "scale" else 0,
            failpoint=f"{name}={action}@{_time(random, name)}" if name else "",
            resumed=random.random() < 0.5,
        )


def _kinds(random: Random) -> Iterator[Kind]:
    """Yield all kinds, with some others between two that disturb the servers."""
    postponed: deque[Kind] = deque()
    others = 0
    for kind in _shuffled(random, [kind for kind, (count, _) in _KINDS.items() for _ in range(count)]):
        if kind in SERVERS:
            postponed.append(kind)
        else:
            others += 1
            yield kind
        if postponed and others >= _BETWEEN_SERVERS:
            others = 0
            yield postponed.popleft()


def _shuffled(random: Random, items: Sequence[T]) -> Iterator[T]:
    """Yield all items in random order, again and again."""
    for _ in itertools.count():
        yield from random.sample(items, len(items))


def _time(random: Random, name: str) -> int:
    """Return the hit at which a failpoint acts: mostly an early one, as scorers may die soon; takeovers are rare."""
    if name in _AT_TAKEOVER:
        return random.choice((1, 1, 2))
    return min(int(random.expovariate(1 / 4)) + 1, _HIGHEST_COUNT)


def _scaled(random: Random, now: int, replicas: int, partitions: int) -> int:
    """Return another number of 1 … replicas + 2; now and then one more than there are partitions."""
    others = [number for number in range(1, replicas + 3) if number != now]
    return partitions + 1 if random.random() < _RARELY_CROWDED else random.choice(others)
