"""Requests to the exchange, through ``ccxt``, which signs, limits the rate and carries them.

Laws kept here:
- keys appear in no repr, log or error: an error carries the exchange's code and message, never an address or a header;
- no request begins behind its time limit, nor while the exchange asked to be left alone;
- ``ccxt``'s unified answers are not used, because they leave unsaid what the raw ones say.
"""

from __future__ import annotations

import importlib
import logging
import re
import time
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from tape.execution.venues.binance_rows import Row
from tape.execution.venues.venue import VenueUnavailable

WEIGHT_MS = 25
"""Pause per unit of a request's weight: the exchange allows 2,400 a minute (exchangeInfo, REQUEST_WEIGHT)."""
_PAUSE_S = {429: 30.0, 418: 120.0}
"""How long to stay away when limited (429) or banned (418), unless ``Retry-After`` says: asking on makes it longer."""
_CLOCK_IS_OFF = -1021


class CcxtMissing(ImportError):
    """The optional extra is not installed."""

    def __init__(self) -> None:
        super().__init__("the ccxt venue needs the package ccxt: pip install 'tape[ccxt]'")


class RequestFailed(VenueUnavailable):
    """A request that failed. ``code``: the exchange's, where it answered with one."""

    def __init__(self, message: str, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class _Unsigned(logging.Filter):
    """Keeps signed addresses out of the debug log of the HTTP library."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "signature=" not in record.getMessage()


_UNSIGNED = _Unsigned()


class Requests:
    """One account's requests, as a venue called ``name`` makes them; ``timeout_s`` bounds what ``begin`` begins.

    Raises:
        CcxtMissing: the extra is not installed.
    """

    def __init__(
        self, name: str, *, api_key: str, secret: str, testnet: bool, timeout_s: float, base_url: str | None
    ) -> None:
        self.exchange, self._error = _exchange(api_key, secret, testnet, base_url)
        self.is_clock_known = False
        """False where the exchange's clock is to be asked for, again."""
        self._name = name
        self._timeout_s = timeout_s
        self._secrets = (api_key, secret)
        self._deadline = 0.0
        self._now: datetime | None = None
        self._quiet_since: datetime | None = None
        self._quiet_until: datetime | None = None

    def begin(self, now: datetime | None) -> None:
        """Begins a round of requests.

        Raises:
            VenueUnavailable: the exchange asked to be left alone until later.
        """
        self._now = now
        if now is not None and self._quiet_since is not None and now < self._quiet_since:
            self._quiet_until = None  # the clock was set back: what it said then is no measure any more
        if now is not None and self._quiet_until is not None and now < self._quiet_until:
            until = f"{self._quiet_until:%Y-%m-%dT%H:%M:%SZ}"
            raise VenueUnavailable(f"{self._name}: the exchange asked to be left alone until {until}")
        self._deadline = time.monotonic() + self._timeout_s

    def call(self, method: str, *arguments: Any) -> Any:
        """One request through ccxt, as JSON.

        Raises:
            VenueUnavailable: it failed, or would begin behind the time limit.
        """
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise VenueUnavailable(f"{self._name}: {method}: no answer within {self._timeout_s:g} s")
        self.exchange.timeout = max(1, int(left_s * 1000))
        try:
            return getattr(self.exchange, method)(*arguments)
        except self._error as error:
            failure = self._failure(method, error)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            failure = RequestFailed(f"{self._name}: {method}: the answer cannot be read ({type(error).__name__})", None)
        # raised out here, so that it carries no context: ccxt's own errors hold signed addresses
        raise failure

    def _failure(self, method: str, error: Exception) -> RequestFailed:
        text = str(error)
        code = re.search(r'"code"\s*:\s*"?(-?\d+)', text)
        number = int(code[1]) if code else None
        if number == _CLOCK_IS_OFF:
            self.is_clock_known = False
        status = re.match(r"\w+ (418|429) ", text)
        if self._now is not None and status is not None:
            headers = self.exchange.last_response_headers or {}
            told = str(headers.get("Retry-After", ""))
            wait_s = float(told) if told.isdigit() else _PAUSE_S[int(status[1])]
            self._quiet_since, self._quiet_until = self._now, self._now + timedelta(seconds=wait_s)
        said = re.search(r'"msg"\s*:\s*"([^"]{1,120})', text)
        parts = [type(error).__name__, status[1] if status else "", str(number or ""), said[1] if said else ""]
        message = " ".join(part for part in parts if part)
        for hidden in self._secrets:
            message = message.replace(hidden, "***")
        return RequestFailed(f"{self._name}: {method}: {message}", number)

    def rows(self, method: str, parameters: Row | None = None) -> list[Row]:
        """The objects of an answer; as ``call``."""
        answer = self.call(method, dict(parameters or {}))
        rows = [answer] if isinstance(answer, dict) else answer
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise VenueUnavailable(f"{self._name}: {method}: expected JSON objects, found {type(answer).__name__}")
        return rows

    def row(self, method: str, parameters: Row | None = None) -> Row:
        """The only object of an answer; as ``call``."""
        rows = self.rows(method, parameters)
        if len(rows) != 1:
            raise VenueUnavailable(f"{self._name}: {method}: expected one object, found {len(rows)}")
        return rows[0]


def _exchange(api_key: str, secret: str, testnet: bool, base_url: str | None) -> tuple[Any, type[Exception]]:
    """ccxt's exchange, silent and limited in rate, and the class of all its errors."""
    try:
        library = importlib.import_module("ccxt")
    except ModuleNotFoundError as error:
        if error.name != "ccxt":
            raise
        raise CcxtMissing from None
    exchange = library.binanceusdm(
        {"apiKey": api_key, "secret": secret, "enableRateLimit": True, "rateLimit": WEIGHT_MS}
    )
    exchange.has["fetchCurrencies"] = False  # it would ask the spot wallet, for which these keys may have no right
    exchange.logger = logging.Logger("silent", logging.CRITICAL)  # ccxt's own logs the headers, with the key
    exchange.session.max_redirects = 0  # a redirect would carry the key to wherever it points
    logging.getLogger("urllib3.connectionpool").addFilter(_UNSIGNED)
    if testnet:
        exchange.enable_demo_trading(True)
    if base_url is not None:
        urls = exchange.urls["api"]
        exchange.urls["api"] = {name: base_url.rstrip("/") + urlsplit(url).path for name, url in urls.items()}
    return exchange, cast(type[Exception], library.BaseError)
