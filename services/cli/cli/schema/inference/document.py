"""The text of an inferred `payment.toml`, with comments for the person who checks it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cli.schema.inference.choices import Choice
from cli.schema.inference.column import Column
from cli.schema.inference.names import Path, path_text, quoted
from cli.texts import counted
from fraudstream.payment_schema import LONGEST, MOST_CHARACTERS, MOST_FIELDS

_MOST_LISTED, _MOST_SHOWN = 20, 100
_LABEL_COMMENT = "the outcome, which training reads from the history: it is not a field"


@dataclass(slots=True, kw_only=True)
class LeftOut:
    """Members of the messages that are not declared: listed, or counted where the names may be values."""

    arrays: list[Path] = field(default_factory=list)
    mixed: list[Path] = field(default_factory=list)
    long: list[Path] = field(default_factory=list)
    outcome: list[Path] = field(default_factory=list)
    empty: int = 0
    rare: int = 0
    excess: int = 0
    long_names: int = 0
    has_more_paths: bool = False

    def add(self, path: Path, column: Column) -> None:
        """Add a path whose values no type accepts."""
        if list in column.kinds:
            self.arrays.append(path)
        elif column.kinds == {str}:
            self.long.append(path)
        else:
            self.mixed.append(path)

    def comments(self) -> Iterator[str]:
        """Yield a line for each reason."""
        listed = {
            "arrays": self.arrays,
            "values of several types, or of types that no field has": self.mixed,
            f"texts of more than {MOST_CHARACTERS:,} characters": self.long,
            "named as the label, but with other values than 0, 1, true and false": self.outcome,
        }
        yield from (f"left out, {why}: {_listed(paths)}" for why, paths in listed.items() if paths)
        numbers = {
            "in under 1 % of the messages": self.rare,
            "without any value": self.empty,
            "with names of hundreds of characters": self.long_names,
            f"above the {MOST_FIELDS} that a schema may have": self.excess,
        }
        yield from (f"left out, {why}: {counted(count, 'field')}" for why, count in numbers.items() if count)
        if self.has_more_paths:
            yield "left out, since messages have thousands of names: those that occur first after the others"


def _listed(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - _MOST_LISTED} more" if len(paths) > _MOST_LISTED else ""
    return ", ".join(map(_shown, paths[:_MOST_LISTED])) + more


def _shown(path: Path) -> str:
    text = path_text(path)
    return quoted(text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The parts of a `payment.toml`."""

    source: str
    rows: int
    choices: Sequence[Choice]
    names: Mapping[Path, tuple[str, str]]
    id: Path
    amount: Path | None
    time: Path | None
    label: Path | None
    left_out: LeftOut

    def text(self) -> str:
        """Return the file's text; no value of a row is in it."""
        return "\n".join([*self._head(), *(line for choice in self.choices for line in self._table(choice)), ""])

    def _head(self) -> Iterator[str]:
        rows = counted(self.rows, "message")
        yield f"# What a payment is: inferred from {quoted(self.source)}, {rows}. Check every line."
        yield "# docs/payment-schema.md describes every key."
        yield from (f"# {comment}" for comment in self.left_out.comments())
        yield f'id = "{self.names[self.id][0]}"'
        if self.amount is None:
            yield '# amount = "NAME"  # what costs are counted in'
        else:
            yield f'amount = "{self.names[self.amount][0]}"  # what costs are counted in'
        if self.time is None:
            yield '# time = "NAME"  # the time of the payment; without it, the time of the Kafka record'
        else:
            yield f'time = "{self.names[self.time][0]}"  # the time of the payment'
        if self.label is not None:
            yield f"label = {quoted(path_text(self.label))}  # {_LABEL_COMMENT}"

    def _table(self, choice: Choice) -> Iterator[str]:
        name, column_name = self.names[choice.path]
        yield ""
        yield from (f"# {note}" for note in choice.notes)
        yield f"[fields.{name}]"
        yield f'type = "{choice.type}"'
        if choice.path != (name,):
            yield f"path = {quoted(path_text(choice.path))}"
        yield from (f"{key} = {limit}" for key, limit in choice.limits.items())
        longest = choice.column.longest
        if choice.type == "text" and longest > LONGEST["text"]:
            yield f"max_length = {1 << (longest - 1).bit_length()}"
        if choice.column.present < self.rows:
            missing = _percent(self.rows - choice.column.present, self.rows)
            yield f"required = false  # missing in {missing} of the messages"
        if not choice.strict:
            yield "strict = false  # the messages have it in quotes"
        if choice.feature:
            yield f"feature = {choice.feature}"
        if choice.secret:
            yield "secret = true"
        if column_name != name:
            yield f'as = "{column_name}"  # {name} is a column of the outputs'


def _percent(part: int, whole: int) -> str:
    percent = 100 * part / whole
    return "under 1 %" if percent < 1 else f"{percent:.0f} %"
