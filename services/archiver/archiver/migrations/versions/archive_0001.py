"""First schema of the archive: positions, scored payments with a column per field, dead letters and replays."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
_DOCUMENT = sa.Text().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    _positions()
    _scored_payments()
    _dead_letters()
    _replays()


def _positions() -> None:
    op.create_table(
        "positions",
        sa.Column("cluster_id", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("last_offset", sa.BigInteger),
        sa.Column("last_fingerprint", sa.BigInteger),
        sa.Column("moved_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("cluster_id", "topic", "partition", name="positions_pk"),
    )


def _scored_payments() -> None:
    op.create_table(
        "scored_payments",
        sa.Column("source_topic", sa.Text, nullable=False),
        sa.Column("source_partition", sa.Integer, nullable=False),
        sa.Column("source_offset", sa.BigInteger, nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
        sa.Column("paid_at", _MOMENT),
        sa.Column("payment_id", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.Double, nullable=False),
        sa.Column("country_risk_score", sa.Double, nullable=False),
        sa.Column("failed_logins", sa.Integer, nullable=False),
        sa.Column("transaction_hour", sa.Integer, nullable=False),
        sa.Column("is_new_device", sa.Integer, nullable=False),
        sa.Column("fraud_probability", sa.Double, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("reasons", _DOCUMENT, nullable=False),
        sa.Column("scored_at", _MOMENT, nullable=False),
        sa.Column("challenger_probability", sa.Double),
        sa.Column("challenger_version", sa.Text),
        sa.PrimaryKeyConstraint(
            "source_topic", "source_partition", "source_offset", "timestamp_ms", name="scored_payments_pk"
        ),
    )
    op.create_index("scored_payments_payment_id", "scored_payments", ["payment_id"])
    op.create_index("scored_payments_scored_at", "scored_payments", ["scored_at"])
    blocked = sa.text("decision = 'block'")
    op.create_index(
        "scored_payments_blocked", "scored_payments", ["amount"], sqlite_where=blocked, postgresql_where=blocked
    )


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("source_topic", sa.Text, nullable=False),
        sa.Column("source_partition", sa.Integer, nullable=False),
        sa.Column("source_offset", sa.BigInteger, nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
        sa.Column("letter_topic", sa.Text, nullable=False),
        sa.Column("letter_partition", sa.Integer, nullable=False),
        sa.Column("letter_offset", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary),
        sa.Column("value_bytes", sa.BigInteger, nullable=False),
        sa.Column("headers", _DOCUMENT, nullable=False),
        sa.Column("archived_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint(
            "source_topic", "source_partition", "source_offset", "timestamp_ms", name="dead_letters_pk"
        ),
    )
    op.create_index("dead_letters_letter", "dead_letters", ["letter_topic", "letter_partition", "letter_offset"])
    op.create_index("dead_letters_archived_at", "dead_letters", ["archived_at"])


def _replays() -> None:
    op.create_table(
        "replays",
        sa.Column("letter_topic", sa.Text, nullable=False),
        sa.Column("letter_partition", sa.Integer, nullable=False),
        sa.Column("letter_offset", sa.BigInteger, nullable=False),
        sa.Column("marker_offset", sa.BigInteger, nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
        sa.Column("replayed_at", _MOMENT),
        sa.Column("mended", sa.Boolean, nullable=False),
        sa.Column("again", sa.Boolean, nullable=False),
        sa.Column("archived_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint(
            "letter_topic", "letter_partition", "letter_offset", "marker_offset", "timestamp_ms", name="replays_pk"
        ),
    )
    op.create_index("replays_archived_at", "replays", ["archived_at"])
