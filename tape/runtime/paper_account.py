"""The paper account across restarts: ``logs/cache/paper_account.json``.

Law kept here: a paper account is saved after every tick that traded. After a kill between the record of a tick and the
save, the account continues from the tick before: the killed tick's trades are recorded, but not in the account.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from tape.execution.venues.paper import PaperVenue
from tape.execution.venues.regimes import RegimeMarket
from tape.runtime.config import config_of
from tape.settings import Settings
from tape.store.durable import replacing
from tape.store.errors import StoreError

_LOG = logging.getLogger("tape")

Finite = Annotated[float, Field(allow_inf_nan=False)]
Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=0)]


class _Saved(BaseModel):
    """The content of ``PaperVenue.state``: quotes are (symbol, ts, bid, ask, mark), lots (signed quantity, price)."""

    model_config = ConfigDict(extra="forbid")

    now: AwareDatetime
    wallet_usd: Finite
    lots: dict[str, list[tuple[Finite, Price]]]
    orders: Number
    trades: Number
    quotes: list[tuple[str, AwareDatetime, Price, Price, Price]]
    open: list[tuple[str, str | None, str]]

    @model_validator(mode="after")
    def _is_quoted(self) -> _Saved:
        if unquoted := sorted(self.lots.keys() - {quote[0] for quote in self.quotes}):
            raise ValueError(f"expected a quote of what is held, found none of {unquoted[0]}")
        return self


class PaperAccount:
    """The file of a paper account after its last trade; created if missing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._venue: PaperVenue | None = None
        self._saved = b""

    def venue(self, settings: Settings, now: datetime) -> PaperVenue:
        """Return the paper venue, with a simulated market from here on.

        Raises:
            StoreError: the file was not written by Tape.
        """
        state = self._load()
        quotes = {} if state is None else {quote[0]: (quote[2] + quote[3]) / 2 for quote in state["quotes"]}
        listed = config_of(settings).universe.listed
        held = () if state is None else tuple(state["lots"])
        symbols = sorted({entry.symbol for entry in listed} | set(held))
        # another start, another path: the seed alone would make every day the same one
        seed = settings.executor.seed if state is None else settings.executor.seed + int(state["orders"])
        market = RegimeMarket(symbols, seed, now, settings.executor.interval_s, start_prices=quotes)
        self._venue = PaperVenue(
            market,
            equity_usd=settings.executor.equity_usd,
            seed=settings.executor.seed,
            # an account begun anew must not use the order ids of the one before, which are on record
            numbers_from=int(now.timestamp()) if state is None else 0,
        )
        if state is not None:
            self._venue.restore(state)
            _LOG.info("the paper account goes on from %s", state["now"])
        return self._venue

    def save(self, *, is_last: bool = False) -> None:
        """Save the account if anything was traded or sent since the last save; at the end always, for the prices.

        The file is private, synced before it gets its name, and replaced whole.
        """
        if self._venue is None or not self._venue.quotes():
            return
        state = self._venue.state()
        traded = orjson.dumps([state["wallet_usd"], state["lots"], state["orders"], state["open"]])
        if traded == self._saved and not is_last:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._path, self._path.with_name(f".{self._path.name}.tmp"), mode=0o600) as file:
            file.write(orjson.dumps(state, option=orjson.OPT_INDENT_2))
        self._saved = traded

    def _load(self) -> dict[str, Any] | None:
        if not self._path.exists():
            return None
        try:
            return _Saved.model_validate_json(self._path.read_bytes()).model_dump(mode="json")
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            told = " ".join(first["msg"].removeprefix("Value error, ").split())
            raise StoreError(
                f"paper account {self._path}: {where}: {told}; move it away to begin another account"
            ) from error
