"""Named places in a service's cycle where a test kills, stops or fails the process; without effect unless armed.

`FAILPOINTS=sent=kill@3,stored=stop` kills the process when it reaches `sent` for the third time, and stops it when it
first reaches `stored`.
"""

import errno
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from fraudstream.errors import SettingsError

VARIABLE = "FAILPOINTS"
ScorerPlace = Literal[
    "start_read",
    "fetched",
    "decided",
    "sending",
    "sent",
    "locked",
    "torn",
    "appended",
    "journal_torn",
    "stored",
    "offsets_sent",
    "committed",
    "owners_read",
    "fenced",
    "token_taken",
    "registering",
    "registered",
    "resuming",
]
ErasePlace = Literal["erase_listed", "erase_announced", "erase_replaced", "erase_done", "erase_archived"]
ReplayPlace = Literal["replay_begins", "replay_sent", "replay_committed"]
ArchiverPlace = Literal["moved", "written", "archived"]
Name = ScorerPlace | ReplayPlace | ArchiverPlace | ErasePlace
SCORER_NAMES: tuple[str, ...] = get_args(ScorerPlace)
ARCHIVER_NAMES: tuple[str, ...] = get_args(ArchiverPlace)
ERASE_NAMES: tuple[str, ...] = get_args(ErasePlace)
NAMES: tuple[str, ...] = ERASE_NAMES + SCORER_NAMES + get_args(ReplayPlace) + ARCHIVER_NAMES


def _signal(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def _fail() -> None:
    raise OSError(errno.EIO, "failpoint")


_ACTIONS: Mapping[str, Callable[[], None]] = {
    "kill": _signal(signal.SIGKILL),
    "stop": _signal(signal.SIGSTOP),
    "fail": _fail,
    "block": lambda: time.sleep(3600),
}
_armed: dict[str, tuple[int, Callable[[], None]]] = {}


def arm(text: str) -> None:
    """Arm the failpoints that `text` names, `name=action[@n]` each: only the n-th pass (the first) acts."""
    for part in filter(None, text.split(",")):
        name, _, rest = part.partition("=")
        action, _, count = rest.partition("@")
        if name not in NAMES or action not in _ACTIONS or not (count or "1").isdigit():
            raise SettingsError(f"{VARIABLE}: {part!r} is not name=action[@n], of {NAMES} and {tuple(_ACTIONS)}")
        _armed[name] = (int(count or "1"), _ACTIONS[action])


def failpoint(name: Name) -> None:
    """Act if `name` is armed for this pass."""
    if _armed and name in _armed:
        left, action = _armed.pop(name)
        if left > 1:
            _armed[name] = (left - 1, action)
        else:
            action()


def armed(name: Name) -> bool:
    """Return whether the next pass acts: for places that must prepare the failure, such as half a write."""
    return bool(_armed) and name in _armed and _armed[name][0] == 1
