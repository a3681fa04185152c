"""Asking a token server over https: bounded in time and bytes, and every failure told for what it is."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse

from postroom.errors import TokenServerFault, TokenServerUnreachable

_CONNECT_SECONDS = 10.0
_MOST_BYTES = 256 * 1024
_OK = 200
_REFUSALS = {400, 401, 403}
_BUSY = 429
_BROKEN = 500
_SAID_AT_MOST = 300


@dataclass(frozen=True, slots=True)
class Reply:
    """What a token server answered: the fields of a success, or of a refusal, whose `error` is not empty.

    `told_at` is the server's own clock, where it told it.
    """

    fields: Mapping[str, object]
    error: str
    description: str
    told_at: datetime | None


def ask(url: str, form: Mapping[str, str], *, tls_ca: Path | None, seconds: float = 20.0) -> Reply:
    """POST a form and return the answer, a refusal too; nothing is tried twice, no redirect followed.

    A grant may be good for one use, so what came to no answer is the caller's to judge.
    Raises TokenServerUnreachable, TokenServerFault.
    """
    host = urlsplit(url).netloc
    deadline = time.monotonic() + seconds
    timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, seconds), read=seconds)
    with urllib3.PoolManager(ssl_context=_trust(tls_ca), retries=False, timeout=timeout) as pool:
        try:
            answer = pool.request(
                "POST",
                url,
                fields=dict(form),
                encode_multipart=False,
                headers={"Accept": "application/json"},
                redirect=False,
                preload_content=False,
            )
            content = _read(answer, deadline)
        except HTTPError as error:
            raise _unreachable(host, error) from error
    return _judged(host, answer, content)


def one_line(words: object) -> str:
    """Return what a server said on one line, at most 300 characters."""
    return " ".join(str(words).split())[:_SAID_AT_MOST]


def _trust(tls_ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(tls_ca) if tls_ca else None)
    except OSError as error:  # also ssl.SSLError: a file that holds no certificate
        raise TokenServerUnreachable(
            f"cannot read oauth.tls_ca {tls_ca}: {error.strerror or error}",
            fix="name a PEM file with the CA's certificate",
        ) from error


def _read(answer: BaseHTTPResponse, deadline: float) -> bytes:
    """Return the body; one that is too long or drips in for too long is given up."""
    content = b""
    while piece := answer.read1(4096, decode_content=True):
        content += piece
        if len(content) > _MOST_BYTES:
            raise TokenServerFault("the token server's answer does not end", fix="correct `token_url`")
        if time.monotonic() > deadline:
            raise TokenServerUnreachable("the token server's answer drips in too slowly")
    return content


def _unreachable(host: str, error: HTTPError) -> TokenServerUnreachable:
    cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
    fix = "this machine needs https to it: look at the resolver, the firewall, a proxy"
    if isinstance(cause, NameResolutionError):
        words, fix = "its name cannot be resolved", "correct `token_url`, or look at the machine's resolver"
    elif isinstance(cause, ConnectTimeoutError | ReadTimeoutError):
        words = "no answer in time"
    elif isinstance(cause, SSLError):
        words, fix = f"no TLS: {one_line(cause)}", "set oauth.tls_ca where the CA is your own"
    else:
        words = one_line(cause.__cause__ or cause)
    return TokenServerUnreachable(f"cannot reach the token server {host}: {words}", fix=fix)


def _judged(host: str, answer: BaseHTTPResponse, content: bytes) -> Reply:
    """Return a success or a refusal (RFC 6749 5.1, 5.2); everything else is a fault of the server."""
    fields = _fields(content)
    error = str(fields.get("error") or "") if fields else ""
    status = answer.status
    told_at = _date(answer)
    if status == _OK and fields is not None and not error:
        return Reply(fields, "", "", told_at)
    if (
        status in _REFUSALS | {_OK}
        and fields
        and error not in {"", "temporarily_unavailable", "server_error"}
    ):
        return Reply(fields, one_line(error), one_line(fields.get("error_description") or ""), told_at)
    if status == _BUSY or status >= _BROKEN:
        words, fix = f"it is overloaded or broken: status {status}", "wait; each poll tries again"
    elif status == _OK:
        words, fix = "its answer is no JSON object", "correct `token_url`: that is no token server"
    else:
        words, fix = f"status {status} without a reason", "correct `token_url`, and the tenant in it"
    raise TokenServerFault(f"the token server {host} gave no token: {words}", fix=fix)


def _fields(content: bytes) -> Mapping[str, object] | None:
    with suppress(ValueError, RecursionError):
        found = json.loads(content)
        if isinstance(found, dict):
            return found
    return None


def _date(answer: BaseHTTPResponse) -> datetime | None:
    with suppress(ValueError, TypeError):
        told = parsedate_to_datetime(answer.headers.get("Date", ""))
        return told if told.tzinfo else None
    return None
