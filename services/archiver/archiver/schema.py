"""Tables of the archive as this version of the archiver writes them; `migrations` creates them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from fraudstream.model.features import FEATURES
from fraudstream.payment import FIELDS, ID, Number

METADATA = MetaData()


def moment() -> DateTime:
    """Return the type of a time in UTC: with time zone, or in SQLite, which has none, sortable RFC 3339 text."""
    return DateTime(timezone=True).with_variant(Text(), "sqlite")


def document() -> Text:
    """Return the type of JSON: JSONB, or in SQLite text, which its JSON functions read."""
    return Text().with_variant(JSONB(), "postgresql")


def _payment_column(name: str, number: Number) -> Column[float]:
    """Return the column of a payment's field; those that the model does not see may be missing from older payments."""
    kind = Double if number.type is float else Integer if number.highest < 2**31 else BigInteger
    return Column(name, kind, nullable=name not in {ID, *FEATURES})


positions = Table(
    "positions",
    METADATA,
    Column("cluster_id", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("last_offset", BigInteger),
    Column("last_fingerprint", BigInteger),
    Column("moved_at", moment(), nullable=False),
    PrimaryKeyConstraint("cluster_id", "topic", "partition", name="positions_pk"),
)

scored_payments = Table(
    "scored_payments",
    METADATA,
    Column("source_topic", Text, nullable=False),
    Column("source_partition", Integer, nullable=False),
    Column("source_offset", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("paid_at", moment()),
    *(_payment_column(name, number) for name, number in FIELDS.items()),
    Column("fraud_probability", Double, nullable=False),
    Column("decision", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("reasons", document(), nullable=False),
    Column("scored_at", moment(), nullable=False),
    Column("challenger_probability", Double),
    Column("challenger_version", Text),
    PrimaryKeyConstraint(
        "source_topic", "source_partition", "source_offset", "timestamp_ms", name="scored_payments_pk"
    ),
)
Index("scored_payments_payment_id", scored_payments.c.payment_id)
Index("scored_payments_scored_at", scored_payments.c.scored_at)
_BLOCKED = scored_payments.c.decision == "block"
Index("scored_payments_blocked", scored_payments.c.amount, sqlite_where=_BLOCKED, postgresql_where=_BLOCKED)

dead_letters = Table(
    "dead_letters",
    METADATA,
    Column("source_topic", Text, nullable=False),
    Column("source_partition", Integer, nullable=False),
    Column("source_offset", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("letter_topic", Text, nullable=False),
    Column("letter_partition", Integer, nullable=False),
    Column("letter_offset", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("value_bytes", BigInteger, nullable=False),
    Column("headers", document(), nullable=False),
    Column("archived_at", moment(), nullable=False),
    PrimaryKeyConstraint("source_topic", "source_partition", "source_offset", "timestamp_ms", name="dead_letters_pk"),
)
Index(
    "dead_letters_letter",
    dead_letters.c.letter_topic,
    dead_letters.c.letter_partition,
    dead_letters.c.letter_offset,
)
Index("dead_letters_archived_at", dead_letters.c.archived_at)

replays = Table(
    "replays",
    METADATA,
    Column("letter_topic", Text, nullable=False),
    Column("letter_partition", Integer, nullable=False),
    Column("letter_offset", BigInteger, nullable=False),
    Column("marker_offset", BigInteger, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("replayed_at", moment()),
    Column("mended", Boolean, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("archived_at", moment(), nullable=False),
    PrimaryKeyConstraint(
        "letter_topic", "letter_partition", "letter_offset", "marker_offset", "timestamp_ms", name="replays_pk"
    ),
)
Index("replays_archived_at", replays.c.archived_at)
