"""The scorer's side of the protocol model: how a process takes partitions over, and its cycle."""

from collections.abc import Callable, Iterator
from functools import cache

from tests.unit.protocol_kafka import (
    Cycle,
    Id,
    Kafka,
    Process,
    Ready,
    Records,
    Request,
    State,
    Step,
    Takeover,
    Transaction,
    ViolationError,
    put,
    put_csv,
    put_part,
)

from fraudstream.offsets import Decided, Log, resume


class Scorer(Kafka):
    """Steps of a process that is a member of the group."""

    # A takeover: services/scorer/scorer/ownership.py, shared/src/fraudstream/kafka/owner.py

    def takeover_steps(self, state: State, number: int, process: Process) -> Iterator[Step]:
        """Take over all missing partitions, or one of them; one takeover at a time."""
        missing = tuple(sorted(process.assigned - {one.partition for one in process.ready}))
        takeover = process.takeover
        if takeover is None:
            for partitions in dict.fromkeys((missing, *((one,) for one in missing))) if missing else ():
                takeover = Takeover((number, process.attempt), "read", partitions, process.ended)
                yield from self._taken(state, number, takeover)
            return
        yield from self._taken(state, number, takeover)
        if takeover.owner != (number, process.attempt):  # its stable read may wait for a transaction of its own
            yield f"{number}: the takeover times out", put(state, number, process._replace(takeover=None))

    def _taken(self, state: State, number: int, takeover: Takeover) -> Iterator[Step]:
        process = state.processes[number]
        label = f"{number}: {takeover.step} {takeover.partitions}"

        def then(state: State, takeover: Takeover | None) -> Step:
            return label, put(state, number, state.processes[number]._replace(takeover=takeover))

        if takeover.step in {"read", "read again"}:
            if found := self._read(state, takeover):
                yield then(state, found)
        elif takeover.step == "fence":
            others = _others(takeover)
            if not others:
                yield then(state, takeover._replace(step=self._after("fence")))
            for other in others:
                if not self.ending(state, other):
                    found = takeover._replace(harmless=takeover.harmless | {other})
                    yield then(self.fence(state, other), found)
        elif takeover.step == "token":
            yield then(*self._acquired(state, number, takeover))
        elif takeover.step == "register" and self.refused(state, process.generation):
            gone = process._replace(assigned=process.assigned - set(takeover.partitions))
            yield then(put(state, number, gone), None)
        else:
            yield then(self._registered(state, number, takeover), None)

    def _registered(self, state: State, number: int, takeover: Takeover) -> State:
        """Mark the partitions ready, unless the owner was replaced meanwhile."""
        process = state.processes[number]
        if takeover.step == "register":
            state = self.arrives(state, registration(takeover, process.generation))
        if takeover.owner == (number, process.attempt):
            process = process._replace(ready=tuple(sorted((*process.ready, *takeover.ready))))
        return put(state, number, process)

    def _after(self, step: str) -> str:
        return dict(zip(self.rules.takeover, (*self.rules.takeover[1:], "ready"), strict=True))[step]

    def _read(self, state: State, takeover: Takeover) -> Takeover | None:
        parts = [state.parts[number] for number in takeover.partitions]
        stable = takeover.step == "read again" or self.rules.first_read_stable
        if stable and any(part.pending for part in parts):
            return None
        found = takeover._replace(
            step=self._after(takeover.step),
            names=frozenset(part.owner for part in parts if part.owner),
            offsets=tuple(part.offset for part in parts),
        )
        again = takeover.step == "read again" and "fence" in self.rules.takeover and _others(found)
        return found._replace(step="fence") if again else found

    def _acquired(self, state: State, number: int, takeover: Takeover) -> tuple[State, Takeover]:
        ready, host = [], number % self.rules.hosts
        for partition, committed in zip(takeover.partitions, takeover.offsets, strict=True):
            csv = state.csvs[host][partition]
            state = put_csv(state, host, partition, csv._replace(token=takeover.owner))
            position = _position(committed, csv.last, csv.base, self.rules.records)
            ready.append(Ready(partition, position, csv.last, csv.rows))
        step = self._after("token")
        none: frozenset[Id] = frozenset()
        return state, Takeover(takeover.owner, step, takeover.partitions, none, ready=tuple(ready))

    # A cycle: services/scorer/scorer/pipeline.py

    def cycle_steps(self, state: State, number: int, process: Process) -> Iterator[Step]:
        """Send, append in parallel with the offsets, commit; after an error replace the owner."""
        cycle, me = process.cycle, (number, process.attempt)
        if cycle is None:
            records = self._fetched(process, me)
            if records and not self.ending(state, me):
                yield f"{number}: send {records}", self._sent(state, number, process, records)
            return
        actions: dict[str, Callable[[State, int, Process, Cycle], State]] = {
            "append": self._append,
            "offsets": self._offsets,
            "commit": self._commit,
            "abandon": self._abandoned,
            "doubt": self._doubted,
        }
        for step in cycle.steps - ({"offsets"} if self.ending(state, cycle.owner) else set()):
            yield f"{number}: {step}", actions[step](state, number, process, cycle)
        if cycle.steps == {"abandon"}:
            yield f"{number}: no answer to abort", self.new_owner(state, number, ended=not self.rules.abort_awaited)

    def _fetched(self, process: Process, me: Id) -> Records:
        found = []
        for one in process.ready:
            end = min(one.position + self.rules.batch, self.rules.records)
            if one.position <= one.replay_until:
                end = min(end, one.replay_until + 1)
            found += [(one.partition, offset, one.rows[offset] or me) for offset in range(one.position, end)]
        return tuple(found)

    def _sent(self, state: State, number: int, process: Process, records: Records) -> State:
        me = (number, process.attempt)
        steps = frozenset({"offsets", "append"} if self.rules.append_first else {"offsets"})
        process = process._replace(cycle=Cycle(me, steps, records))
        if me in state.fenced:
            return self.failed(state, number, process)
        opened = state.transactions | {Transaction(me, "open", records)}
        return put(state._replace(transactions=opened), number, process)

    def failed(self, state: State, number: int, process: Process, step: str = "abandon") -> State:
        """Drop the partitions of the cycle; their takeover may start before the owner is replaced."""
        assert process.cycle
        lost = {partition for partition, _, _ in process.cycle.records}
        ready = tuple(one for one in process.ready if one.partition not in lost)
        cycle = process.cycle._replace(steps=frozenset({step}), records=())
        return put(state, number, process._replace(ready=ready, cycle=cycle))

    def _done(self, state: State, number: int, step: str) -> State:
        process = state.processes[number]
        assert process.cycle
        steps = process.cycle.steps - {step} or frozenset({"commit"})
        return put(state, number, process._replace(cycle=process.cycle._replace(steps=steps)))

    def _append(self, state: State, number: int, process: Process, cycle: Cycle) -> State:
        host, refused = number % self.rules.hosts, False
        for partition in {one[0] for one in cycle.records}:
            csv = state.csvs[host][partition]
            if csv.token != cycle.owner and self.rules.token:
                refused = True
                continue
            offsets = [one[1] for one in cycle.records if one[0] == partition]
            if offsets[-1] <= csv.last:
                continue  # a replay
            if offsets[0] <= csv.last:
                raise ViolationError(f"record {offsets[0]} of partition {partition} is in the CSV twice")
            rows = list(csv.rows)
            for _, offset, decided in (one for one in cycle.records if one[0] == partition):
                rows[offset] = decided
            state = put_csv(state, host, partition, csv._replace(last=offsets[-1], base=offsets[0], rows=tuple(rows)))
        if refused:
            return self.failed(state, number, process)
        return self._done(state, number, "append") if self.rules.append_first else self._succeeded(state, number)

    def _offsets(self, state: State, number: int, process: Process, cycle: Cycle) -> State:
        if cycle.owner in state.fenced:
            return self.failed(state, number, process)
        metadata = cycle.owner if self.rules.metadata else None
        for partition in {one[0] for one in cycle.records}:
            part = state.parts[partition]
            following = 1 + max(one[1] for one in cycle.records if one[0] == partition)
            pending = (*part.pending, (cycle.owner, following, metadata))
            state = put_part(state, partition, part._replace(pending=pending))
        if not any(one.owner == cycle.owner for one in state.transactions):  # Kafka starts another one
            state = state._replace(transactions=state.transactions | {Transaction(cycle.owner, "open", ())})
        return self._done(state, number, "offsets")

    def _commit(self, state: State, number: int, process: Process, cycle: Cycle) -> State:
        if cycle.owner in state.fenced:
            return self.failed(state, number, process, "doubt")
        state = self.decide(state, cycle.owner)
        if self.rules.append_first:
            return self._succeeded(state, number)
        return put(state, number, process._replace(cycle=cycle._replace(steps=frozenset({"append"}))))

    def _succeeded(self, state: State, number: int) -> State:
        process = state.processes[number]
        assert process.cycle
        ends = {partition: offset + 1 for partition, offset, _ in process.cycle.records}
        ready = tuple(one._replace(position=ends.get(one.partition, one.position)) for one in process.ready)
        return put(state, number, process._replace(cycle=None, ready=ready))

    def _abandoned(self, state: State, number: int, _: Process, cycle: Cycle) -> State:
        """Abort and receive the answer; a fenced producer is refused."""
        fenced = cycle.owner in state.fenced
        return self.new_owner(state if fenced else self.decide(state, cycle.owner, "abort"), number, ended=not fenced)

    def _doubted(self, state: State, number: int, process: Process, cycle: Cycle) -> State:
        if self.rules.fenced_in_doubt or cycle.owner in state.fenced:
            return self.new_owner(state, number, ended=False)
        return put(self.decide(state, cycle.owner, "abort"), number, process._replace(cycle=None, ready=()))

    def new_owner(self, state: State, number: int, *, ended: bool) -> State:
        """Replace the owner; *ended*: the takeovers of this process need not fence the id of the previous one."""
        process = state.processes[number]
        known = process.ended | {(number, process.attempt)} if ended else process.ended
        attempt, retries = process.attempt + 1, process.retries + 1
        if retries > self.rules.retries:
            return put(state, number, Process(process.generation, attempt=attempt, retries=retries))
        changed = process._replace(attempt=attempt, retries=retries, ended=known, ready=(), cycle=None)
        return put(state, number, changed)


@cache
def _position(committed: int | None, last: int, base: int, records: int) -> int:
    """Return where the product's own rule resumes reading."""
    decided = Decided(offset=last, base=base, fingerprint=None) if last >= 0 else None
    return resume(committed, decided, Log(start=0, end=records, fingerprint=None)).position


def _others(takeover: Takeover) -> frozenset[Id]:
    return takeover.names - takeover.harmless - {takeover.owner}


def registration(takeover: Takeover, generation: int) -> Request:
    """Return the request by which a member registers the owner."""
    return Request(takeover.owner, generation, tuple((one.partition, one.position) for one in takeover.ready))
