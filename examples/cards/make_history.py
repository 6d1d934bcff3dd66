"""Generate the history and the messages of this example again: `python examples/cards/make_history.py [FOLDER]`.

The cards, people and addresses are invented: e-mail addresses of example.com, and IP addresses reserved for documents.
"""

import csv
import json
import random
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROWS, MESSAGES = 4_200, 20
START = datetime(2026, 3, 1, tzinfo=UTC)
COUNTRIES = ("DE", "FR", "NL", "ES", "PL", "GB", "US")
CATEGORIES = ("grocery", "fuel", "travel", "fashion", "games", "software", "gifts")
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
LABEL, FRAUD_RATE = "is_fraud", 0.03
AMOUNT_IN_QUOTES, WITHOUT_CARD, CUT_OFF = 5, 11, 18
"""Lines of the messages with an error."""


def payments(rng: random.Random) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield payments as objects, each with its label."""
    moment = START
    while True:
        moment += timedelta(seconds=round(rng.expovariate(1 / 600)))
        is_fraud = _happens(rng, FRAUD_RATE)
        yield _payment(rng, moment, is_fraud=is_fraud), is_fraud


def _payment(rng: random.Random, moment: datetime, *, is_fraud: bool) -> dict[str, Any]:
    customer, home = rng.randrange(2_000), rng.choice(COUNTRIES)
    # of fraud, more payments are large, at night, abroad, and from new devices
    is_abroad, is_new = _happens(rng, 0.6 if is_fraud else 0.1), _happens(rng, 0.7 if is_fraud else 0.08)
    amount = round(rng.lognormvariate(4.2 if is_fraud else 3.3, 1.0) + 0.5, 2)
    recent = min(rng.randrange(9 if is_fraud else 4), rng.randrange(12))
    payment: dict[str, Any] = {
        "transaction_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "created_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "amount": amount,
        "currency": "USD" if home == "US" else "GBP" if home == "GB" else "EUR",
        "channel": rng.choice(("web", "app", "pos", "phone")),
        "country": rng.choice(COUNTRIES) if is_abroad else home,
        "local_hour": rng.choice((1, 2, 3, 4)) if is_fraud and _happens(rng, 0.5) else (moment.hour + 1) % 24,
        "failed_logins": min(rng.randrange(8), rng.randrange(6)) if is_fraud else max(0, rng.randrange(12) - 9),
        "merchant": {
            "id": f"m{rng.randrange(400)}",
            "category": rng.choice(CATEGORIES[3:] if is_fraud else CATEGORIES),
            "country": rng.choice(COUNTRIES),
            "age_days": rng.randrange(3_000),
        },
        "card": {
            "token": f"t{customer:04}{rng.randrange(2)}",
            "brand": rng.choice(("visa", "mastercard", "amex")),
            "country": home,
            "age_days": rng.randrange(200 if is_fraud else 1_500),
            "is_virtual": _happens(rng, 0.3 if is_fraud else 0.1),
        },
        "customer": {
            "id": f"c{customer}",
            "email": f"c{customer}@example.com",
            "age_days": rng.randrange(90 if is_fraud else 2_500),
            "payments_24h": recent,
            "amount_24h": round(recent * rng.uniform(5, 60), 2),
        },
        "device": {
            "ip": f"{rng.choice(NETWORKS)}.{rng.randrange(256)}",
            "is_new": is_new,
            "risk": round(rng.betavariate(5, 2) if is_fraud else rng.betavariate(1.5, 6), 3),
            "utc_offset": rng.choice((-5, 0, 1, 1, 1, 2)),
        },
    }
    # the web page of a device without scripts does not send its system, and some senders do not know the distance
    if _happens(rng, 0.9):
        payment["device"]["system"] = rng.choice(("android", "ios", "windows", "linux"))
    if _happens(rng, 0.8):
        payment["distance_km"] = round(rng.expovariate(1 / (900 if is_abroad else 15)), 1)
    return payment


def _happens(rng: random.Random, probability: float) -> bool:
    return rng.random() < probability


def flat(members: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the cells of a payment: the keys of nested objects are joined with dots."""
    cells: dict[str, str] = {}
    for key, value in members.items():
        if isinstance(value, dict):
            cells |= flat(value, f"{prefix}{key}.")
        else:
            cells[f"{prefix}{key}"] = str(value).lower() if isinstance(value, bool) else str(value)
    return cells


def spoiled(number: int, payment: dict[str, Any]) -> str:
    """Return the message of a payment; three of them have an error that senders make."""
    if number == AMOUNT_IN_QUOTES:
        payment["amount"] = f"{payment['amount']:.2f}"
    if number == WITHOUT_CARD:
        del payment["card"]
    text = json.dumps(payment, separators=(",", ":"))
    return text[: len(text) // 2] if number == CUT_OFF else text


def write(folder: Path) -> None:
    """Write `history.csv` and `messages.jsonl`."""
    made = payments(random.Random(18))
    history = [flat(payment) | {LABEL: str(int(is_fraud))} for payment, is_fraud in (next(made) for _ in range(ROWS))]
    columns = max(history, key=len).keys()
    with (folder / "history.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
    messages = [spoiled(number, next(made)[0]) for number in range(1, MESSAGES + 1)]
    (folder / "messages.jsonl").write_text("".join(f"{message}\n" for message in messages), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent)
