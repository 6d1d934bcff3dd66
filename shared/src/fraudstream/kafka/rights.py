"""What a client must be allowed to do, and the words for what Kafka does not let it do: what to grant, and to whom."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from aiokafka import errors

from fraudstream.errors import AccessRefusedError
from fraudstream.runtime.settings import KafkaSettings

Operation = Literal["Read", "Write", "Describe", "Create", "Alter", "DescribeConfigs"]

NOT_ALLOWED = (
    errors.ClusterAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.TopicAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)

_OLD_BROKERS = " (brokers before 2.8 also want: --operation IdempotentWrite --cluster)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What one client needs: an operation on each topic, to be in its group, and to write by its transactional ids.

    Of other topics it only reads, and of other groups it only asks, as those who audit do.
    """

    kafka: KafkaSettings
    topics: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict)
    group: str = ""
    transactional_ids: str = ""
    """What all their names begin with."""

    @contextmanager
    def needed(self) -> Iterator[None]:
        """Raise AccessRefusedError, which says what to grant, where one of them turns out to be missing."""
        try:
            yield
        except NOT_ALLOWED as error:
            raise AccessRefusedError(self.missing(error)) from error

    def missing(self, error: errors.KafkaError) -> str:
        """What to grant, in one line."""
        if isinstance(error, errors.GroupAuthorizationFailedError):
            operation, group = ("Read", self.group) if self.group else ("Describe", *error.args)
            return self._words([f"{operation} on group {group}"], [f"--operation {operation} --group {_quoted(group)}"])
        if isinstance(error, errors.TransactionalIdAuthorizationFailed):
            prefix = self.transactional_ids
            option = f"--operation Write --transactional-id {_quoted(prefix)} --resource-pattern-type prefixed"
            return self._words([f"Write on transactional ids that begin with {prefix}"], [option])
        old = _OLD_BROKERS if isinstance(error, errors.ClusterAuthorizationFailedError) else ""
        wanted = {name: self.topics.get(name, ("Read",)) for name in sorted(_topics(error)) or self.topics}
        return self._words(
            [f"{' and '.join(operations)} on topic {name}" for name, operations in wanted.items()],
            [
                f"{' '.join(f'--operation {one}' for one in operations)} --topic {_quoted(name)}"
                for name, operations in wanted.items()
            ],
            old,
        )

    def _words(self, whats: Iterable[str], options: Iterable[str], more: str = "") -> str:
        server, principal = self.kafka.bootstrap_servers, principal_of(self.kafka)
        commands = " && ".join(
            f"kafka-acls --bootstrap-server {server} --add --allow-principal {_quoted(principal)} {option}"
            for option in options
        )
        return f"{principal} lacks {', '.join(whats)}; grant it: {commands}{more}"


def principal_of(kafka: KafkaSettings) -> str:
    """The name under which rights are granted to us."""
    if kafka.uses_sasl:
        return f"User:{kafka.sasl_username}"
    return f"User:<subject of {kafka.ssl_certfile}>" if kafka.ssl_certfile else "User:ANONYMOUS"


def _topics(error: errors.KafkaError) -> frozenset[str]:
    """The topics that it names, if any: alone, or several in one."""
    names = error.args[0] if error.args else ()
    return frozenset([names] if isinstance(names, str) else names if isinstance(names, set | frozenset | list) else ())


def _quoted(text: str) -> str:
    return shlex.quote(text)
