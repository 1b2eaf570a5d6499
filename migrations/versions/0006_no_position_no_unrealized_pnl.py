"""Minutes whose last tick lists no position have an unrealised PnL of 0

Revision ID: 0006
Revises: 0005
Create Date: 2026-12-01
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        update nav_minutes set unrealized_pnl_usd = 0
        where
            unrealized_pnl_usd is null
            and ingest_seq in (
                select ticks.ingest_seq from ticks
                where ticks.position_count = 0 and ticks.unrealized_pnl_usd is null
            )
        """
    )


def downgrade() -> None:
    """The minutes stay as they are: 0 is true of them."""
