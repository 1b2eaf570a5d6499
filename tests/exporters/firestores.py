"""Firestore for tests: Google's emulator, which can be frozen, killed and started again, and a fault server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import grpc
import pytest

from tape.exporters.firestore.client import FirestoreClient

JAR = Path(
    "/usr/lib/google-cloud-sdk/platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
)
_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
PROJECT = "demo-tape"


def connected() -> FirestoreClient:
    """A client of the server that the environment names."""
    return FirestoreClient("dev", emulator=os.environ["FIRESTORE_EMULATOR_HOST"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Emulator:
    """Google's emulator on a port of its own, while the block runs."""

    def __init__(self) -> None:
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        java = ["java", "-Xmx512m", "-Duser.language=en", "-cp", str(JAR), _MAIN, "start"]
        self.process = subprocess.Popen(
            [*java, "--host=127.0.0.1", f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{self.host}/", timeout=5):
                return
            time.sleep(0.05)
        raise AssertionError("the emulator does not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self, *, until_thawed: bool) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP if until_thawed else signal.SIGCONT)

    def wipe(self) -> None:
        url = f"http://{self.host}/emulator/v1/projects/{PROJECT}/databases/(default)/documents"
        until = time.monotonic() + 60
        while time.monotonic() < until:  # a client that was killed in a transaction leaves it open for a while
            with contextlib.suppress(OSError):
                urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10).close()
                return
            time.sleep(0.5)
        raise AssertionError("the emulator does not forget its documents")


def emulator() -> Iterator[Emulator]:
    """For a fixture; skips where the emulator is not installed."""
    if not JAR.is_file() or shutil.which("java") is None:
        pytest.skip("needs Java and Google's emulator: apt-get install google-cloud-cli-firestore-emulator")
    with Emulator() as running:
        yield running


class FaultServer(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Passes calls on to an emulator; ``fault`` may fail, delay or drop them.

    It is called with the method's name before a call is passed on, and what it returns, if anything, after a commit.
    """

    def __init__(self, target: str) -> None:
        self.fault: Callable[[str, grpc.ServicerContext], Callable[[], None] | None] = lambda *_: None
        self.calls: list[str] = []
        self._target = grpc.insecure_channel(target)
        self._pool = ThreadPoolExecutor(8)
        self._server = grpc.server(self._pool, handlers=[self])
        self.host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self.released = threading.Event()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.stop(0).wait()
        self._target.close()
        self._pool.shutdown()

    def hang(self, _: str, context: grpc.ServicerContext) -> None:
        self.released.wait(30)
        context.abort(grpc.StatusCode.CANCELLED, "passed on now, it would lock documents for nobody")

    def service(self, call: Any) -> Any:
        method = call.method

        def passed_on(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            name = method.rsplit("/", 1)[1]
            self.calls.append(name)
            after = self.fault(name, context)
            metadata = [(key, value) for key, value in context.invocation_metadata() if key == "authorization"]
            try:
                if name == "BatchGetDocuments":
                    yield from self._target.unary_stream(method)(request, metadata=metadata, timeout=10)
                    return
                answer = self._target.unary_unary(method)(request, metadata=metadata, timeout=10)
            except grpc.RpcError as error:  # what the emulator refuses, such as a lock of a client that is gone
                context.abort(error.code(), error.details())
            if after is not None:
                after()
            yield answer

        if method.endswith("BatchGetDocuments"):
            return grpc.unary_stream_rpc_method_handler(passed_on)
        return grpc.unary_unary_rpc_method_handler(lambda request, context: next(passed_on(request, context)))


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
