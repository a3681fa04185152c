"""Waiting on a port of this machine for the browser to bring a login's answer (RFC 8252 7.3)."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

from postroom.errors import LoginNeeded, UsageFault

_DONE = b"postroom has its answer. You may close this window and look at the terminal.\n"
_STRANGE = b"That is no answer to a login that postroom waits for.\n"


class Listener:
    """Listens on 127.0.0.1 alone, on `port`, or on a free one for 0.  Raises UsageFault."""

    def __init__(self, port: int = 0) -> None:
        try:
            self._door = _Door(("127.0.0.1", port), _Visit)
        except (OSError, OverflowError) as error:
            raise UsageFault(
                f"cannot listen on 127.0.0.1:{port}: {error}", fix="choose another --port"
            ) from error
        self.port: int = self._door.server_port

    def answer(self, fits: Callable[[str], bool], *, seconds: float) -> str:
        """Return the first address that a browser brings and that `fits`; all others are sent away.

        Raises LoginNeeded when none came in time.
        """
        self._door.fits = fits
        deadline = time.monotonic() + seconds
        while not self._door.found and (left := deadline - time.monotonic()) > 0:
            self._door.timeout = min(left, 1.0)
            with suppress(OSError):  # a browser that went away in the middle
                self._door.handle_request()
        if not self._door.found:
            raise LoginNeeded("no browser brought the answer in time", fix="start anew; or use --paste")
        return self._door.found

    def close(self) -> None:
        """Stop listening; safe to repeat."""
        self._door.server_close()


class _Door(HTTPServer):
    fits: Callable[[str], bool] = staticmethod(lambda _address: False)
    found = ""

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Say nothing of a visitor who broke off: the address may hold a code."""


class _Visit(BaseHTTPRequestHandler):
    timeout = 5.0  # for a visitor who says nothing

    def do_GET(self) -> None:
        assert isinstance(self.server, _Door)  # noqa: S101  (_Door makes its visits)
        fits = self.server.fits(self.path)
        if fits:
            self.server.found = self.path
        words = _DONE if fits else _STRANGE
        self.send_response(200 if fits else 404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def log_message(self, *_words: object) -> None:
        """Say nothing: the address holds the code."""
