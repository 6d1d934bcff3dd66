"""Partitions whose records can't be scored, stored or published for a reason that somebody must remove."""

import time
from collections.abc import Callable, Collection, Mapping

import structlog

_REPEAT_S = 600.0


class Blocked:
    """Each partition's reason, until the partition moves on or another member has it.

    A reason is logged when it begins, every 10 minutes while it lasts, and when it has ended for all partitions.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._reasons: dict[int, tuple[str, int]] = {}
        self._logged_s: dict[str, float] = {}

    @property
    def reason(self) -> str | None:
        """All reasons, one after the other; None if nothing is blocked."""
        return "; ".join(dict.fromkeys(reason for reason, _ in self._reasons.values())) or None

    def add(self, positions: Mapping[int, int], reason: str) -> None:
        """Note that partitions are blocked, by partition at the offset that comes next."""
        self._reasons.update({partition: (reason, position) for partition, position in positions.items()})
        self._ended()
        now_s = self._now()
        if now_s - self._logged_s.get(reason, -_REPEAT_S) >= _REPEAT_S:
            self._logged_s[reason] = now_s
            structlog.get_logger().error(
                "scoring hindered",
                reason=reason,
                partitions=sorted(positions),
                action="nothing of these partitions is committed; tried again",
            )

    def settle(self, assigned: Collection[int], positions: Mapping[int, int]) -> None:
        """Forget partitions that are not *assigned* to this member, or are ready at another position by now."""
        self._reasons = {
            partition: (reason, position)
            for partition, (reason, position) in self._reasons.items()
            if partition in assigned and positions.get(partition, position) == position
        }
        for reason in self._ended():
            structlog.get_logger().info("scoring goes on", was=reason)

    def _ended(self) -> Collection[str]:
        """Return the reasons that no partition has any longer; the next time they are logged again."""
        ended = self._logged_s.keys() - {reason for reason, _ in self._reasons.values()}
        for reason in ended:
            del self._logged_s[reason]
        return ended
