"""Rows collected one by one, and the `payment.toml` that accepts them all. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cli.schema.inference import choices, names
from cli.schema.inference.choices import Choice
from cli.schema.inference.column import Column
from cli.schema.inference.document import Document, LeftOut
from cli.schema.inference.names import Path
from fraudstream.errors import SchemaError
from fraudstream.payment_schema import LABEL, MOST_FIELDS, PaymentSchema, parse

_ROWS_AT_ONCE = 500
_MOST_PATHS = 2_000
_DEEPEST, _LONGEST_PATH = 32, 400
_NO_ROWS = {
    False: "no message is a JSON object; in a file, each line must be one",
    True: "no line after the header can be split into its columns",
}
"""Causes by whether rows are of a delimited file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """A `payment.toml`, and the label that the rows have beside the fields."""

    text: str
    schema: PaymentSchema
    label: Path | None
    """Keys of the label, such as is_fraud; it is not a field."""


@dataclass(slots=True)
class _Object:
    """Members of the objects at one path."""

    columns: dict[str, Column]
    objects: dict[str, "_Object"]


class Inference:
    """Statistics of rows; their memory does not grow with the number of rows."""

    def __init__(self, *, is_cells: bool) -> None:
        """Take rows of a delimited file if `is_cells`: all values are texts, and a name with dots is a path."""
        self._is_cells = is_cells
        self._root = _Object({}, {})
        self._rows = self._paths = 0
        self._pending: list[Column] = []
        self._has_more_paths = False

    def add(self, row: Mapping[str, object]) -> None:
        """Add a message's object, or the cells of a line by column."""
        self._rows += 1
        self._add(row, self._root, 1)
        if self._rows % _ROWS_AT_ONCE == 0:
            self._update()

    def infer(self, source: str) -> Inferred:
        """Return the schema that all rows are valid by; `source` names them in a comment.

        Raises SchemaError without rows, or if no field can be the id.
        """
        if not self._rows:
            raise SchemaError(f"{source}: no payment to infer from: {_NO_ROWS[self._is_cells]}")
        self._update()
        left_out = LeftOut(has_more_paths=self._has_more_paths)
        columns = dict(self._columns(self._root, (), left_out))
        if self._is_cells:
            columns = _split_names(columns)
        label = _label(columns)
        if label is not None:
            del columns[label]
        identity = _id_path(columns, self._rows)
        if identity is None:
            raise SchemaError(
                f"{source}: no field can be the id: add a text or an integer to every message, such as payment_id, "
                "that is another one in each"
            )
        if label is None:
            # without a key label, this is the label's path
            left_out.outcome = [path for path in columns if path[0] == LABEL]
        chosen = list(self._choices(columns, identity, left_out))
        document = Document(
            source=source,
            rows=self._rows,
            choices=chosen,
            names=names.named([choice.path for choice in chosen]),
            id=identity,
            amount=_amount(chosen),
            time=_time(chosen),
            label=label,
            left_out=left_out,
        )
        text = document.text()
        return Inferred(text=text, schema=parse(text, source), label=label)

    def _add(self, row: Mapping[str, object], node: _Object, depth: int) -> None:
        for key, value in row.items():
            if isinstance(value, dict) and value and depth < _DEEPEST:
                inner = node.objects.get(key) or self._new_object(node, key)
                self._add(value, inner, depth + 1)
            else:
                column = node.columns.get(key) or self._new_column(node, key)
                column.pending.append(value)

    def _new_column(self, node: _Object, key: str) -> Column:
        column = Column(is_cells=self._is_cells)
        if self._has_room(key):
            node.columns[key] = column
            self._pending.append(column)
        return column

    def _new_object(self, node: _Object, key: str) -> _Object:
        inner = _Object({}, {})
        if self._has_room(key):
            node.objects[key] = inner
        return inner

    def _has_room(self, key: object) -> bool:
        """Return whether another path is collected; count it if so."""
        has_room = self._paths < _MOST_PATHS and isinstance(key, str) and _is_unicode(key)
        self._paths += has_room
        self._has_more_paths = self._has_more_paths or not has_room
        return has_room

    def _update(self) -> None:
        for column in self._pending:
            column.update()

    def _columns(self, node: _Object, path: Path, left_out: LeftOut) -> Iterator[tuple[Path, Column]]:
        # a path with objects and other values is left out with all that is inside; null and {} have no member
        mixed = {key for key in node.objects.keys() & node.columns.keys() if node.columns[key].kinds - {dict}}
        left_out.mixed += [(*path, key) for key in node.columns if key in mixed]
        for key, column in node.columns.items():
            if sum(map(len, path), len(key)) > _LONGEST_PATH:
                left_out.long_names += 1
            elif key not in node.objects:
                yield (*path, key), column
        for key, inner in node.objects.items():
            if key not in mixed:
                yield from self._columns(inner, (*path, key), left_out)

    def _choices(self, columns: Mapping[Path, Column], identity: Path, left_out: LeftOut) -> Sequence[Choice]:
        chosen: list[Choice] = []
        for path, column in columns.items():
            if path == identity:
                chosen.append(choices.as_id(path, column, is_cells=self._is_cells))
            elif path in left_out.outcome:
                continue
            elif not column.present:
                left_out.empty += 1
            elif choices.is_rare(column, self._rows):
                left_out.rare += 1
            elif choice := choices.choose(path, column, is_cells=self._is_cells):
                chosen.append(choice)
            else:
                left_out.add(path, column)
        # the most frequent ones, in their order
        ranked = sorted(chosen, key=lambda choice: (choice.path != identity, -choice.column.present))
        kept = {choice.path for choice in ranked[:MOST_FIELDS]}
        left_out.excess = len(chosen) - len(kept)
        return [choice for choice in chosen if choice.path in kept]


def _is_unicode(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _split_names(columns: Mapping[Path, Column]) -> dict[Path, Column]:
    """Return the columns by the paths that names with dots are; a name inside another one's value remains a key."""
    split = {path: tuple(path[0].split(".")) if all(path[0].split(".")) else path for path in columns}
    paths = set(split.values())
    inside = {path for path in paths if any(path[:length] in paths for length in range(1, len(path)))}
    return {(path if split[path] in inside else split[path]): column for path, column in columns.items()}


def _label(columns: Mapping[Path, Column]) -> Path | None:
    found = [path for path, column in columns.items() if choices.is_label(path, column)]
    return min(found, key=lambda path: (names.label_rank(path[-1]), len(path)), default=None)


def _id_path(columns: Mapping[Path, Column], rows: int) -> Path | None:
    """Return the most likely id: by its name, unless its values repeat."""
    found = [path for path, column in columns.items() if path[0] != LABEL and choices.is_id(path, column, rows)]
    return min(found, key=lambda path: _id_rank(path, columns[path]), default=None)


def _id_rank(path: Path, column: Column) -> tuple[float, int]:
    repeats = 0.0 if column.is_unique else 1.5
    return names.id_rank(path[-1]) + repeats, len(path)


def _amount(chosen: Sequence[Choice]) -> Path | None:
    found = {
        choice.path: (rank, len(choice.path))
        for choice in chosen
        if choice.type in {"integer", "number"}
        and not choice.secret
        and (rank := names.amount_rank(choice.name)) is not None
    }
    return min(found, key=found.__getitem__, default=None)


def _time(chosen: Sequence[Choice]) -> Path | None:
    found = [choice.path for choice in chosen if choice.type == "time"]
    return min(found, key=lambda path: (not names.is_time(path[-1]), len(path)), default=None)
