"""Partitions whose records can't be scored, stored or published until a user removes the cause."""

import time
from collections.abc import Callable, Collection, Mapping

import structlog

from fraudstream.runtime.log_on_change import LogOnChange

_REPEAT_S = 600.0


class Blocked:
    """Blocked partitions and the reason of each, until the partition advances or is no longer assigned.

    A reason is logged when it first occurs, every 10 minutes while it lasts, and when no partition has it any more.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._reasons: dict[int, tuple[str, int]] = {}
        self._logs: dict[str, LogOnChange] = {}

    @property
    def reason(self) -> str | None:
        """The distinct reasons, joined by semicolons; None if nothing is blocked."""
        return "; ".join(dict.fromkeys(reason for reason, _ in self._reasons.values())) or None

    def add(self, positions: Mapping[int, int], reason: str) -> None:
        """Record that partitions are blocked; `positions` are the next offsets by partition."""
        self._reasons.update({partition: (reason, position) for partition, position in positions.items()})
        self._drop_ended()
        if reason not in self._logs:
            self._logs[reason] = LogOnChange(structlog.get_logger().error, "scoring blocked", _REPEAT_S, self._now)
        self._logs[reason].report(
            reason,
            partitions=sorted(positions),
            action="nothing is committed for these partitions; retrying",
        )

    def settle(self, assigned: Collection[int], positions: Mapping[int, int]) -> None:
        """Forget partitions that are not `assigned` to this member, or that are ready at another position."""
        self._reasons = {
            partition: (reason, position)
            for partition, (reason, position) in self._reasons.items()
            if partition in assigned and positions.get(partition, position) == position
        }
        for reason in self._drop_ended():
            structlog.get_logger().info("scoring resumed", was=reason)

    def _drop_ended(self) -> Collection[str]:
        """Drop and return the reasons that no partition has any more; they are logged again if they recur."""
        ended = self._logs.keys() - {reason for reason, _ in self._reasons.values()}
        for reason in ended:
            del self._logs[reason]
        return ended
