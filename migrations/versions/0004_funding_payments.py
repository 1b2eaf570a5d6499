"""Funding payments

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-23

Frozen literals: what the tables were when this revision was made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "funding_payments",
        sa.Column("event_id", sa.String(), nullable=False, comment="identity of the event, set by its producer; imported rows: md5 of the raw line"),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="event time"),
        sa.Column("symbol", sa.String(), comment="instrument"),
        sa.Column("amount_usd", sa.Double(), comment="what came into the wallet, negative is paid [USD]"),
        sa.Column("is_test", sa.Boolean(), nullable=False, comment="test noise (strategy smoke_test): stored, excluded from every view"),
        sa.Column("producer", sa.String(), comment="name of the producing process, or the log an imported row came from"),
        sa.Column("run_id", sa.String(), comment="identity of the producer's run"),
        sa.Column("hostname", sa.String(), comment="host of the producer"),
        sa.Column("pid", sa.BigInteger(), comment="process id of the producer"),
        sa.Column("received_ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="arrival time: when the store, or the log an imported row came from, wrote it down"),
        sa.Column("ingest_seq", sa.BigInteger(), nullable=False, comment="number of the stored row, growing over all tables: what was known when"),
        sa.Column("extra", sa.JSON(), comment="whatever came with the event and has no column"),
        comment="Funding of a position was paid or received.",
    )


def downgrade() -> None:
    op.drop_table("funding_payments")
