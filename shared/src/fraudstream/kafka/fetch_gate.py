"""Control over when aiokafka fetches: on its own, as soon as its records are returned, too early for small cycles."""

from typing import Any

from aiokafka import AIOKafkaConsumer


class FetchGate:
    """Gate that holds back the fetch requests of a started consumer.

    aiokafka sends no fetch request to a broker while it still buffers records of that broker. So the next cycle gets
    only the records fetched at the beginning of this one; records that arrive later wait for another cycle.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        fetcher: Any = consumer._fetcher  # noqa: SLF001
        self._fetcher = fetcher
        self._actions = self._fetcher._get_actions_per_node  # noqa: SLF001
        self._fetcher._get_actions_per_node = self._when_open  # noqa: SLF001
        self._is_open = True

    def close(self) -> None:
        """Send no more fetch requests; pending ones continue."""
        self._is_open = False

    def open(self) -> None:
        """Send the fetch requests that are due."""
        if not self._is_open:
            self._is_open = True
            self._fetcher._notify(self._fetcher._wait_consume_future)  # noqa: SLF001

    def _when_open(self, assignment: Any) -> Any:
        requests, *others = self._actions(assignment)
        return (requests if self._is_open else [], *others)
