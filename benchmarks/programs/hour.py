"""A program that feeds a board with payments on a simulated clock, as fast as it can, and prints its memory."""

import itertools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import records, usage
from benchmarks.records import Record, Template
from dashboard.board import Board
from dashboard.replicas import Replicas

RATE_PER_S = 10_000
_START_S = 1_800_000_000
_ROUNDS_A_S = 4
_A_ROUND = RATE_PER_S // _ROUNDS_A_S
_PARTITIONS = 6
_DEAD_LETTERS_A_S = 10


def main() -> None:
    """Read the templates' file and the number of payments; print the resident MB at each quarter."""
    templates = itertools.cycle(records.load(Path(sys.argv[1])))
    seconds = int(sys.argv[2]) // RATE_PER_S
    board = Board("simulated", Replicas(), _START_S)
    board.connected(_START_S, caught_up=True)
    resident_mb = []
    for quarter in range(4):
        for second in range(seconds * quarter // 4, seconds * (quarter + 1) // 4):
            _second(board, templates, second)
        board.snapshot(_START_S + seconds * (quarter + 1) // 4)
        resident_mb.append(usage.resident_mb(os.getpid()))
    print(json.dumps(resident_mb))


def _second(board: Board, templates: Iterator[Template], second: int) -> None:
    """Simulate one second: the calls of the dashboard's follower, scraper and pages on the board."""
    for number in range(_ROUNDS_A_S):
        now_s = _START_S + second + number / _ROUNDS_A_S
        at, now_ms = records.scored_at(now_s), int(1_000 * now_s)
        first = (second * _ROUNDS_A_S + number) * _A_ROUND
        read = [
            Record(first + place, now_ms, template.key, template.value(at), [])
            for place, template in enumerate(itertools.islice(templates, _A_ROUND))
        ]
        for partition in range(_PARTITIONS):
            board.add_scored(partition, read[partition::_PARTITIONS], now_s)
    now_s = _START_S + second + 1.0
    dead = range(second * _DEAD_LETTERS_A_S, (second + 1) * _DEAD_LETTERS_A_S)
    board.add_dead(0, [records.dead_letter(number, int(1_000 * now_s)) for number in dead], now_s)
    board.measure(now_s)
    board.tick(now_s)


if __name__ == "__main__":
    main()
