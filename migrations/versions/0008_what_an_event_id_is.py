"""The comment of event_id says what it is since 0005

Revision ID: 0008
Revises: 0007
Create Date: 2026-12-01

Frozen literals: what the tables were when this revision was made.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = (
    "ticks",
    "positions",
    "marks",
    "order_attempts",
    "order_acks",
    "order_fills",
    "order_closes",
    "order_errors",
    "funding_payments",
    "order_metrics",
    "vetoes",
    "shadow_decisions",
    "heartbeats",
    "symbol_toggles",
    "flag_snapshots",
    "config_snapshots",
    "router_health_log",
)
_BEFORE = "identity of the event, set by its producer; imported rows: md5 of the raw line"
_SINCE = (
    "identity of the event: given by its producer; else a hash of what an order event says;"
    " else run and number (journal), md5 of the line (import)"
)


def upgrade() -> None:
    for table in _TABLES:
        op.execute(f"comment on column {table}.event_id is '{_SINCE}'")


def downgrade() -> None:
    for table in _TABLES:
        op.execute(f"comment on column {table}.event_id is '{_BEFORE}'")
