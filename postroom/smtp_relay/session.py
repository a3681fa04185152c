"""One connection: aiosmtpd's dialogue with limits, a DATA loop and replies of our own."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, AnyStr, cast

from aiosmtpd.smtp import SMTP, Session

from postroom.failpoints import reach
from postroom.smtp_relay import replies
from postroom.smtp_relay.bounds import BLOCK_BYTES, LINE_BYTES, OVERRUN_FACTOR
from postroom.smtp_relay.census import UNIX
from postroom.smtp_relay.content import Content
from postroom.smtp_relay.deadline import Deadline
from postroom.smtp_relay.end_of_data import DotStuffing
from postroom.smtp_relay.path import read_path
from postroom.smtp_relay.stream import BlockReader
from postroom.smtp_relay.transaction import Transaction

if TYPE_CHECKING:
    from postroom.smtp_relay.reception import Reception

_PARAMETERS = "SIZE {size}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"


class SmtpSession(SMTP):
    """SMTP; what differs from aiosmtpd's class, and why, stands in docs/decisions."""

    answers_apart = False
    line_length_limit = LINE_BYTES

    def __init__(self, reception: Reception, template: SmtpSession | None = None) -> None:
        if template is None:
            self.command_size_limits = defaultdict(lambda: LINE_BYTES)  # a class attribute in aiosmtpd
            super().__init__(
                reception,
                data_size_limit=reception.bounds.message_bytes,
                enable_SMTPUTF8=True,
                hostname=reception.hostname,
                ident="postroom",
                tls_context=reception.starttls,
                require_starttls=reception.requires_tls,
                auth_exclude_mechanism=("LOGIN", "PLAIN"),
                loop=reception.loop,
            )
        else:
            self._take_after(template)
        self.reception = reception
        self.address = UNIX
        self.is_busy = False  # between the end of a message and its reply: never cut off here
        self._ended = False
        self._deadline: Deadline | None = None

    def _take_after(self, template: SmtpSession) -> None:
        """Become what `template` is, without the millisecond that aiosmtpd needs to look at itself."""
        vars(self).update(vars(template))
        self.reader = BlockReader(self.loop)
        asyncio.StreamReaderProtocol.__init__(self, self.reader, self._cb_client_connected, loop=self.loop)
        self._smtp_methods = {
            command: getattr(self, method.__name__) for command, method in self._smtp_methods.items()
        }

    def _create_envelope(self) -> Transaction:
        return Transaction()

    async def _handle_client(self) -> None:
        with suppress(OSError):  # the client has left
            await super()._handle_client()

    # --- the connection -----------------------------------------------------------------------

    def connection_lost(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended = True
            self.reception.over(self)
            super().connection_lost(error)

    def _reset_timeout(self, duration: float | None = None) -> None:
        if self._deadline is None:
            bounds = self.reception.bounds
            self._deadline = Deadline(self.loop, bounds, may_cut=lambda: not self.is_busy, cut=self.cut)
            self._timeout_handle = cast("Any", self._deadline)  # aiosmtpd cancels it in the end
        self._deadline.heard()

    def cut(self, reply: str, *, at_once: bool = False) -> None:
        """Say `reply` and close, whether or not the client listens; `at_once` waits for nothing more."""
        transport = cast("asyncio.WriteTransport | None", self.transport)
        if transport is not None and at_once:
            transport.abort()
        elif transport is not None and not transport.is_closing():
            transport.write(reply.encode() + b"\r\n")
            transport.close()

    async def push(self, status: AnyStr) -> None:
        said = replies.enhanced(status) if isinstance(status, str) else status  # type: ignore[redundant-expr]  # AnyStr
        await super().push(said)

    async def smtp_EHLO(self, hostname: str) -> None:
        if await self._greeted(hostname, "EHLO"):
            self.client.extended_smtp = True
            offered = [line.format(size=self.data_size_limit) for line in _PARAMETERS]
            if self.tls_context and not self._tls_protocol:
                offered.append("STARTTLS")
            lines = [f"250-{line}" for line in (self.hostname, *offered)]
            await self.push("\r\n".join([*lines[:-1], lines[-1].replace("-", " ", 1)]).encode())

    async def smtp_HELO(self, hostname: str) -> None:
        if await self._greeted(hostname, "HELO"):
            self.client.extended_smtp = False
            await self.push(b"250 " + self.hostname.encode())

    async def smtp_AUTH(self, arg: str) -> None:
        await self.push(replies.NO_AUTH)

    async def _greeted(self, hostname: str, command: str) -> bool:
        if not hostname:
            await self.push(f"501 Syntax: {command} hostname")
            return False
        self._set_rset_state()  # type: ignore[no-untyped-call]
        self.client.host_name = hostname
        return True

    async def smtp_STARTTLS(self, arg: str) -> None:
        if arg:
            await self.push(replies.NO_PARAMETERS)
        elif self.tls_context is None or self._tls_protocol:
            await self.push(replies.NO_TLS)
        else:
            await self._start_tls(self.tls_context)

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        await self._writer.drain()
        self._writer.write(replies.TLS_READY.encode() + b"\r\n")
        # What came in plain text behind STARTTLS is dropped, and nothing can come between this and start_tls:
        # else whoever sits between could put commands into the encrypted session (RFC 3207 6).
        self.reader.drop()
        secure = await self._shake_hands(context)
        self._wear(secure)
        self._set_rset_state()  # type: ignore[no-untyped-call]
        session = self._create_session()  # RFC 3207 4.2: what the client said before counts no more
        session.peer, session.ssl = secure.get_extra_info("peername"), {}
        self.session = session

    async def _shake_hands(self, context: ssl.SSLContext) -> asyncio.Transport:
        """Return the encrypted transport.  Raises ConnectionResetError, which ends the session."""
        plain = cast("asyncio.WriteTransport", self.transport)
        patience = self.reception.bounds.idle_seconds
        self.is_busy = True  # a reply in plain text would be nonsense now; the handshake has its own limit
        try:
            secure = await self.loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=patience
            )
        except (OSError, ssl.SSLError) as error:
            self.connection_lost(error)  # asyncio does not say so of every handshake that ends early
            raise ConnectionResetError from error
        finally:
            self.is_busy = False
        if secure is None:
            raise ConnectionResetError
        return secure

    def _wear(self, transport: asyncio.Transport) -> None:
        """Let reader, writer and protocol speak through `transport`, as asyncio itself does."""
        self.transport = transport
        self.reader.read_from(transport)
        self._writer = asyncio.StreamWriter(transport, self, self.reader, self.loop)
        self._over_ssl = True
        self._tls_protocol = cast("Any", transport)

    @property
    def client(self) -> Session:
        """Return what aiosmtpd knows about the client; it is there since connection_made."""
        return cast("Session", self.session)

    @property
    def transaction(self) -> Transaction:
        """Return the mail transaction that is going on; there is always one."""
        return cast("Transaction", self.envelope)

    @property
    def is_encrypted(self) -> bool:
        return self.transport is not None and self.transport.get_extra_info("sslcontext") is not None

    # --- the message --------------------------------------------------------------------------

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        return read_path(arg or "", self.hostname)

    async def smtp_DATA(self, arg: str) -> None:
        if await self.check_helo_needed():
            return
        if not self.transaction.rcpt_tos:
            await self.push(replies.NO_RECIPIENT)
        elif arg:
            await self.push(replies.NO_PARAMETERS)
        else:
            await self._take()

    async def _take(self) -> None:
        """Read one message and answer for it."""
        await self.push(replies.SEND)
        content = self.reception.new_content()
        handed_over = False
        try:
            if await self._read_into(content):
                self.is_busy = handed_over = True
                reach("relay.received")
                answers = await self.reception.keep(self, content)
                reach("relay.kept")
                self._set_post_data_state()  # type: ignore[no-untyped-call]
                await self.push("\r\n".join(answers if self.answers_apart else answers[:1]))
        finally:
            self.is_busy = False
            if not handed_over:
                content.close()

    async def _read_into(self, content: Content) -> bool:
        """Read a message to its end; return False after cutting off one that goes on for too long."""
        stuffing = DotStuffing()
        most_bytes = OVERRUN_FACTOR * self.reception.bounds.message_bytes + BLOCK_BYTES
        with self.reader.in_blocks():
            while stuffing.rest is None:
                block = await self.reader.read(BLOCK_BYTES)
                if not block:
                    raise ConnectionResetError
                self._reset_timeout()
                await content.add(stuffing.feed(block))
                if stuffing.taken_bytes > most_bytes:
                    self.cut(replies.TOO_BIG)
                    return False
        self.reader.put_back(stuffing.rest)  # commands that were pipelined
        return True
