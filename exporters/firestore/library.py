"""Google's libraries: opens connections and interprets exceptions. The libraries take a second to load."""

from __future__ import annotations

from typing import Any

import google.auth
import google.auth.exceptions
import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.firestore_v1.services.firestore import FirestoreClient as Api
from google.cloud.firestore_v1.services.firestore.transports.grpc import FirestoreGrpcTransport

from tape.exporters.firestore.remote import RemoteFailed

_OPTIONS = [
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
]
_SCOPES = ("https://www.googleapis.com/auth/datastore",)


def default_credentials() -> tuple[Any, str | None]:
    """Return the application default credentials, and the project that they name, if any."""
    credentials, project = google.auth.default(scopes=_SCOPES)
    return credentials, project


def connect(credentials: Any) -> tuple[Any, Any]:
    """Return the calls of Firestore, and the channel under them."""
    host = Api.DEFAULT_ENDPOINT
    channel = FirestoreGrpcTransport.create_channel(
        f"{host}:443", credentials=credentials, scopes=_SCOPES, options=_OPTIONS
    )
    return _calls(host, channel)


def connect_to_emulator(host: str) -> tuple[Any, Any]:
    """Return the calls of an emulator, ``host`` and port, and the channel under them."""
    return _calls(host, grpc.insecure_channel(host, options=_OPTIONS))


def _calls(host: str, channel: Any) -> tuple[Any, Any]:
    return Api(transport=FirestoreGrpcTransport(host=host, channel=channel)), channel


def failure_of(error: Exception, *, is_closed: bool) -> RemoteFailed | None:
    """Return the failure that an exception of a call means; ``None`` if it says nothing about Firestore.

    ``is_closed``: the connection was closed, perhaps during the call.
    """
    if isinstance(error, GoogleAPICallError):
        code = error.grpc_status_code.name if error.grpc_status_code is not None else "UNKNOWN"
        return RemoteFailed(code, _one_line(error.message or ""))
    if isinstance(error, grpc.RpcError):
        return RemoteFailed(error.code().name if hasattr(error, "code") else "UNKNOWN", "")
    if isinstance(error, google.auth.exceptions.TransportError):
        return RemoteFailed("UNAVAILABLE", f"credentials: {type(error).__name__}")
    if isinstance(error, google.auth.exceptions.GoogleAuthError):
        # the message may quote the credentials file
        return RemoteFailed("UNAUTHENTICATED", f"credentials: {type(error).__name__}")
    if isinstance(error, (KeyError, ValueError)):
        # of a channel closed under the call, and of an answer without a transaction
        return RemoteFailed("CANCELLED" if is_closed else "UNKNOWN", _one_line(str(error)))
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split())
