"""A gate before a real S3 service: it forwards requests, or answers as a service in trouble does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers.scripted_s3 import refused

_PATIENCE_SECONDS = 60.0
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}  # RFC 9110 7.6.1


class Trouble(StrEnum):
    """What the service has."""

    NONE = "none"
    INTERNAL_ERROR = "500"
    SLOW_DOWN = "503"
    SLOW = "slow"
    TRUNCATED = "truncated GET"
    UNTOLD = "done and not told"


class S3Gate:
    """Forwards to the S3 service at `target_port` of 127.0.0.1, but for what its `trouble` is.

    `met` counts the requests that the trouble befell.
    """

    def __init__(self, target_port: int, *, slow_seconds: float = 0.3) -> None:
        self.target_port, self.slow_seconds = target_port, slow_seconds
        self.trouble = Trouble.NONE
        self._met = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Passage)
        self._server.gate = self
        self._serving = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def met(self) -> int:
        return self._met

    def befall(self) -> None:
        """Count a request that met the trouble."""
        with self._lock:
            self._met += 1

    def start(self) -> None:
        self._serving.start()

    def close(self) -> None:
        """End all, and wait for it."""
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()


@contextmanager
def running_gate(target_port: int) -> Iterator[S3Gate]:
    """Run a gate before that port as long as the block lasts."""
    gate = S3Gate(target_port)
    gate.start()
    try:
        yield gate
    finally:
        gate.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    gate: S3Gate

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that was killed in the middle."""


class _Passage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
        pass

    def _pass(self) -> None:
        assert isinstance(self.server, _Server)
        gate = self.server.gate
        trouble = gate.trouble
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if trouble is Trouble.TRUNCATED and self.command != "GET":
            trouble = Trouble.NONE
        if trouble is not Trouble.NONE:
            gate.befall()
        if trouble in {Trouble.INTERNAL_ERROR, Trouble.SLOW_DOWN}:
            self._refuse(int(trouble), "InternalError" if trouble is Trouble.INTERNAL_ERROR else "SlowDown")
            return
        if trouble is Trouble.SLOW:
            threading.Event().wait(gate.slow_seconds)
        self._forward(gate.target_port, body, trouble)

    def _refuse(self, status: int, code: str) -> None:
        answer = refused(status, code)
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _forward(self, port: int, body: bytes, trouble: Trouble) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
        try:
            # The request as it came: its signature covers the Host that it was sent to.
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {*_HOP_BY_HOP, "expect"}:
                    connection.putheader(name, value)
            connection.endheaders(body)
            self._answer(connection.getresponse(), trouble)
        except (OSError, HTTPException):
            self.close_connection = True
        finally:
            connection.close()

    def _answer(self, answer: HTTPResponse, trouble: Trouble) -> None:
        content = answer.read()
        if trouble is Trouble.UNTOLD:
            self.close_connection = True
            return
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in {*_HOP_BY_HOP, "content-length"}:
                self.send_header(name, value)
        if self.command == "HEAD":
            self.send_header("Content-Length", answer.getheader("Content-Length") or "0")
        elif answer.status not in {204, 304}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if trouble is Trouble.TRUNCATED:
            content = content[: len(content) // 2]
            self.close_connection = True
        self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass  # noqa: N815  (the library's names)
