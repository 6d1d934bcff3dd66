"""Views with rounded numbers; `hourly_fraud` has `flagged_share`, which was `fraud_rate`."""

from alembic import op

from archiver import views

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the views again; tables and rows remain as they are."""
    with views.replaced(op.get_bind()):
        pass
