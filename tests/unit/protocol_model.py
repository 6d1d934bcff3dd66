"""The protocol of docs/architecture.md, "Exactly once", as a state machine whose every interleaving is searched.

A process is paused by not being scheduled, and may resume at any time. A rebalance may come at any time; a process
that it leaves out is not notified. A step that only the process itself can observe, such as a new id's own
InitProducerId, is part of another step.
"""

from collections.abc import Iterator

from tests.unit.protocol_kafka import Csv, Id, Part, Process, Request, Rules, State, Step, ViolationError, put
from tests.unit.protocol_scorer import Scorer, registration


class Model(Scorer):
    """Steps that are possible in a state."""

    def initial(self) -> State:
        """Return the state before any process has joined."""
        rules = self.rules
        part = Part(None if rules.starters else 0, None, (), (None,) * rules.records)
        csvs = ((Csv(None, -1, -1, (None,) * rules.records),) * rules.partitions,) * rules.hosts
        starters = ("init" if rules.start_in_transaction else "read",) * rules.starters
        return State(
            generation=0,
            empty=True,
            faults=0,
            parts=(part,) * rules.partitions,
            transactions=frozenset(),
            fenced=frozenset(),
            csvs=csvs,
            network=frozenset(),
            processes=(Process(),) * rules.processes,
            starters=starters,
        )

    def complete(self, state: State) -> bool:
        """Return whether every record is published, in a CSV, and committed; or a process stopped at the bound."""
        if any(one.generation == state.generation and one.retries > self.rules.retries for one in state.processes):
            return True
        stored = [
            all(any(rows) for rows in zip(*(csv.rows for csv in one), strict=True))
            for one in zip(*state.csvs, strict=True)
        ]
        return all(stored) and all(
            part.offset == self.rules.records and None not in part.scored for part in state.parts
        )

    def steps(self, state: State) -> Iterator[tuple[str, bool, State]]:
        """Yield each next state, its step, and whether the step is neither a fault nor a rebalance."""
        for label, after in self._calm(state):
            yield label, True, self._tidied(after)
        if state.generation < self.rules.generations:
            for label, after in self._rebalances(state):
                yield label, not self._all_served(state), self._tidied(after)
        if state.faults < self.rules.faults:
            for label, after in self._faults(state._replace(faults=state.faults + 1)):
                yield label, False, self._tidied(after)

    def _tidied(self, state: State) -> State:
        """Drop state that can no longer matter, and let a fenced process notice it if it has no other step left."""
        owners = {(number, one.attempt) for number, one in enumerate(state.processes)}
        owners |= {one.takeover.owner for one in state.processes if one.takeover}
        owners |= {one.cycle.owner for one in state.processes if one.cycle} | {one.owner for one in state.network}
        fenced = frozenset(one for one in state.fenced if one in owners or one[0] < 0)
        network = frozenset(one for one in state.network if one.generation or one.owner not in fenced)
        seen = {part.owner for part in state.parts} | {one[2] for part in state.parts for one in part.pending}
        seen |= {one.owner for one in network}
        processes = tuple(
            one._replace(ended=one.ended & (seen | _known(one))) if one.ended else one for one in state.processes
        )
        state = state._replace(fenced=fenced, network=network, processes=processes)
        for number, one in enumerate(processes):
            if one.cycle and one.cycle.owner in fenced and "append" not in one.cycle.steps:
                return self._tidied(self.new_owner(state, number, ended=False))
        return state

    def _all_served(self, state: State) -> bool:
        mine = [one.assigned for one in state.processes if one.generation == state.generation]
        return not state.empty and sum(map(len, mine)) == self.rules.partitions

    def _calm(self, state: State) -> Iterator[Step]:
        for one in state.transactions:
            if one.phase != "open":
                yield f"markers of {one.owner}", self.markers(state, one)
            elif self.rules.timeouts:
                yield f"timeout of {one.owner}", self.fence(state, one.owner)
        for request in state.network:
            yield f"{request} arrives", self.arrives(state._replace(network=state.network - {request}), request)
        for number, starter in enumerate(state.starters):
            yield from self.start_steps(state, number, starter)
        for number, process in enumerate(state.processes):
            yield from self.takeover_steps(state, number, process)
            yield from self.cycle_steps(state, number, process)

    def _rebalances(self, state: State) -> Iterator[Step]:
        if self.rules.starters and not state.empty:
            yield "the sessions end", state._replace(empty=True)
        able = [
            number
            for number, process in enumerate(state.processes)
            if process.cycle is None
            and (not state.starters or state.starters[number] == "done")
            and (number == 0 or state.processes[number - 1].attempt)
        ]
        everything = frozenset(range(self.rules.partitions))
        for number in able:
            yield f"all to {number}", self._joined(state, {number: everything})
        if self.rules.partitions > 1:
            first = frozenset({0})
            for one in able:
                for other in able:
                    if one != other:
                        yield (
                            f"0 to {one}, rest to {other}",
                            self._joined(state, {one: first, other: everything - first}),
                        )

    def _joined(self, state: State, assigned: dict[int, frozenset[int]]) -> State:
        generation = state.generation + 1
        state = state._replace(generation=generation, empty=False)
        for number, partitions in assigned.items():
            old = state.processes[number]
            state = put(state, number, Process(generation, partitions, old.attempt + 1, ended=old.ended))
        return state

    def _faults(self, state: State) -> Iterator[Step]:
        for number, process in enumerate(state.processes):
            if process.generation and state.generation < self.rules.generations:
                yield f"{number} is killed", put(state, number, Process(attempt=process.attempt))
            cycle, takeover = process.cycle, process.takeover
            if cycle and cycle.steps & {"offsets", "append"}:
                yield f"{number}: the cycle fails", self.failed(state, number, process)
            if cycle and cycle.steps == {"commit"} and cycle.owner not in state.fenced:
                unanswered = self.failed(state, number, process, "doubt")
                yield f"{number}: commit, its answer lost", self.decide(unanswered, cycle.owner)
                yield f"{number}: commit delayed", unanswered._replace(network=state.network | {Request(cycle.owner)})
            if takeover and takeover.step == "register":
                again = put(state, number, process._replace(takeover=None))
                request = registration(takeover, process.generation)
                yield f"{number}: registration, its answer lost", self.arrives(again, request)
                if self.rules.delayed_registration:
                    yield f"{number}: registration delayed", again._replace(network=state.network | {request})


def _known(process: Process) -> set[Id]:
    return {process.takeover.owner, *process.takeover.names} if process.takeover else set()


def search(rules: Rules) -> int:
    """Search all states and return their number; raise ViolationError with the shortest path to a violation."""
    model = Model(rules)
    start = model.initial()
    numbers, reached = {start: 0}, [start]
    came_from: list[tuple[int, str]] = [(0, "")]
    before: list[list[int]] = [[]]
    complete = []
    for number, state in enumerate(reached):  # grows during the loop
        if model.complete(state):
            complete.append(number)
        try:
            for label, calm, after in model.steps(state):
                found = numbers.setdefault(after, len(reached))
                if found == len(reached):
                    reached.append(after)
                    came_from.append((number, label))
                    before.append([])
                if calm:
                    before[found].append(number)
        except ViolationError as violation:
            raise ViolationError(f"{violation}, after: {_way(came_from, number)}") from None
    able = set(complete)
    while complete:
        new = set(before[complete.pop()]) - able
        able |= new
        complete += new
    stuck = next((number for number in range(len(reached)) if number not in able), None)
    if stuck is not None:
        raise ViolationError(f"not everything is scored in the end, after: {_way(came_from, stuck)}")
    return len(reached)


def _way(came_from: list[tuple[int, str]], number: int) -> str:
    labels = []
    while number:
        number, label = came_from[number]
        labels.append(label)
    return "; ".join(reversed(labels))
