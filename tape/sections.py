"""The sections of ``tape.toml``: the type, default and meaning of each key.

Unknown keys are mistakes; so are infinities, and true or false instead of a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from tape.exporters.contract import STATE_FILES
from tape.store.database import bytes_of

ON_WORDS, OFF_WORDS = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


def _is_on(value: object) -> object:
    return value.strip().lower() in ON_WORDS if isinstance(value, str) else value


def no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number")  # noqa: TRY004 (pydantic reports ValueErrors)
    return value


def _file_stem(value: str) -> str:
    stems = [file.stem for file in STATE_FILES]
    if value not in stems:
        raise ValueError(f"expected one of {', '.join(stems)}")
    return value


FileStem = Annotated[str, AfterValidator(_file_stem)]
"""Stem of a published file, e.g. ``nav``."""
Switch = Annotated[bool, BeforeValidator(_is_on)]
"""On iff 1, true, yes or on."""


def _words(value: object) -> object:
    return frozenset(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _each(change: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda words: frozenset(change(word) for word in words if word.strip()))


Qualities = Annotated[frozenset[str], BeforeValidator(_words), _each(lambda word: word.strip().lower())]
"""Router qualities: a list, or a text with commas between them. Case and blanks do not matter."""
Symbols = Annotated[frozenset[str], BeforeValidator(_words), _each(lambda word: word.strip().upper())]
"""Instruments: a list, or a text with commas between them. Case and blanks do not matter."""


def _at_least(least: int) -> AfterValidator:
    """A size that the database accepts, and can work with."""

    def checked(value: str) -> str:
        if bytes_of(value) < least:
            raise ValueError(f"expected at least {least // 1_000_000}MB")
        return value

    return AfterValidator(checked)


Size = Annotated[str, _at_least(0)]
Memory = Annotated[str, _at_least(64_000_000)]
"""With less the database cannot even be made."""


class Section(BaseModel):
    """A section of ``tape.toml``: an unknown key is a mistake, and so is true or false instead of a number."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _isno_truth(cls, value: object, info: ValidationInfo) -> object:
        is_switch = cls.model_fields[str(info.field_name)].annotation is bool
        return value if is_switch else no_truth(value)


class StoreSettings(Section):
    """``[store]``: resources of the database, and how long data is kept. RSS: up to limit + 300 MB under load."""

    memory_limit: Memory = Field("400MB", description="memory of the database")
    threads: int | None = Field(None, ge=1, description="threads of the database; unset: 1 of an owner, else 2")
    temp_limit: Size = Field("2GB", description="most disk space for spilling; queries of an owner end before")
    checkpoint_wal: Size = Field("64MB", description="size at which the write-ahead log is moved into the file")
    warn_free: Size = Field("512MiB", description="free disk below which the owner warns")
    keep_free: Size = Field(
        "128MiB", description="free disk reserved for the journal: below it the owner writes nothing"
    )
    ingest_every_s: float = Field(0.2, gt=0, le=1, description="seconds between reads of the journal")
    marks_days: float = Field(30, ge=8, description="days that single marks are kept; minutes are kept for ever")
    exports_days: float = Field(30, ge=0, description="days that a publication can be made again")
    journal_days: float = Field(7, ge=0, description="days that a stored segment covered by backups is kept")


class BackupSettings(Section):
    """``[backup]``: copies of the database in ``logs/backup``, each verified by opening it."""

    every_h: float = Field(24, ge=0, description="hours between two backups; 0: no backups")
    keep: int = Field(2, ge=1, description="how many backups are kept")


class FreshnessSettings(Section):
    """``[freshness]``: when an input counts as stopped; of ticks, positions and marks the limits say it."""

    executor_s: float = Field(900, gt=0, description="seconds without any row of an executor, heartbeats included")
    shadow_s: float = Field(1800, gt=0, description="seconds without a decision or heartbeat of the candidate pipeline")


class DoorSettings(Section):
    """``[door]``: limits of queries of the live database."""

    timeout_s: float = Field(10, gt=0, description="seconds without a row after which a query is ended")
    stream_s: float = Field(300, gt=0, description="seconds in all after which a streamed query is ended")
    max_rows: int = Field(10_000, ge=1, description="most rows of a table or of one answer; csv and json have all")
    queries: int = Field(4, ge=1, description="queries at a time; further ones wait, then are refused")
    memory: Memory = Field("256MB", description="memory of all queries together, beyond memory_limit")


class ExecutorSettings(Section):
    """``[executor]``: the tick loop, and the venue it trades on."""

    venue: Literal["paper", "ccxt"] = Field("paper", description="paper money, or an account at Binance USD-M futures")
    interval_s: float = Field(1, ge=0.05, description="seconds from tick to tick")
    maker_wait_s: float = Field(4, gt=0, description="seconds that a maker order may rest, before patience")
    equity_usd: float = Field(10_000, gt=0, description="equity of a new paper account")
    seed: int = Field(1, description="seed of the paper market and of the strategy")
    trading: bool = Field(False, description="whether orders go to the real account; if not, it is only read")


class AutotuneSettings(Section):
    """``[autotune]``: limits of applying the routing suggestions, once ROUTER_AUTOTUNE_V6_APPLY_ENABLED is on."""

    symbol_allowlist: Symbols = Field(frozenset(), description="symbols that suggestions apply to; empty: every symbol")
    max_bias_delta: float = Field(0.05, ge=0, le=1, description="how far the taker bias may move at a time")
    max_offset_step_bps: float = Field(2, ge=0, description="how far the maker offset may move at a time")
    max_offset_abs_bps: float = Field(10, ge=0, description="largest maker offset")
    allow_flip: Switch = Field(False, description="whether maker first may become taker first, and back")
    require_quality: Qualities = Field(
        frozenset({"good", "ok"}), description="router qualities that suggestions apply to"
    )


class SyncSettings(Section):
    """``[sync]``: the mirror in Firestore, which FIRESTORE_ENABLED switches on."""

    enabled: Switch = Field(False, description="whether `tape serve` and `tape run` sync too; else `tape sync` does")
    interval_s: float = Field(20, ge=1, le=3600, description="seconds from cycle to cycle; SYNC_INTERVAL_SEC")
    project: str | None = Field(None, description="Google Cloud project; unset: that of the credentials")
    database: str = Field("(default)", description="database of the project")


CONTRACT_VARIABLES = {
    **{f"ROUTER_AUTOTUNE_V6_{name.upper()}": ("autotune", name) for name in AutotuneSettings.model_fields},
    "SYNC_INTERVAL_SEC": ("sync", "interval_s"),
}
"""Environment variables under the contract's names -> section and key."""
