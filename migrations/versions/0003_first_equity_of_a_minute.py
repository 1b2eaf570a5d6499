"""The first equity of a minute, by which a day's first equity is known without its ticks

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-23

Frozen literals: what the tables were when this revision was made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "nav_minutes", sa.Column("first_equity_usd", sa.Double(), comment="equity at its first tick [USD]")
    )
    op.execute(
        """
        update nav_minutes
        set first_equity_usd = firsts.equity_usd
        from (
            select date_trunc('minute', ts) as minute, arg_min(equity_usd, (ts, ingest_seq)) as equity_usd
            from ticks
            where equity_usd > 0 and not is_test
            group by date_trunc('minute', ts)
        ) as firsts
        where firsts.minute = nav_minutes.minute
        """
    )


def downgrade() -> None:
    op.drop_column("nav_minutes", "first_equity_usd")
