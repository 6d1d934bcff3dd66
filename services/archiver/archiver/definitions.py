"""The view and the indexes that follow from the declared fields: changed whenever the schema changes.

The table `archive_definitions` has the hash of each one's SQL, so that a start with the same schema changes nothing.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import DBAPIError

from archiver.dialects import DIALECTS, Dialect
from archiver.schema import definitions
from fraudstream.payment_schema import DeclaredField, PaymentSchema

VIEW = "payments"
BEFORE = {"timestamp": "paid_at"}
AFTER = (
    "fraud_probability",
    "decision",
    "model_version",
    "reasons",
    "scored_at",
    "challenger_probability",
    "challenger_version",
    "source_partition",
    "source_offset",
)
_NAME_CHARACTERS = 63
"""The longest name in Postgres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A view or index to create, to create again, or to drop if `sql` is None; `is_there` if it is of ours."""

    name: str
    is_there: bool
    sql: str | None
    sha256: str | None


def define(connection: Connection, schema: PaymentSchema) -> bool:
    """Create, change and drop them within the current transaction; return whether any was not as declared."""
    dialect = DIALECTS[connection.dialect.name]
    dialect.lock_schema(connection)
    wanted = _wanted(schema, dialect)
    rows = connection.execute(select(definitions.c.name, definitions.c.sha256))
    stored: dict[str, str] = {row.name: row.sha256 for row in rows}
    hashes = {name: hashlib.sha256(sql.encode()).hexdigest() for name, sql in wanted.items()}
    changed = [name for name in {**stored, **hashes} if stored.get(name) != hashes.get(name)]
    done = [
        _change(connection, Change(name=name, is_there=name in stored, sql=wanted.get(name), sha256=hashes.get(name)))
        for name in changed
    ]
    return any(done)


def _change(connection: Connection, change: Change) -> bool:
    """Drop what we have created under this name, and create it again; return False if the database refuses that."""
    dialect, name = DIALECTS[connection.dialect.name], change.name
    try:
        with connection.begin_nested():
            grants = []
            if change.is_there:  # else it may be of others
                grants = dialect.grants(connection, name)
                connection.exec_driver_sql(f'DROP {"VIEW" if name == VIEW else "INDEX"} IF EXISTS "{name}"')
            for statement in [change.sql, *grants] if change.sql else []:
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
            connection.execute(delete(definitions).where(definitions.c.name == name))
            if change.sha256 is not None:
                connection.execute(insert(definitions).values(name=name, sha256=change.sha256))
    except DBAPIError as error:
        if not dialect.is_refusal(error.orig):
            raise
        views = dialect.views_on(connection, name)
        structlog.get_logger().warning(
            "view or index does not follow the schema",
            name=name,
            reason=f"the views {', '.join(sorted(views))} read it" if views else "another object has its name",
            action="drop or rename that, and restart the archiver; rows are archived meanwhile",
        )
        return False
    return True


def _wanted(schema: PaymentSchema, dialect: Dialect) -> Mapping[str, str]:
    """Return the SQL of the view and of each index, by name."""
    indexes = {
        _index_name(field): f'CREATE INDEX "{_index_name(field)}" ON scored_payments (({dialect.index_on(field)}))'
        for field in schema.fields.values()
        if field.index and field.name != schema.id  # which has a column and an index of its own
    }
    columns = ", ".join(_columns(schema, dialect))
    return {VIEW: f"CREATE VIEW {VIEW} AS SELECT {columns} FROM scored_payments", **indexes}  # noqa: S608 - checked names


def _index_name(field: DeclaredField) -> str:
    # the hash keeps names different that are cut, or that differ by case only, which SQLite ignores
    return f"scored_payments_{field.column[:30]}_{hashlib.sha256(field.column.encode()).hexdigest()[:8]}"


def _columns(schema: PaymentSchema, dialect: Dialect) -> Iterator[str]:
    """Yield the columns of the view, in the order of the CSV's."""
    yield from (f'{source} AS "{name}"' for name, source in BEFORE.items())
    for name, field in field_columns(schema):
        value = "id" if field.name == schema.id else dialect.value(field)
        yield f'{value} AS "{name}"'
    yield from AFTER


def field_columns(schema: PaymentSchema) -> Iterator[tuple[str, DeclaredField]]:
    """Yield the declared fields with the names of their columns, which are between BEFORE and AFTER."""
    used = {name.casefold() for name in (*BEFORE, *AFTER)}
    for field in schema.fields.values():
        name = _unused(field.column, used)
        used.add(name.casefold())
        yield name, field


def _unused(name: str, used: set[str]) -> str:
    """Return the name, changed at its end if another column has it: in Postgres cut, in SQLite regardless of case."""
    number, found = 2, name[:_NAME_CHARACTERS]
    while found.casefold() in used:
        found, number = f"{name[: _NAME_CHARACTERS - 4]}_{number}", number + 1
    return found
