"""From a host name to an encrypted IMAP connection, not yet logged in."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from postroom.config.settings import Mailbox, Tls
from postroom.core.deadline import NEVER, Deadline
from postroom.errors import ConnectFailed, DnsFailed, ServerFault, TlsFailed
from postroom.fetcher.imap_words import peer, said

CONNECT_SECONDS = 20.0
READ_SECONDS = 60.0

_TLS_FIX = (
    "`host` must be the name in the certificate; for an own CA set `tls_ca`; "
    'port 993 wants tls = "implicit", port 143 tls = "starttls"'
)


def open_client(settings: Mailbox, *, deadline: Deadline = NEVER) -> Any:
    """Return an IMAPClient that is connected, encrypted as configured, and not logged in.

    No single wait is longer than `deadline` has it.  Raises DnsFailed, ConnectFailed, TlsFailed, ServerFault.
    """
    context = None if settings.tls is Tls.OFF else tls_context(settings)
    client = _connect(settings, context, deadline)
    _keep_quiet(client)
    if context is not None and settings.tls is Tls.STARTTLS:
        _start_tls(client, settings, context)
    return client


def tls_context(settings: Mailbox) -> ssl.SSLContext:
    """Return what the certificate is checked against: `tls_ca` alone, or else the system's CAs.

    To read them costs more than to log in, so it is done once for all mailboxes, and again where the files
    have changed.  Raises TlsFailed when `tls_ca` cannot be read.
    """
    try:
        return _context(settings.tls_ca, _changed_at(settings.tls_ca), verifies=settings.tls_verify)
    except OSError as error:  # also ssl.SSLError: a file that holds no certificate
        raise TlsFailed(
            f"cannot read tls_ca {settings.tls_ca}: {said(error)}",
            fix="name a PEM file with the CA's certificate",
        ) from error


@lru_cache(maxsize=64)
def _context(tls_ca: Path | None, _changed: tuple[int, ...], *, verifies: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls_ca) if tls_ca else None)
    if not verifies:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _changed_at(tls_ca: Path | None) -> tuple[int, ...]:
    """Return when what a context is made from has changed, in nanoseconds.  Raises OSError."""
    if tls_ca:
        return (tls_ca.stat().st_mtime_ns,)
    system = ssl.get_default_verify_paths()
    there = [Path(path) for path in (system.cafile, system.capath) if path]
    return tuple(path.stat().st_mtime_ns for path in there)


def resolve(settings: Mailbox) -> list[str]:
    """Return the addresses of the host.  Raises DnsFailed."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:  # UnicodeError: an empty or over-long label
        raise DnsFailed(
            f"cannot resolve {settings.host}: {said(error)}",
            fix="correct `host`, or look at the machine's resolver",
        ) from error
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def is_loopback(client: Any) -> bool:
    """Return whether the other end of the connection is this machine itself."""
    address = client.socket().getpeername()[0]
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def connect_fault(settings: Mailbox, error: BaseException) -> ConnectFailed:
    """Return the fault of a port that does not answer."""
    return ConnectFailed(
        f"cannot connect to {settings.host}:{settings.port}: {said(error)}",
        fix="check `host`, `port` and the firewall; 993 is implicit TLS, 143 is STARTTLS",
    )


def _connect(settings: Mailbox, context: ssl.SSLContext | None, deadline: Deadline) -> Any:
    resolve(settings)
    try:
        return IMAPClient(
            settings.host,
            port=settings.port,
            ssl=settings.tls is Tls.IMPLICIT,
            ssl_context=context if settings.tls is Tls.IMPLICIT else None,
            timeout=SocketTimeout(
                connect=deadline.wait_seconds(CONNECT_SECONDS), read=deadline.wait_seconds(READ_SECONDS)
            ),
        )
    except ssl.SSLError as error:
        raise _tls_fault(settings, error) from error
    except OSError as error:
        raise connect_fault(settings, error) from error
    except (IMAPClientError, ValueError) as error:
        raise ServerFault(
            f"{peer(settings)}: no IMAP greeting: {said(error)}", fix="is that the port of an IMAP server?"
        ) from error


def _keep_quiet(client: Any) -> None:
    """Stop the library from formatting every literal for a debug log: it costs three quarters of the time."""
    imap = client._imap  # noqa: SLF001 - the library has no public switch for it; a test watches the attribute
    if hasattr(imap, "debug"):
        imap.debug = 0


def _start_tls(client: Any, settings: Mailbox, context: ssl.SSLContext) -> None:
    try:
        client.starttls(context)
    except (OSError, IMAPClientError, IMAPClientAbortError) as error:
        with suppress(IMAPClientError, OSError):
            client.shutdown()
        raise _tls_fault(settings, error) from error


def _tls_fault(settings: Mailbox, error: BaseException) -> TlsFailed:
    return TlsFailed(f"no TLS with {settings.host}:{settings.port}: {said(error)}", fix=_TLS_FIX)
