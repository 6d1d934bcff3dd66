"""Kafka's side of the protocol model: the state, both coordinators, and the start of a new group."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

Id = tuple[int, int]
"""A transactional id: the process, and how many it had before. Of process -1: the starters, which share one id."""
Record = tuple[int, int, Id]
"""Partition, offset, and the owner that decided."""
Records = tuple[Record, ...]
AS_BUILT = ("read", "fence", "read again", "token", "register")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Bounds of a search and, from `takeover` on, the rules of the protocol; another value of a rule is a mutant."""

    processes: int = 2
    generations: int = 2
    partitions: int = 1
    records: int = 1
    batch: int = 1
    faults: int = 1
    """How many crashes, failed cycles and lost answers there may be; being fenced is none of them."""
    retries: int = 1
    """How often an owner is replaced within a membership; a process that needs more stops, and is not waited for."""
    hosts: int = 1
    timeouts: bool = False
    starters: int = 0
    delayed_registration: bool = False
    """Whether a registration without an answer may arrive after later requests of the same member."""
    takeover: tuple[str, ...] = AS_BUILT
    first_read_stable: bool = False
    generation_checked: bool = True
    metadata: bool = True
    token: bool = True
    append_first: bool = True
    fenced_in_doubt: bool = True
    abort_awaited: bool = True
    start_in_transaction: bool = True


class Part(NamedTuple):
    """A partition in Kafka: the committed offset with its metadata, pending ones, and records visible to readers."""

    offset: int | None
    owner: Id | None
    pending: tuple[tuple[Id, int, Id | None], ...]
    scored: tuple[Id | None, ...]


class Transaction(NamedTuple):
    """A transaction that is open, or has ended (commit, abort) while its markers are not yet written."""

    owner: Id
    phase: str
    records: Records


class Csv(NamedTuple):
    """A partition in a host's journal and CSV; the rows by offset."""

    token: Id | None
    last: int
    base: int
    rows: tuple[Id | None, ...]


class Ready(NamedTuple):
    """A partition after its takeover."""

    partition: int
    position: int
    replay_until: int
    rows: tuple[Id | None, ...]


class Takeover(NamedTuple):
    """A takeover in progress, and its next step."""

    owner: Id
    step: str
    partitions: tuple[int, ...]
    harmless: frozenset[Id]
    names: frozenset[Id] = frozenset()
    offsets: tuple[int | None, ...] = ()
    ready: tuple[Ready, ...] = ()


class Cycle(NamedTuple):
    """A cycle in progress, and the steps of which any may be the next one."""

    owner: Id
    steps: frozenset[str]
    records: Records


class Process(NamedTuple):
    """A process, whose takeover and cycle run concurrently. Generation 0: not a member."""

    generation: int = 0
    assigned: frozenset[int] = frozenset()
    attempt: int = 0
    retries: int = 0
    ended: frozenset[Id] = frozenset()
    ready: tuple[Ready, ...] = ()
    takeover: Takeover | None = None
    cycle: Cycle | None = None


class Request(NamedTuple):
    """A request whose sender no longer waits for it: a commit, or a registration of these offsets."""

    owner: Id
    generation: int = 0
    offsets: tuple[tuple[int, int], ...] = ()


class State(NamedTuple):
    """The complete state. `empty`: the group's members have been expelled."""

    generation: int
    empty: bool
    faults: int
    parts: tuple[Part, ...]
    transactions: frozenset[Transaction]
    fenced: frozenset[Id]
    csvs: tuple[tuple[Csv, ...], ...]
    network: frozenset[Request]
    processes: tuple[Process, ...]
    starters: tuple[str, ...]


Step = tuple[str, State]
T = TypeVar("T")


class ViolationError(Exception):
    """A violated guarantee."""


class Kafka:
    """The brokers: effects of requests, and which requests are refused."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def fence(self, state: State, owner: Id) -> State:
        """Handle InitProducerId where no markers are pending: end the open transaction, fence earlier producers."""
        parts = tuple(
            part._replace(pending=tuple(one for one in part.pending if one[0] != owner)) for part in state.parts
        )
        transactions = frozenset(one for one in state.transactions if one.owner != owner)
        return state._replace(parts=parts, transactions=transactions, fenced=state.fenced | {owner})

    def markers(self, state: State, ended: Transaction) -> State:
        """Publish committed records with their offsets; drop aborted ones."""
        state = state._replace(transactions=state.transactions - {ended})
        for number, part in enumerate(state.parts):
            if ended.phase == "commit":
                part = self._published(state, number, part, ended)  # noqa: PLW2901
            part = part._replace(pending=tuple(one for one in part.pending if one[0] != ended.owner))  # noqa: PLW2901
            state = put_part(state, number, part)
        return state

    def _published(self, state: State, number: int, part: Part, ended: Transaction) -> Part:
        scored = list(part.scored)
        for _, offset, decided in (one for one in ended.records if one[0] == number):
            if scored[offset]:
                raise ViolationError(f"record {offset} of partition {number} is published twice")
            if self.rules.hosts == 1 and state.csvs[0][number].rows[offset] != decided:
                raise ViolationError(f"record {offset} of partition {number} is not published as the CSV has it")
            scored[offset] = decided
        part = part._replace(scored=tuple(scored))
        for owner, offset, metadata in part.pending:
            if owner == ended.owner:
                part = committed(part, number, offset, metadata)
        return part

    def decide(self, state: State, owner: Id, phase: str = "commit") -> State:
        """Handle EndTxn; without an open transaction, do nothing."""
        found = frozenset(one for one in state.transactions if one.owner == owner and one.phase == "open")
        ended = frozenset(one._replace(phase=phase) for one in found)
        return state._replace(transactions=(state.transactions - found) | ended)

    def arrives(self, state: State, request: Request) -> State:
        """Handle the request if it is allowed on arrival."""
        if not request.generation:
            return state if request.owner in state.fenced else self.decide(state, request.owner)
        if self.refused(state, request.generation):
            return state
        for number, offset in request.offsets:
            part = state.parts[number]._replace(pending=())  # Kafka: an older pending offset no longer counts
            state = put_part(state, number, committed(part, number, offset, request.owner))
        return state

    def refused(self, state: State, generation: int) -> bool:
        """Return whether a registration is of a generation other than the current one."""
        return self.rules.generation_checked and (state.empty or generation != state.generation)

    def ending(self, state: State, owner: Id) -> bool:
        """Return whether Kafka answers CONCURRENT_TRANSACTIONS."""
        return any(one.owner == owner and one.phase != "open" for one in state.transactions)

    def start_steps(self, state: State, number: int, step: str) -> Iterator[Step]:
        """Choose where a new group starts: shared/src/fraudstream/kafka/first_start.py."""
        me = (-1, number)

        def then(state: State, step: str) -> State:
            return state._replace(starters=replaced(state.starters, number, step))

        if step == "init" and not any(self.ending(state, (-1, other)) for other in range(len(state.starters))):
            for other in range(len(state.starters)):
                state = self.fence(state, (-1, other))
            yield f"starter {number} has the id", then(state._replace(fenced=state.fenced - {me}), "read")
        elif step == "read" and not any(part.pending for part in state.parts):
            is_new = all(part.offset is None for part in state.parts)
            yield f"starter {number} reads", then(state, ("offsets" if is_new else "done"))
        elif step == "offsets" and not self.rules.start_in_transaction:
            parts = tuple(committed(part, 0, 0, None) for part in state.parts)
            refused = then(state, "read")
            yield f"starter {number} commits", then(state._replace(parts=parts), "done") if state.empty else refused
        elif me in state.fenced and step in {"offsets", "end"}:
            yield f"starter {number} is fenced", then(state, "init")
        elif step == "offsets":
            parts = tuple(part._replace(pending=(*part.pending, (me, 0, None))) for part in state.parts)
            state = state._replace(parts=parts, transactions=state.transactions | {Transaction(me, "open", ())})
            yield f"starter {number} sends offsets", then(state, "end")
        elif step == "end":
            yield f"starter {number} commits", then(self.decide(state, me), "read")


def committed(part: Part, number: int, offset: int, metadata: Id | None) -> Part:
    """Return the partition with this offset committed; no record before it may lack a score."""
    if None in part.scored[:offset]:
        raise ViolationError(f"the committed offset {offset} of partition {number} is past a record without a score")
    return part._replace(offset=offset, owner=metadata)


def replaced(items: tuple[T, ...], number: int, item: T) -> tuple[T, ...]:
    """Return the items with one of them replaced."""
    return (*items[:number], item, *items[number + 1 :])


def put(state: State, number: int, process: Process) -> State:
    """Return the state with this process."""
    return state._replace(processes=replaced(state.processes, number, process))


def put_part(state: State, number: int, part: Part) -> State:
    """Return the state with this partition."""
    return state._replace(parts=replaced(state.parts, number, part))


def put_csv(state: State, host: int, partition: int, csv: Csv) -> State:
    """Return the state with this partition of a host's CSV."""
    return state._replace(csvs=replaced(state.csvs, host, replaced(state.csvs[host], partition, csv)))
