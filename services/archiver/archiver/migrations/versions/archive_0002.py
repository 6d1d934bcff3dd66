"""Scored payments of any fields: the values in one JSON column, so that other fields need no migration.

The previous table is renamed here, and its rows are moved afterwards, by `archiver.carrying_over`.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from archiver import views
from archiver.dialects import DIALECTS

revision = "0002"
down_revision = "0001"

PREVIOUS, PREVIOUS_ID, PREVIOUS_AMOUNT = "scored_payments_0001", "payment_id", "amount"
_TABLE = "scored_payments"
_MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
_DOCUMENT = sa.Text().with_variant(JSONB(), "postgresql")
_INDEXES = ("scored_payments_payment_id", "scored_payments_scored_at", "scored_payments_blocked")


def upgrade() -> None:
    """Rename the previous table, and create the new ones and the views; takes no longer for a large table."""
    connection = op.get_bind()
    with views.replaced(connection, _TABLE):
        for name in _INDEXES:
            op.drop_index(name)
        DIALECTS[connection.dialect.name].rename_table(connection, _TABLE, PREVIOUS)
        _scored_payments()
        op.create_table(
            "archive_definitions",
            sa.Column("name", sa.Text, nullable=False),
            sa.Column("sha256", sa.Text, nullable=False),
            sa.PrimaryKeyConstraint("name", name="archive_definitions_pk"),
        )


def _scored_payments() -> None:
    op.create_table(
        _TABLE,
        sa.Column("source_topic", sa.Text, nullable=False),
        sa.Column("source_partition", sa.Integer, nullable=False),
        sa.Column("source_offset", sa.BigInteger, nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
        sa.Column("paid_at", _MOMENT),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("amount", sa.Double),
        sa.Column("fields", _DOCUMENT, nullable=False),
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
