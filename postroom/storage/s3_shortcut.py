"""Requests for one object without boto3's layers, once boto3 has shown how they go.

boto3 knows the endpoint, the region, the keys and what to do in trouble; for a small object, that costs more
than all else.  So it sends the first request, and what it sent tells the way: those that follow are signed
here and go over the same connections.  Whatever does not come out as it should is asked again by boto3.  Why
so: docs/decisions/0019-requests-to-s3-without-boto3.md.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import BotoCoreError

from postroom.storage.s3_signature import NOTHING, Signer, signed

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./-]+")  # no need to be quoted
_AUTHORIZATION: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=[^ ,]+/\d{8}/([^/ ,]+)/s3/aws4_request,")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for the object under `key`; `sha256` is the digest of `body`."""

    method: str
    key: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    sha256: str = NOTHING


@dataclass(frozen=True, slots=True)
class _Way:
    place: str  # what comes before a key
    region: str
    agent: str


class Shortcut:
    """The way to the objects of one bucket, for every thread; there is none before boto3 showed it.

    `keys` returns botocore's credentials as they are at the moment.
    """

    def __init__(self, client: Any, keys: Callable[[], Any]) -> None:  # boto3 makes its classes at run time
        self._session = client._endpoint.http_session  # noqa: SLF001  (its TLS, proxies and timeouts)
        self._keys = keys
        self._thread = threading.local()
        self._way: _Way | None = None
        client.meta.events.register("before-send.s3", self._note)

    def learn(self, key: str) -> None:
        """Take the way that this thread's last request went: it was for the object under `key`, and fine.

        Where it was signed in another way than here, or the key had to be quoted, boto3 keeps the work.
        """
        url, authorization, agent = getattr(self._thread, "sent", ("", "", ""))
        scope = _AUTHORIZATION.match(authorization)
        if scope and _PLAIN.fullmatch(key) and url.endswith(f"/{key}"):
            self._way = _Way(url.removesuffix(key), scope[1], agent)

    def send(self, ask: Ask, fine: Collection[int], *, streamed: bool = False) -> Any | None:
        """Return botocore's AWSResponse, with its body unread if `streamed`; None where boto3 is to ask.

        That is while no way is known, and after any answer that is not `fine`: then the way is forgotten.
        """
        way = self._way
        if way is None or not _PLAIN.fullmatch(ask.key):
            return None
        try:
            answer = self._session.send(self._request(ask, way, streamed=streamed))
        except BotoCoreError:
            self._way = None
            return None
        if answer.status_code in fine:
            return answer
        self._way = None
        answer.raw.drain_conn()
        return None

    def _request(self, ask: Ask, way: _Way, *, streamed: bool) -> AWSPreparedRequest:
        url, keys = way.place + ask.key, self._keys()
        signer = Signer(keys.access_key, keys.secret_key, keys.token, way.region)
        headers = {"User-Agent": way.agent, **ask.headers}
        whole = signed(ask.method, url, headers, sha256=ask.sha256, signer=signer, now=datetime.now(UTC))
        return AWSPreparedRequest(ask.method, url, whole, ask.body or None, streamed)

    def _note(self, request: Any, **_: object) -> None:
        """Listen to `before-send`, in the thread that sends."""
        sent = (_text(request.headers.get(name, "")) for name in ("Authorization", "User-Agent"))
        self._thread.sent = (request.url, *sent)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
