"""payment_ids that are unique to one run of a producer; pure."""

_EPOCH_S = 1_767_225_600  # 2026-01-01T00:00:00Z
_COUNTER_BITS = 16
_NUMBER_BITS = 7
_NUMBERS = 1 << _NUMBER_BITS
_COUNTERS = 1 << _COUNTER_BITS
_MOST_SECONDS = (1 << 30) - 1


class PaymentIds:
    """Ascending ids below 2^53: second of the start (30 bits, until 2060), producer's number (7), counter (16).

    The second advances by one whenever the counter is full, and never by the clock. So two starts share an id only if
    their producer numbers are equal modulo 128 and their seconds overlap: both started in the same second, or the
    earlier one made more than 65,536 payments for each second between them. The broker numbers producers in sequence.
    """

    def __init__(self, started_s: float, producer_number: int) -> None:
        self._second = min(max(1, int(started_s) - _EPOCH_S), _MOST_SECONDS)
        self._number = producer_number % _NUMBERS
        self._counter = 0

    def take(self, count: int) -> list[int]:
        """Return the next `count` ids."""
        ids: list[int] = []
        while count > len(ids):
            first = ((self._second << _NUMBER_BITS | self._number) << _COUNTER_BITS) + self._counter
            some = min(count - len(ids), _COUNTERS - self._counter)
            ids.extend(range(first, first + some))
            self._counter += some
            if self._counter == _COUNTERS:
                self._second, self._counter = self._second + 1, 0
        return ids
