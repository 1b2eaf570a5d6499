"""Given ids and imported lines

Revision ID: 0005
Revises: 0004
Create Date: 2026-12-01

Frozen literals: what the tables were when this revision was made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = (
    "order_attempts",
    "order_acks",
    "order_fills",
    "order_closes",
    "order_errors",
    "order_metrics",
    "vetoes",
    "shadow_decisions",
)


def upgrade() -> None:
    op.create_table(
        "given_ids",
        sa.Column("number", sa.BigInteger(), nullable=False, comment="place among the ids given by callers, growing"),
        sa.Column("id_hash", sa.BigInteger(), nullable=False, comment="63 bits of the md5 of the event_id"),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="event time of the row that has it"),
        comment="The newest million ids that callers gave: one that comes again with another time is refused.",
    )
    op.create_table(
        "imported_lines",
        sa.Column("line_id", sa.String(), nullable=False, comment="md5 of the line"),
        comment="Lines of old logs whose event is stored under another id than their md5: known at the next import.",
    )
    # Ids that the journal of an older version made begin with their run; nobody gave them.
    rows = " union all ".join(
        f"select ingest_seq, event_id, ts from {table} where not coalesce(starts_with(event_id, run_id || '-'), false)"
        for table in _TABLES
    )
    op.execute(
        f"""
        insert into given_ids
        select
            row_number() over (order by ingest_seq),
            cast(md5_number_lower(event_id) // 2 as bigint),
            ts,
        from (select * from ({rows}) order by ingest_seq desc limit 1000000)
        """
    )


def downgrade() -> None:
    op.drop_table("imported_lines")
    op.drop_table("given_ids")
