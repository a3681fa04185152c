"""An identity provider: the grants of OAuth 2.0, refresh tokens that rotate, and switches for its moods."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT, CLIENT_SECRET = "postroom-client", "s3cret~of.the-client"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Form = dict[str, str]
Answer = tuple[int, dict[str, Any]]


def refused(error: str, description: str = "") -> Answer:
    return 400, {"error": error} | ({"error_description": description} if description else {})


@dataclass
class Mood:
    """How the provider behaves; a test changes what it wants, and `calm` puts all back."""

    says: Answer | None = None  # this, whatever is asked
    raw: bytes | None = None  # these bytes instead of JSON
    hangs: bool = False  # until the mood is over
    drips: bool = False  # the answer comes byte by byte
    clock: timedelta = timedelta(0)  # how far its clock is ahead
    seconds: int = 3600  # how long an access token is good
    rotates: bool = True
    redirects: bool = False


@dataclass
class IdentityProvider:
    """What it knows: whose each token is, and which refresh token of a login is the newest."""

    url: str = ""
    mood: Mood = field(default_factory=Mood)
    asked: list[tuple[str, Form]] = field(default_factory=list)
    access: dict[str, str] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    used_up: dict[str, str] = field(default_factory=dict)
    codes: dict[str, tuple[str, Form]] = field(default_factory=dict)
    devices: dict[str, list[Answer | str]] = field(default_factory=dict)
    app_user: str = ""
    key: Any = None
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # --- what a test does -------------------------------------------------------------------------

    def calm(self) -> None:
        """Be in good order again, with nobody logged in and nothing asked yet."""
        self._over.set()
        self.mood, self._over = Mood(), threading.Event()
        for known in (self.access, self.refresh, self.used_up, self.codes, self.devices):
            known.clear()
        self.asked.clear()

    def log_in(self, user: str) -> str:
        """Return a refresh token of a user who has logged in."""
        token = f"refresh-{secrets.token_urlsafe(12)}"
        self.refresh[token] = user
        return token

    def revoke(self, user: str) -> None:
        """End every login of a user, and every token."""
        for known in (self.access, self.refresh):
            for token in [token for token, whose in known.items() if whose == user]:
                del known[token]

    def forget_access(self) -> None:
        """Let every access token be invalid from now on, whatever was said of its end."""
        self.access.clear()

    def grants(self) -> list[str]:
        """Return the grants that were asked for, in order."""
        return [form["grant_type"] for path, form in self.asked if path == "/token"]

    # --- what it answers --------------------------------------------------------------------------

    def answer(self, path: str, form: Form) -> Answer:
        with self._lock:
            if path == "/introspect":
                user = self.access.get(form.get("token", ""))
                return 200, {"active": user is not None, "username": user or ""}
            self.asked.append((path, form))
            if self.mood.says is not None:
                return self.mood.says
            if path == "/device":
                return self._device()
            return self._token(form) if path == "/token" else (404, {})

    def hung(self) -> bool:
        """Return whether the mood was to hang; it is over by then."""
        hangs = self.mood.hangs
        if hangs:
            self._over.wait(30)
        return hangs

    def _token(self, form: Form) -> Answer:
        grants = {
            "client_credentials": self._by_client,
            "refresh_token": self._by_refresh,
            "authorization_code": self._by_code,
            DEVICE: self._by_device,
            ASSERTION: self._by_assertion,
        }
        grant = grants.get(form.get("grant_type", ""))
        if grant is None:
            return refused("unsupported_grant_type")
        if form.get("grant_type") != ASSERTION and form.get("client_id") != CLIENT:
            return refused("invalid_client", "no such client")
        if form.get("client_secret", CLIENT_SECRET) != CLIENT_SECRET:
            return 401, {"error": "invalid_client", "error_description": "wrong secret"}
        return grant(form)

    def _given(self, user: str, refresh: str | None = None) -> Answer:
        token = f"access-{secrets.token_urlsafe(12)}"
        self.access[token] = user
        fields: dict[str, Any] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.mood.seconds,
        }
        return 200, fields | ({"refresh_token": refresh} if refresh else {})

    def _by_client(self, form: Form) -> Answer:
        return self._given(self.app_user) if "client_secret" in form else refused("invalid_client")

    def _by_refresh(self, form: Form) -> Answer:
        token = form.get("refresh_token", "")
        if token in self.used_up:  # RFC 9700 4.14.2: used twice, so perhaps stolen: the whole login ends
            self.revoke(self.used_up[token])
            return refused("invalid_grant", "the refresh token was used before")
        if token not in self.refresh:
            return refused("invalid_grant", "the refresh token is expired or revoked")
        user = self.refresh[token]
        if not self.mood.rotates:
            return self._given(user)
        self.used_up[token] = self.refresh.pop(token)
        return self._given(user, self.log_in(user))

    def _by_code(self, form: Form) -> Answer:
        user, asked = self.codes.pop(form.get("code", ""), ("", {}))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not user or challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return refused("invalid_grant", "no such code")
        return self._given(user, self.log_in(user))

    def _device(self) -> Answer:
        code = f"device-{secrets.token_urlsafe(12)}"
        self.devices[code] = self.devices.pop("next", ["authorization_pending"])
        told = {"verification_uri": f"{self.url}/enter", "user_code": "ABCD-EFGH", "expires_in": 900}
        return 200, {"device_code": code, "interval": 1, **told}

    def _by_device(self, form: Form) -> Answer:
        answers = self.devices.get(form.get("device_code", ""), ["expired_token"])
        told = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(told, tuple):
            return told
        if told.startswith("user:"):
            user = told.removeprefix("user:")
            return self._given(user, self.log_in(user))
        return refused(told)

    def _by_assertion(self, form: Form) -> Answer:
        head, claims, signature = form["assertion"].split(".")
        self.key.public_key().verify(
            _decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256()
        )
        told = json.loads(_decoded(claims))
        now = (datetime.now(UTC) + self.mood.clock).timestamp()
        if not told["iat"] - 60 <= now < told["exp"]:
            return refused("invalid_grant", "Invalid JWT: Token must be a short-lived token")
        return self._given(told["sub"])

    def authorize(self, query: Form) -> str:
        """Return where the browser of a person who logs in and consents is sent to."""
        code = secrets.token_urlsafe(12)
        self.codes[code] = (query["login_hint"], query)
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_rsa_key() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class _Door(ThreadingHTTPServer):
    daemon_threads = True
    provider: IdentityProvider


class _Visit(BaseHTTPRequestHandler):
    timeout = 30

    @property
    def provider(self) -> IdentityProvider:
        assert isinstance(self.server, _Door)
        return self.server.provider

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.send_response(302)
        self.send_header("Location", self.provider.authorize(query))
        self.end_headers()

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        is_of_the_mail_server = self.path == "/introspect"
        if not is_of_the_mail_server and self.provider.hung():
            self.close_connection = True
            return
        status, fields = self.provider.answer(self.path, form)
        self._send(status, fields, Mood() if is_of_the_mail_server else self.provider.mood)

    def _send(self, status: int, fields: dict[str, Any], mood: Mood) -> None:
        content = json.dumps(fields).encode() if mood.raw is None else mood.raw
        content *= 20 if mood.drips else 1
        self.send_response_only(307 if mood.redirects else status)
        self.send_header("Date", format_datetime(datetime.now(UTC) + mood.clock, usegmt=True))
        if mood.redirects:
            self.send_header("Location", f"{self.provider.url}/elsewhere")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if mood.drips:
            self._drip(content)
        else:
            self.wfile.write(content)

    def _drip(self, content: bytes) -> None:
        pause = threading.Event()
        with suppress(OSError):
            for letter in content:
                self.wfile.write(bytes([letter]))
                self.wfile.flush()
                pause.wait(0.05)
        self.close_connection = True

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def running_identity_provider() -> Iterator[IdentityProvider]:
    """Run an identity provider on 127.0.0.1 as long as the block lasts."""
    server = _Door(("127.0.0.1", 0), _Visit)
    server.provider = IdentityProvider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.provider
    finally:
        server.provider.calm()
        server.shutdown()
        server.server_close()
        thread.join()
