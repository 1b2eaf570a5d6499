"""The edge to Firestore: one read and one commit a call, in one transaction, each with a time limit.

Laws kept here:
- a call ends within ATTEMPTS * 2 * TIMEOUT_S and a little; the client library's own retries (46-300 s) are off;
- a document is set only while the sequence stored in it is not newer; sending again is harmless, so an answer that was
  lost after its commit is no doubt;
- a connection that failed is not used again: the next call opens another, so none waits for a backoff.

The imports are heavy (a second) and stand in the function that needs them. Credentials are the library's business:
application default credentials, or none for an emulator.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any, Literal, TypeVar

from tape.exporters.documents import SYNC_FIELD, Document
from tape.store.errors import StoreError

TIMEOUT_S = 3.0
ATTEMPTS = 2
_PAUSE_S = 0.2
_OPTIONS = [
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
]
_SCOPES = ("https://www.googleapis.com/auth/datastore",)
_PASSING = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED", "INTERNAL", "UNKNOWN")
_WRONG_DOCUMENT = ("INVALID_ARGUMENT", "OUT_OF_RANGE")
Outcome = Literal["sent", "there", "stale"]
Result = TypeVar("Result")


class ExtraMissing(StoreError):
    def __init__(self) -> None:
        super().__init__("sync: google-cloud-firestore is not installed: pip install 'tape[firestore]'")


class RemoteFailed(StoreError):
    """Firestore did not do what was asked; ``is_passing``: it may at once or soon, as the server comes back."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.is_passing = code in _PASSING
        self.is_document = code in _WRONG_DOCUMENT
        super().__init__(f"firestore: {code}: {message[:200]}")


def require_extra() -> None:
    """Looks, without importing it.

    Raises:
        ExtraMissing: the ``firestore`` extra is not installed.
    """
    try:
        found = find_spec("google.cloud.firestore_v1")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ExtraMissing


class FirestoreClient:
    """Documents of ``hedge/{env}`` in a project; unless given the credentials' own, or the emulator's ``demo-tape``."""

    def __init__(
        self, env: str, *, project: str | None = None, database: str = "(default)", emulator: str | None = None
    ) -> None:
        """``emulator``: host and port of one, in the place of Google's; it asks for no credentials."""
        self._env, self._project, self._database_id, self._emulator = env, project, database, emulator
        self._connection: tuple[Any, Any] | None = None
        self._credentials: Any = None
        self._metadata: tuple[tuple[str, str], ...] = ()
        self._lock = threading.Lock()
        self._is_closed = False

    def read(self, path: str) -> dict[str, Any] | None:
        """A document's content, ``None`` when there is none.

        Raises:
            RemoteFailed: after ATTEMPTS.
        """

        def once() -> dict[str, Any] | None:
            found = self._get([path], None, {})
            return _plain_fields(found[path].fields) if path in found else None

        return self._retried(once)

    def send(self, documents: Sequence[Document], *, rewrite: bool) -> dict[str, Outcome]:
        """Sets documents whole, all or none; by path what became of each.

        ``stale``: a newer one is there. ``there``: this very content is, which counts unless ``rewrite``.

        Raises:
            RemoteFailed: after ATTEMPTS.
        """
        return self._retried(lambda: self._send(documents, rewrite=rewrite))

    def close(self) -> None:
        """Ends the call under way, from any thread; another one is refused."""
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
        import google.auth.exceptions
        import grpc
        from google.api_core.exceptions import GoogleAPICallError

        try:
            return call()
        except GoogleAPICallError as error:
            code = error.grpc_status_code.name if error.grpc_status_code is not None else "UNKNOWN"
            failed = RemoteFailed(code, _one_line(error.message or ""))
        except grpc.RpcError as error:
            failed = RemoteFailed(error.code().name if hasattr(error, "code") else "UNKNOWN", "")
        except google.auth.exceptions.TransportError as error:
            failed = RemoteFailed("UNAVAILABLE", f"credentials: {type(error).__name__}")
        except google.auth.exceptions.GoogleAuthError as error:
            # the message may quote the credentials file
            failed = RemoteFailed("UNAUTHENTICATED", f"credentials: {type(error).__name__}")
        except (KeyError, ValueError) as error:
            # of a channel closed under the call, and of an answer without a transaction
            failed = RemoteFailed("CANCELLED" if self._is_closed else "UNKNOWN", _one_line(str(error)))
        if failed.is_passing and failed.code != "ABORTED":
            self._disconnect()
        raise failed from None

    def _api(self) -> Any:
        with self._lock:
            if self._is_closed:
                raise RemoteFailed("CANCELLED", "closed")
            if self._connection is None:
                self._connection = self._connect()
            return self._connection[0]

    def _connect(self) -> tuple[Any, Any]:
        import grpc
        from google.cloud.firestore_v1.services.firestore import FirestoreClient as Api
        from google.cloud.firestore_v1.services.firestore.transports.grpc import FirestoreGrpcTransport

        if self._emulator:
            host, self._project = self._emulator, self._project or "demo-tape"
            self._metadata = (("authorization", "Bearer owner"),)
            channel = grpc.insecure_channel(host, options=_OPTIONS)
        else:
            if self._credentials is None:
                import google.auth

                self._credentials, project = google.auth.default(scopes=_SCOPES)
                self._project = self._project or project
            if not self._project:
                raise RemoteFailed("UNAUTHENTICATED", "no project: set [sync] project or GOOGLE_CLOUD_PROJECT")
            host = Api.DEFAULT_ENDPOINT
            channel = FirestoreGrpcTransport.create_channel(
                f"{host}:443", credentials=self._credentials, scopes=_SCOPES, options=_OPTIONS
            )
        return Api(transport=FirestoreGrpcTransport(host=host, channel=channel)), channel

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
    """What is to become of a document, given the ``_sync`` of the one that is there."""
    seq = stored.get("seq") if isinstance(stored, dict) else None
    if stored is None or not isinstance(seq, int):
        return "sent"
    if seq > document.seq:
        return "stale"
    return "there" if stored.get("digest") == document.digest and not rewrite else "sent"


def _fields(value: dict[str, Any]) -> dict[str, Any]:
    return {key: _encoded(item) for key, item in value.items()}


def _encoded(value: Any) -> dict[str, Any]:
    """A JSON value as Firestore's."""
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
    """The JSON value of one of Firestore's, as protobuf has it."""
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        return _plain_fields(value.map_value.fields)
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def _one_line(text: str) -> str:
    return " ".join(text.split())
