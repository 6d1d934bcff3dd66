"""When aiokafka may fetch: it always does so as soon as its records were taken, which is too early for small cycles."""

from typing import Any

from aiokafka import AIOKafkaConsumer


class FetchGate:
    """Holds back the fetch requests of a consumer that has started.

    aiokafka fetches nothing from a broker of which it has records that nobody has taken yet. So what it fetches at the
    beginning of a cycle is all that the next cycle gets; what comes later waits for one more.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        fetcher: Any = consumer._fetcher  # noqa: SLF001
        self._fetcher = fetcher
        self._actions = self._fetcher._get_actions_per_node  # noqa: SLF001
        self._fetcher._get_actions_per_node = self._when_open  # noqa: SLF001
        self._is_open = True

    def close(self) -> None:
        """Let no fetch begin; those under way go on."""
        self._is_open = False

    def open(self) -> None:
        """Let all fetches begin that are due."""
        if not self._is_open:
            self._is_open = True
            self._fetcher._notify(self._fetcher._wait_consume_future)  # noqa: SLF001

    def _when_open(self, assignment: Any) -> Any:
        requests, *others = self._actions(assignment)
        return (requests if self._is_open else [], *others)
