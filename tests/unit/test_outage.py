"""Detection of brokers that no longer answer."""

import asyncio
from collections.abc import Callable
from unittest.mock import MagicMock

from fraudstream.kafka.outage import Outage


def _run(scenario: Callable[[Outage, asyncio.Event], "asyncio.Future[None] | object"]) -> list[str]:
    """Return the log lines of `scenario`, in which the silence limit is short."""
    log = MagicMock()

    async def main() -> None:
        changed = asyncio.Event()
        await scenario(Outage(log, changed.set, silence_s=0.01), changed)  # type: ignore[misc]

    asyncio.run(main())
    return [str(one.args[0]) for one in log.warning.call_args_list + log.info.call_args_list]


def test_begins_and_ends_once() -> None:
    """An outage has one line at each end, however many requests wait and however many answers come then."""

    async def scenario(outage: Outage, changed: asyncio.Event) -> None:
        outage.expect()
        await asyncio.wait_for(changed.wait(), 5)
        assert outage.is_on
        outage.expect()
        outage.over(more_expected=False)
        assert not outage.is_on
        outage.over(more_expected=False)

    assert _run(scenario) == ["Kafka is unavailable: waiting, nothing is lost", "Kafka is available again"]


def test_begins_again_while_more_is_expected() -> None:
    """Time is measured from the last answer."""

    async def scenario(outage: Outage, changed: asyncio.Event) -> None:
        outage.expect()
        outage.over(more_expected=True)
        await asyncio.wait_for(changed.wait(), 5)
        assert outage.is_on

    assert _run(scenario) == ["Kafka is unavailable: waiting, nothing is lost"]


def test_silence_is_fine_where_nothing_is_expected() -> None:
    """No timer remains when all requests have been answered, nor after the end."""

    async def scenario(outage: Outage, changed: asyncio.Event) -> None:
        outage.expect()
        outage.over(more_expected=False)
        outage.expect()
        outage.end()
        late = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, late.set)
        await late.wait()
        assert not changed.is_set()

    assert _run(scenario) == []
