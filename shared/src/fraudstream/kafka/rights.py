"""The rights that a client needs, and the message for a missing one: what to grant, and to whom."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from shlex import quote
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

_OLD_BROKERS = " (brokers before 2.8 also need: --operation IdempotentWrite --cluster)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Rights of one client: operations on topics, membership of its group, and writes with its transactional ids.

    On other topics it needs only Read, and on other groups only Describe, for example for an audit.
    """

    kafka: KafkaSettings
    topics: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict)
    group: str = ""
    transactional_ids: str = ""
    """Common prefix of the transactional ids."""

    @contextmanager
    def needed(self) -> Iterator[None]:
        """Raise AccessRefusedError, whose message has the command to grant it, where a right is missing."""
        try:
            yield
        except NOT_ALLOWED as error:
            raise AccessRefusedError(self.missing(error)) from error

    def missing(self, error: errors.KafkaError) -> str:
        """Return which right is missing and the command to grant it, in one line."""
        if isinstance(error, errors.GroupAuthorizationFailedError):
            operation, group = ("Read", self.group) if self.group else ("Describe", *error.args)
            return self._message([f"{operation} on group {group}"], [f"--operation {operation} --group {quote(group)}"])
        if isinstance(error, errors.TransactionalIdAuthorizationFailed):
            prefix = self.transactional_ids
            option = f"--operation Write --transactional-id {quote(prefix)} --resource-pattern-type prefixed"
            return self._message([f"Write on transactional ids that begin with {prefix}"], [option])
        old = _OLD_BROKERS if isinstance(error, errors.ClusterAuthorizationFailedError) else ""
        wanted = {name: self.topics.get(name, ("Read",)) for name in sorted(_topics(error)) or self.topics}
        return self._message(
            [f"{' and '.join(operations)} on topic {name}" for name, operations in wanted.items()],
            [
                f"{' '.join(f'--operation {one}' for one in operations)} --topic {quote(name)}"
                for name, operations in wanted.items()
            ],
            old,
        )

    def _message(self, rights: Iterable[str], options: Iterable[str], more: str = "") -> str:
        server, principal = self.kafka.bootstrap_servers, principal_of(self.kafka)
        commands = " && ".join(
            f"kafka-acls --bootstrap-server {server} --add --allow-principal {quote(principal)} {option}"
            for option in options
        )
        return f"{principal} lacks {', '.join(rights)}; grant it: {commands}{more}"


def principal_of(kafka: KafkaSettings) -> str:
    """Return the principal to which rights are granted."""
    if kafka.uses_sasl:
        return f"User:{kafka.sasl_username}"
    return f"User:<subject of {kafka.ssl_certfile}>" if kafka.ssl_certfile else "User:ANONYMOUS"


def _topics(error: errors.KafkaError) -> frozenset[str]:
    """Return the topics that *error* names, if any: its argument is one name, or a collection of names."""
    names = error.args[0] if error.args else ()
    return frozenset([names] if isinstance(names, str) else names if isinstance(names, set | frozenset | list) else ())
