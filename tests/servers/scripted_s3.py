"""An S3 service that answers what a test wrote down for it, for what no real one can be made to do."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers.certificates import Certificates
from tests.servers.s3 import S3Service

_ERROR = (
    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{code} it is</Message></Error>"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `promised` is a Content-Length other than the body's, and a mute one never comes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None
    is_mute: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedS3:
    """Gives its answers in order, the last one for ever; `requests` is what was asked."""

    def __init__(self, answers: Sequence[Answer], service: S3Service) -> None:
        self.requests: list[Request] = []
        self.service = service
        self.over = threading.Event()
        self._answers = list(answers)
        self._lock = threading.Lock()

    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def refused(status: int, code: str) -> Answer:
    """Return an error as S3 gives it: "Error responses" in its API reference."""
    return Answer(status, _ERROR.format(code=code).encode(), {"Content-Type": "application/xml"})


def head_of(content: bytes, *, size: int | None = None, sha256: str | None = None) -> Answer:
    """Return the answer to a HEAD of an object that postroom wrote, or of one that differs in this."""
    headers = {"x-amz-meta-sha256": sha256 or hashlib.sha256(content).hexdigest(), "ETag": '"e"'}
    return Answer(headers=headers, promised=len(content) if size is None else size)


@contextmanager
def scripted(*answers: Answer, tls: Certificates | None = None) -> Iterator[ScriptedS3]:
    """Run a service with these answers as long as the block lasts, over TLS where there are certificates."""
    server = _Server(("127.0.0.1", 0), _Room)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.server, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        endpoint = f"https://localhost:{server.server_port}"
    server.script = script = ScriptedS3(answers, S3Service(endpoint))
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield script
    finally:
        script.over.set()
        server.shutdown()
        serving.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that hangs up in the middle: that is what the tests are about."""

    daemon_threads = True
    script: ScriptedS3


class _Room(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_expect_100(self) -> bool:
        return True  # the body is not waited for: the answer is given at once, as a service in trouble does

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
        pass

    def _serve(self) -> None:
        assert isinstance(self.server, _Server)
        script = self.server.script
        if "Expect" in self.headers:
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = script.answer(Request(self.command, self.path, dict(self.headers), body))
        if answer.is_mute:
            script.over.wait(30)
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        promised = len(answer.body) if answer.promised is None else answer.promised
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
            self.close_connection = promised != len(answer.body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _serve  # noqa: N815  (the library's names)
