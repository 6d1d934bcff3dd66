"""Tables of the archive as this version of the archiver writes them; `migrations` creates them.

No column depends on the declared fields of a payment: their values are members of `scored_payments.fields`.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA = sa.MetaData(naming_convention={"pk": "%(table_name)s_pk", "ix": "%(table_name)s_%(column_0_name)s"})

_MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
"""A time in UTC: with time zone, or in SQLite, which has none, sortable RFC 3339 text."""
_DOCUMENT = sa.Text().with_variant(JSONB(), "postgresql")
"""JSON: JSONB, or in SQLite text, which its JSON functions read."""


positions = sa.Table(
    "positions",
    METADATA,
    sa.Column("cluster_id", sa.Text, primary_key=True),
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
    sa.Column("last_offset", sa.BigInteger),
    sa.Column("last_fingerprint", sa.BigInteger),
    sa.Column("moved_at", _MOMENT, nullable=False),
)

scored_payments = sa.Table(
    "scored_payments",
    METADATA,
    sa.Column("source_topic", sa.Text, primary_key=True),
    sa.Column("source_partition", sa.Integer, primary_key=True),
    sa.Column("source_offset", sa.BigInteger, primary_key=True),
    sa.Column("timestamp_ms", sa.BigInteger, primary_key=True),
    sa.Column("paid_at", _MOMENT),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("amount", sa.Double),
    sa.Column("fields", _DOCUMENT, nullable=False),
    sa.Column("fraud_probability", sa.Double, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("reasons", _DOCUMENT, nullable=False),
    sa.Column("scored_at", _MOMENT, nullable=False, index=True),
    sa.Column("challenger_probability", sa.Double),
    sa.Column("challenger_version", sa.Text),
)
# by hash in Postgres, where a row of a B-tree has at most 2.7 kB, and an id may be longer
sa.Index("scored_payments_id", scored_payments.c.id, postgresql_using="hash")
_BLOCKED = scored_payments.c.decision == "block"
sa.Index("scored_payments_blocked", scored_payments.c.amount, sqlite_where=_BLOCKED, postgresql_where=_BLOCKED)

dead_letters = sa.Table(
    "dead_letters",
    METADATA,
    sa.Column("source_topic", sa.Text, primary_key=True),
    sa.Column("source_partition", sa.Integer, primary_key=True),
    sa.Column("source_offset", sa.BigInteger, primary_key=True),
    sa.Column("timestamp_ms", sa.BigInteger, primary_key=True),
    sa.Column("letter_topic", sa.Text, nullable=False),
    sa.Column("letter_partition", sa.Integer, nullable=False),
    sa.Column("letter_offset", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("key", sa.LargeBinary),
    sa.Column("value", sa.LargeBinary),
    sa.Column("value_bytes", sa.BigInteger, nullable=False),
    sa.Column("headers", _DOCUMENT, nullable=False),
    sa.Column("archived_at", _MOMENT, nullable=False, index=True),
    sa.Index("dead_letters_letter", "letter_topic", "letter_partition", "letter_offset"),
)

replays = sa.Table(
    "replays",
    METADATA,
    sa.Column("letter_topic", sa.Text, primary_key=True),
    sa.Column("letter_partition", sa.Integer, primary_key=True),
    sa.Column("letter_offset", sa.BigInteger, primary_key=True),
    sa.Column("marker_offset", sa.BigInteger, primary_key=True),
    sa.Column("timestamp_ms", sa.BigInteger, primary_key=True),
    sa.Column("replayed_at", _MOMENT),
    sa.Column("mended", sa.Boolean, nullable=False),
    sa.Column("again", sa.Boolean, nullable=False),
    sa.Column("archived_at", _MOMENT, nullable=False, index=True),
)

definitions = sa.Table(
    "archive_definitions",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False),
)
"""The view and the indexes that depend on the declared fields, each with the hash of its SQL."""
