"""Transfers, the market at the end of an attempt, makers' quantities, fees by asset, reasons of cancels, looked-up prices

Revision ID: 0009
Revises: 0008
Create Date: 2026-12-01

Frozen literals: what the tables were when this revision was made.

What an older version kept in ``extra`` under the name of a new column moves into it, where it is of the column's type.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ADDED = {
    "order_fills": (
        sa.Column("maker_qty", sa.Double(), comment="quantity filled as maker so far [base units]"),
        sa.Column("fees_by_asset", sa.JSON(), comment="fees so far, an object {asset: amount}, where they were paid in several assets; positive is paid"),
    ),
    "order_errors": (
        sa.Column("cancel_reason", sa.String(), comment="why the venue ended the order, as the venue says it"),
    ),
    "order_metrics": (
        sa.Column("end_bid_price", sa.Double(), comment="best bid when the attempt ended [quote/base]"),
        sa.Column("end_ask_price", sa.Double(), comment="best ask when the attempt ended [quote/base]"),
        sa.Column("end_mark_price", sa.Double(), comment="mark price when the attempt ended [quote/base]"),
        sa.Column("cancel_reason", sa.String(), comment="why the last order ended unfilled, as the venue says it"),
    ),
}


def upgrade() -> None:
    op.create_table(
        "transfers",
        sa.Column("event_id", sa.String(), nullable=False, comment="identity of the event: given by its producer; else a hash of what an order event says; else run and number (journal), md5 of the line (import)"),
        sa.Column("ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="event time"),
        sa.Column("amount_usd", sa.Double(), comment="what came in; negative: what went out [USD]"),
        sa.Column("asset", sa.String(), comment="asset that was moved"),
        sa.Column("amount", sa.Double(), comment="quantity of the asset, signed like amount_usd [asset]"),
        sa.Column("transfer_id", sa.String(), comment="the venue's id of the transfer; null: every row counts"),
        sa.Column("kind", sa.String(), comment="deposit, withdrawal or internal (between accounts of one owner)"),
        sa.Column("note", sa.String(), comment="anything else about it"),
        sa.Column("is_test", sa.Boolean(), nullable=False, comment="test noise (strategy smoke_test): stored, excluded from every view"),
        sa.Column("producer", sa.String(), comment="name of the producing process, or the log an imported row came from"),
        sa.Column("run_id", sa.String(), comment="identity of the producer's run"),
        sa.Column("hostname", sa.String(), comment="host of the producer"),
        sa.Column("pid", sa.BigInteger(), comment="process id of the producer"),
        sa.Column("received_ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="arrival time: when the store, or the log an imported row came from, wrote it down"),
        sa.Column("ingest_seq", sa.BigInteger(), nullable=False, comment="number of the stored row, growing over all tables: what was known when"),
        sa.Column("extra", sa.JSON(), comment="whatever came with the event and has no column"),
        comment="Money or an asset came into the account or left it. Of several rows with one transfer_id the earliest counts.",
    )
    op.create_table(
        "price_lookups",
        sa.Column("symbol", sa.String(), nullable=False, comment="instrument"),
        sa.Column("kind", sa.String(), nullable=False, comment="mid (between bid and ask) or mark"),
        sa.Column("at_ts", sa.TIMESTAMP(timezone=True), nullable=False, comment="the instant the price is asked for"),
        sa.Column("within_s", sa.Double(), nullable=False, comment="how old the price may be; one of exactly this age is too old [s]"),
        sa.Column("price", sa.Double(), comment="the newest known price at or before the instant; null: there is none [quote/base]"),
        sa.Column("price_ts", sa.TIMESTAMP(timezone=True), comment="event time of the mark that decided; null: none did"),
        sa.Column("ingest_seq", sa.BigInteger(), nullable=False, comment="from which ingest_seq on it holds: the larger of the asking row's and the deciding mark's; the newest version counts"),
        comment="Prices that execution quality asks for, kept beyond the single marks.",
    )
    op.create_table(
        "price_lookup_progress",
        sa.Column("answered_to", sa.TIMESTAMP(timezone=True), comment="every question for an instant up to here is answered; null: none was asked"),
        comment="One row: how far price_lookups is written; moved in its transaction.",
    )
    op.execute("insert into price_lookup_progress values (null)")
    for table, columns in _ADDED.items():
        for column in columns:
            op.add_column(table, column)
        _take_out_of_extra(table, {column.name: str(column.type) for column in columns})


def _take_out_of_extra(table: str, columns: dict[str, str]) -> None:
    for name, kind in columns.items():
        found = f"json_extract(extra, '$.{name}')"
        text = f"json_extract_string(extra, '$.{name}')"
        value = {"JSON": f"case when json_type({found}) = 'OBJECT' then {found} end", "VARCHAR": text}.get(
            kind, f"case when isfinite(try_cast({text} as double)) then try_cast({text} as double) end"
        )
        op.execute(
            f"update {table} set {name} = {value}, extra = json_merge_patch(extra, '{{\"{name}\": null}}')"
            f" where extra is not null and ({value}) is not null"
        )
        op.execute(f"update {table} set extra = null where {name} is not null and cast(extra as varchar) = '{{}}'")


def downgrade() -> None:
    for table, columns in _ADDED.items():
        for column in columns:
            op.drop_column(table, column.name)
    op.drop_table("price_lookup_progress")
    op.drop_table("price_lookups")
    op.drop_table("transfers")
