"""Names of fields made from paths, and what a name suggests about its values. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

from fraudstream.payment_schema import LABEL, is_reserved

Path = tuple[str, ...]
_LONGEST = 64
_VALID = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
UNLIKELY = 2
_PAYMENT = {"payment", "transaction", "trans", "tx", "txn", "trx"}
_IDENTIFIERS = {"id", "ids", "uuid", "guid", "ref", "reference", "num", "number", "no", "hash", "token", "iban", "pan"}
_CODES = {"code", "mcc", "zip", "postcode", "postal", "bin", "phone", "category", "type", "version"}
_AMOUNTS = ("amount", "amt", "total", "price", "sum", "value")
_ANYWHERE = {"amount", "amt"}
_AGGREGATES = {"avg", "average", "mean", "median", "min", "max", "std", "count", "last", "previous", "limit", "daily"}
_TIMES = {"time", "timestamp", "ts", "date", "datetime", "at", "created", "occurred", "epoch"}
_FLAGS = {"is", "has", "was", "had", "flag", "enabled", "verified", "present"}
_LABELS = (
    "isfraud",
    "fraud",
    "fraudulent",
    "isfraudulent",
    "fraudlabel",
    "fraudflag",
    "chargeback",
    "ischargeback",
    "label",
    "class",
    "target",
)


def words(name: str) -> list[str]:
    """Return the words of a name in snake or camel case, in lower case."""
    return [word.lower() for word in _WORD.findall(name)]


def id_rank(name: str) -> int:
    """Return how likely a name is the payment's id: 0 is the most likely."""
    found = words(name)
    if found and found[-1] in _IDENTIFIERS:
        return 0 if len(found) == 1 or found[-2] in _PAYMENT else 1
    return UNLIKELY


def amount_rank(name: str) -> int | None:
    """Return how likely a name is the payment's amount, 0 being the most likely; None if it is not."""
    found = words(name)
    if _AGGREGATES.intersection(found) or any(map(str.isdigit, found)):
        return None
    ranks = [rank for rank, word in enumerate(_AMOUNTS) if word in (found if word in _ANYWHERE else found[-1:])]
    return 2 * min(ranks) + (len(found) > 1) if ranks else None


def label_rank(name: str) -> int | None:
    """Return how likely a name is the label, 0 being the most likely; None if it is not."""
    joined = "".join(words(name))
    return _LABELS.index(joined) if joined in _LABELS else None


def is_identifier(name: str) -> bool:
    """Return whether a name is one of an identifier, whose numbers are no quantities."""
    return not _IDENTIFIERS.isdisjoint(words(name)[-1:])


def is_code(name: str) -> bool:
    """Return whether a name is one of codes, whose digits are no number."""
    return not _CODES.isdisjoint(words(name))


def is_time(name: str) -> bool:
    """Return whether a name is one of times."""
    return not _TIMES.isdisjoint(words(name))


def is_hour(name: str) -> bool:
    """Return whether a name is one of an hour of the day."""
    return "hour" in words(name)


def is_flag(name: str) -> bool:
    """Return whether a name is one of flags."""
    return not _FLAGS.isdisjoint(words(name))


def named(paths: Sequence[Path]) -> Mapping[Path, tuple[str, str]]:
    """Return for each path a valid name and its name in outputs, all different; a key that is valid keeps its name.

    No field has the label's name.
    """
    found: dict[Path, str] = {
        path: path[0] for path in paths if len(path) == 1 and _VALID.fullmatch(path[0]) and path[0] != LABEL
    }
    taken = {LABEL, *found.values()}
    for path in paths:
        if path not in found:
            found[path] = _free(_made(path), taken)
            taken.add(found[path])
    columns = {path: name for path, name in found.items() if not is_reserved(name)}
    taken = set(columns.values())
    for path, name in found.items():
        if path not in columns:
            columns[path] = _free(f"payment_{name}", taken)
            taken.add(columns[path])
    return {path: (found[path], columns[path]) for path in paths}


def _made(path: Path) -> str:
    keys = (re.sub(r"[^A-Za-z0-9_]+", "_", key).strip("_") for key in path)
    name = "_".join(filter(None, keys))
    return (f"field_{name}" if name[:1].isdigit() or not name else name)[:_LONGEST].strip("_")


def _free(name: str, taken: Iterable[str]) -> str:
    """Return the name, with a number if it is taken."""
    free, number = name[:_LONGEST], 2
    while free in taken:
        suffix = f"_{number}"
        free, number = name[: _LONGEST - len(suffix)] + suffix, number + 1
    return free


def path_text(path: Path) -> str:
    """Return the value of `path` for these keys."""
    return ".".join(_path_key(key) for key in path)


def _path_key(key: str) -> str:
    if key and not re.search(r'[."\\]', key):
        return key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def quoted(text: str) -> str:
    """Return a text of TOML; characters that are not printable are escaped."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08X}"
