"""The client of Firestore: one read and one commit per call, in one transaction, each with a time limit.

Laws kept here:
- a call ends within about ATTEMPTS * 2 * TIMEOUT_S; the client library's own retries (46-300 s) are off;
- a document is set only while the sequence stored in it is not newer; sending again is harmless, so an answer that was
  lost after the commit does no harm;
- a failed connection is not used again: the next call opens a new one, so no call waits for a backoff.

The library finds the credentials: application default credentials, or none for an emulator.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, TypeVar

from tape.exporters.documents import SYNC_FIELD, Document
from tape.exporters.firestore.remote import Outcome, RemoteFailed

TIMEOUT_S = 3.0
ATTEMPTS = 2
_PAUSE_S = 0.2
Result = TypeVar("Result")


class FirestoreClient:
    """Reads and writes documents of ``hedge/{env}`` in a project."""

    def __init__(
        self, env: str, *, project: str | None = None, database: str = "(default)", emulator: str | None = None
    ) -> None:
        """``project``: else the credentials' own, or ``demo-tape``; ``emulator``: host and port, no credentials."""
        self._env, self._project, self._database_id, self._emulator = env, project, database, emulator
        self._connection: tuple[Any, Any] | None = None
        self._credentials: Any = None
        self._metadata: tuple[tuple[str, str], ...] = ()
        self._lock = threading.Lock()
        self._is_closed = False

    def read(self, path: str) -> dict[str, Any] | None:
        """Return a document's content; ``None`` if it does not exist.

        Raises:
            RemoteFailed: after ATTEMPTS.
        """

        def once() -> dict[str, Any] | None:
            found = self._get([path], None, {})
            return _plain_fields(found[path].fields) if path in found else None

        return self._retried(once)

    def send(self, documents: Sequence[Document], *, rewrite: bool) -> dict[str, Outcome]:
        """Set documents whole, all or none; return by path the outcome of each.

        ``stale``: Firestore has a newer document. ``there``: Firestore has this very content already; with ``rewrite``
        the document is set all the same.

        Raises:
            RemoteFailed: after ATTEMPTS.
        """
        return self._retried(lambda: self._send(documents, rewrite=rewrite))

    def close(self) -> None:
        """End the running call, from any thread; further calls are refused."""
        self._is_closed = True
        self._disconnect()

    def _send(self, documents: Sequence[Document], *, rewrite: bool) -> dict[str, Outcome]:
        begun: dict[str, bytes] = {}
        paths = [document.path for document in documents]
        found = self._get(paths, [SYNC_FIELD], {"new_transaction": {"read_write": {}}}, begun)
        outcomes: dict[str, Outcome] = {}
        for document in documents:
            stored = _plain_fields(found[document.path].fields).get(SYNC_FIELD) if document.path in found else None
            outcomes[document.path] = outcome(document, stored, rewrite=rewrite)
        writes = [
            {"update": {"name": self._name(each.path), "fields": _fields(each.fields)}}
            for each in documents
            if outcomes[each.path] == "sent"
        ]
        self._api().commit(
            request={"database": self._database, "writes": writes, "transaction": begun["transaction"]},
            timeout=TIMEOUT_S,
            retry=None,
            metadata=self._metadata,
        )
        return outcomes

    def _get(
        self, paths: Iterable[str], mask: list[str] | None, more: dict[str, Any], begun: dict[str, bytes] | None = None
    ) -> dict[str, Any]:
        names = {self._name(path): path for path in paths}
        request = {"database": self._database, "documents": list(names), **more}
        if mask is not None:
            request["mask"] = {"field_paths": mask}
        answers = self._api().batch_get_documents(
            request=request, timeout=TIMEOUT_S, retry=None, metadata=self._metadata
        )
        found = {}
        for answer in answers:
            raw = type(answer).pb(answer)
            if raw.transaction and begun is not None:
                begun["transaction"] = raw.transaction
            if raw.HasField("found"):
                found[names[raw.found.name]] = raw.found
        return found

    def _retried(self, call: Callable[[], Result]) -> Result:
        for attempt in range(ATTEMPTS):
            try:
                return self._translated(call)
            except RemoteFailed as error:
                if not error.is_passing or attempt == ATTEMPTS - 1 or self._is_closed:
                    raise
            time.sleep(_PAUSE_S)
        raise AssertionError("not reached")

    def _translated(self, call: Callable[[], Result]) -> Result:
        try:
            return call()
        except Exception as error:
            failed = self._library.failure_of(error, is_closed=self._is_closed)
            if failed is None:
                raise
        if failed.is_passing and failed.code != "ABORTED":
            self._disconnect()
        raise failed from None

    @property
    def _library(self) -> ModuleType:
        # takes a second to load: in the thread of the sync, and not while an owner starts
        from tape.exporters.firestore import library

        return library

    def _api(self) -> Any:
        with self._lock:
            if self._is_closed:
                raise RemoteFailed("CANCELLED", "closed")
            if self._connection is None:
                self._connection = self._connect()
            return self._connection[0]

    def _connect(self) -> tuple[Any, Any]:
        if self._emulator:
            self._project = self._project or "demo-tape"
            self._metadata = (("authorization", "Bearer owner"),)
            return self._library.connect_to_emulator(self._emulator)  # type: ignore[no-any-return]
        if self._credentials is None:
            self._credentials, project = self._library.default_credentials()
            self._project = self._project or project
        if not self._project:
            raise RemoteFailed("UNAUTHENTICATED", "no project: set [sync] project or GOOGLE_CLOUD_PROJECT")
        return self._library.connect(self._credentials)  # type: ignore[no-any-return]

    def _disconnect(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection[1].close()

    @property
    def _database(self) -> str:
        self._api()  # which knows the project
        return f"projects/{self._project}/databases/{self._database_id}"

    def _name(self, path: str) -> str:
        return f"{self._database}/documents/hedge/{self._env}/{path}"


def outcome(document: Document, stored: dict[str, Any] | None, *, rewrite: bool) -> Outcome:
    """Decide what to do with a document, given the ``_sync`` of the stored one."""
    seq = stored.get("seq") if isinstance(stored, dict) else None
    if stored is None or not isinstance(seq, int):
        return "sent"
    if seq > document.seq:
        return "stale"
    return "there" if stored.get("digest") == document.digest and not rewrite else "sent"


def _fields(value: dict[str, Any]) -> dict[str, Any]:
    return {key: _encoded(item) for key, item in value.items()}


def _encoded(value: Any) -> dict[str, Any]:
    """Return a JSON value in Firestore's form."""
    match value:
        case None:
            return {"null_value": 0}
        case bool():
            return {"boolean_value": value}
        case int():
            return {"integer_value": value}
        case float():
            return {"double_value": value}
        case str():
            return {"string_value": value}
        case list():
            return {"array_value": {"values": [_encoded(item) for item in value]}}
        case _:
            return {"map_value": {"fields": _fields(value)}}


def _plain_fields(fields: Any) -> dict[str, Any]:
    return {key: _plain(item) for key, item in fields.items()}


def _plain(value: Any) -> Any:
    """Return the JSON value of a Firestore value, as protobuf has it."""
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        return _plain_fields(value.map_value.fields)
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)
