"""Archives of any schema, in SQLite or Postgres: scored records, their rows, and archives of the first version."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from archiver.database import Database, address
from archiver.dialects import DIALECTS
from archiver.rows import Rows
from archiver.upgrade import MIGRATIONS
from fraudstream.payment_schema import PaymentSchema, default_schema, parse
from fraudstream.record import Record
from fraudstream.runtime.settings import TopicSettings

NOW = "2026-01-01T00:00:00.000Z"
STAMP_MS = 1_790_000_000_000
TOPICS = TopicSettings.from_env({})
DEFAULT = default_schema()
CARDS = parse(
    """
    id = "transaction_id"
    amount = "amount"
    [fields.transaction_id]
    type = "text"
    max_length = 4096
    [fields.amount]
    type = "number"
    required = false
    [fields.card]
    type = "text"
    path = "card.token"
    required = false
    index = true
    as = "card_token"
    [fields.country]
    type = "category"
    required = false
    index = true
    [fields.note]
    type = "text"
    max_length = 4096
    required = false
    index = true
    [fields.logins]
    type = "integer"
    required = false
    index = true
    [fields.risk]
    type = "number"
    required = false
    index = true
    [fields.is_new]
    type = "boolean"
    required = false
    index = true
    [fields.created_at]
    type = "time"
    required = false
    index = true
    """,
    "cards.toml",
)
"""A schema with an index on each field but id and amount."""
_ROWS: dict[str, Rows] = {}
"""By the schema's layout: a validator takes milliseconds to build."""
_PREVIOUS_VIEWS = {
    "hourly_fraud": "SELECT scored_at AS hour, amount FROM scored_payments",
    "top_blocked": "SELECT payment_id, amount FROM scored_payments",
    "model_comparison": "SELECT model_version, challenger_version FROM scored_payments",
    "open_dead_letters": "SELECT * FROM dead_letters",
}


@dataclass
class KafkaRecord:
    """A record as the archiver reads it."""

    value: bytes | None
    timestamp: int = STAMP_MS
    timestamp_type: int = 0
    offset: int = 5
    key: bytes | None = None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


def scored_value(payment: Mapping[str, Any], offset: int = 9, **own: Any) -> bytes:
    """Return the value of a scored record; `own` replaces fields of ours."""
    usual = {
        "fraud_probability": 0.5,
        "decision": "block",
        "model_version": "v1",
        "reasons": [],
        "source_partition": 3,
        "source_offset": offset,
        "scored_at": NOW,
    }
    return json.dumps({**payment, **usual, **own}).encode()


def scored_rows(schema: PaymentSchema, values: Sequence[bytes]) -> Sequence[Any]:
    """Return the rows of scored_payments for these values."""
    records: Sequence[Record] = [KafkaRecord(value) for value in values]
    if schema.layout_sha256 not in _ROWS:
        _ROWS[schema.layout_sha256] = Rows(schema, TOPICS)
    return _ROWS[schema.layout_sha256].batch({(TOPICS.scored, 3): records}, NOW).rows["scored_payments"]


def write(database: Database, schema: PaymentSchema, values: Sequence[bytes]) -> int:
    """Archive the records; return the number of new rows."""
    with database.transaction() as connection:
        return database.insert_new(connection, "scored_payments", scored_rows(schema, values))


@contextmanager
def opened(url: str, schema: PaymentSchema | None = None) -> Iterator[Database]:
    """Open an archive that follows the schema, and close it."""
    database = Database(address(url), schema)
    try:
        yield database
    finally:
        database.close()


def query(database: Database, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with database.transaction() as connection:
        return [tuple(row) for row in connection.execute(text(sql.replace(":", r"\:")))]


def plan(database: Database, sql: str) -> str:
    """Return how the database runs a query if it may not read the whole table."""
    with database.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            return "\n".join(connection.execute(text(f"EXPLAIN {sql}")).scalars())
        return "\n".join(str(row) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {sql}")))


def first_version(url: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Create an archive as its first version left it, with these rows of scored payments."""
    with _of_version(url, "0001") as connection:
        for name, sql in _PREVIOUS_VIEWS.items():
            connection.exec_driver_sql(f"CREATE VIEW {name} AS {sql}")
        _insert(connection, rows)


def second_version(url: str) -> None:
    """Create an archive as its second version left it, whose view had a `fraud_rate`."""
    with _of_version(url, "0002") as connection:
        connection.exec_driver_sql("DROP VIEW hourly_fraud")
        connection.exec_driver_sql(
            "CREATE VIEW hourly_fraud AS SELECT scored_at AS hour, 0.1 AS fraud_rate FROM scored_payments"
        )


@contextmanager
def _of_version(url: str, version: str) -> Iterator[Connection]:
    """Upgrade a new database to this version, and yield the connection, in the same transaction."""
    kind = address(url)
    engine = DIALECTS[kind.get_backend_name()].engine(kind)
    with engine.connect() as connection, connection.begin():
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        yield connection
    engine.dispose()


def _insert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    usual = {
        "source_topic": TOPICS.input,
        "source_partition": 0,
        "timestamp_ms": STAMP_MS,
        "paid_at": NOW,
        "payment_id": 1,
        "amount": 12.5,
        "country_risk_score": 0.1,
        "failed_logins": 2,
        "transaction_hour": 3,
        "is_new_device": 1,
        "fraud_probability": 0.25,
        "decision": "review",
        "model_version": "v0",
        "reasons": '[{"field": "amount", "contribution": 1.5, "text": "x"}]',
        "scored_at": NOW,
        "challenger_probability": None,
        "challenger_version": None,
    }
    names = [*usual, "source_offset"]
    marks = ", ".join(
        f"CAST(:{name} AS jsonb)" if name == "reasons" and connection.dialect.name == "postgresql" else f":{name}"
        for name in names
    )
    statement = text(f"INSERT INTO scored_payments ({', '.join(names)}) VALUES ({marks})")  # noqa: S608 - our own names
    if rows:
        connection.execute(statement, [{**usual, "source_offset": number, **row} for number, row in enumerate(rows)])


def sqlite_url(folder: Path) -> str:
    """Return the address of an archive in the folder."""
    return f"sqlite:///{folder}/a.db"
