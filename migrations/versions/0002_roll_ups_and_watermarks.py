"""Roll-ups by minute, imports, and what the journal, the exports and the mirrors have reached

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-22

Frozen literals: what the tables were when this revision was made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT, DOUBLE, BIGINT, BOOLEAN, JSON = sa.String(), sa.Double(), sa.BigInteger(), sa.Boolean(), sa.JSON()
INSTANT = sa.TIMESTAMP(timezone=True)


def column(name, kind, comment, *, nullable=False):
    return sa.Column(name, kind, nullable=nullable, comment=comment)


def upgrade() -> None:
    op.create_table(
        "nav_minutes",
        column("minute", INSTANT, "start of the minute"),
        column("ts", INSTANT, "event time of its last tick"),
        column("ingest_seq", BIGINT, "number of its last tick"),
        column("equity_usd", DOUBLE, "equity at its last tick [USD]"),
        column("nav_usd", DOUBLE, "net asset value at its last tick [USD]", nullable=True),
        column("unrealized_pnl_usd", DOUBLE, "unrealised PnL at its last tick [USD]", nullable=True),
        column("realized_pnl_usd", DOUBLE, "realised PnL of the day at its last tick, as reported [USD]", nullable=True),
        column("peak_equity_usd", DOUBLE, "highest equity of the minute [USD]"),
        comment="Ticks that count, by whole minutes; what is younger is read from the ticks.",
    )
    op.create_table(
        "mark_minutes",
        column("symbol", TEXT, "instrument"),
        column("minute", INSTANT, "start of the minute"),
        column("ts", INSTANT, "event time of its last mark"),
        column("close_price", DOUBLE, "mark price at its last mark [quote/base]"),
        comment="Mark prices by whole minutes; what is younger is read from the marks.",
    )
    op.create_table(
        "imports",
        column("imported_ts", INSTANT, "when it was imported"),
        column("log", TEXT, "log the rows came from"),
        column("first_seq", BIGINT, "ingest_seq of its first row"),
        column("last_seq", BIGINT, "ingest_seq of its last row"),
        comment="Which rows came from old logs: these logs are their mirror, so they are never mirrored again.",
    )
    op.create_table(
        "journal_segments",
        column("segment", TEXT, "file name"),
        column("producer", TEXT, "name of the producing process"),
        column("run_id", TEXT, "identity of the producer's run"),
        column("number", BIGINT, "number of the segment in its run, from 1"),
        column("first_seq", BIGINT, "number of its first batch in the run, from 1"),
        column("last_seq", BIGINT, "number of the last batch read"),
        column("stored_batches", BIGINT, "batches stored"),
        column("refused_batches", BIGINT, "whole batches kept among the rejected"),
        column("stored_events", BIGINT, "events stored"),
        column("read_bytes", BIGINT, "how far it is read [bytes]"),
        column("read_lines", BIGINT, "how far it is read, the header counts [lines]"),
        column("is_finished", BOOLEAN, "read to its end, and nothing can follow"),
        comment="How far each segment of the journal is stored; moved in the transaction that stores the rows.",
    )
    op.create_table(
        "exports",
        column("export_id", BIGINT, "number of the publication, growing"),
        column("file", TEXT, "published file"),
        column("as_of", INSTANT, "the instant it was computed for"),
        column("known_seq", BIGINT, "the last ingest_seq that was known"),
        column("sql_digest", TEXT, "sha256 of the view and of all it reads"),
        column("configured", JSON, "what was shown where no flag snapshot is recorded"),
        column("md5", TEXT, "md5 of the file's bytes"),
        comment="Every publication of a state file: what it takes to make it again.",
    )
    op.create_table(
        "mirror_watermarks",
        column("mirror", TEXT, "path of the JSONL log below logs/"),
        column("last_seq", BIGINT, "ingest_seq of the last row written"),
        column("byte_offset", BIGINT, "size of the log behind that row [bytes]"),
        comment="How far each JSONL log is written.",
    )
    # roll-ups and imports of what is stored already
    op.execute(
        """
        insert into nav_minutes
        select
            date_trunc('minute', ts), max(ts), arg_max(ingest_seq, (ts, ingest_seq)),
            arg_max(equity_usd, (ts, ingest_seq)),
            arg_max_null(coalesce(nav_usd, equity_usd), (ts, ingest_seq)),
            arg_max_null(unrealized_pnl_usd, (ts, ingest_seq)), arg_max_null(realized_pnl_usd, (ts, ingest_seq)),
            max(equity_usd)
        from ticks
        where equity_usd > 0 and not is_test
        group by date_trunc('minute', ts)
        order by 1
        """
    )
    op.execute(
        """
        insert into mark_minutes
        select symbol, date_trunc('minute', ts), max(ts), arg_max(mark_price, (ts, ingest_seq))
        from marks
        where not is_test
        group by symbol, date_trunc('minute', ts)
        order by 2, 1
        """
    )
    op.execute(
        """
        insert into imports
        select now(), 'before revision 0002', 1, last_ingest_seq
        from ingest_counter
        where last_ingest_seq > 0
        """
    )


def downgrade() -> None:
    op.drop_table("mirror_watermarks")
    op.drop_table("exports")
    op.drop_table("journal_segments")
    op.drop_table("imports")
    op.drop_table("mark_minutes")
    op.drop_table("nav_minutes")
