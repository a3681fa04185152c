"""One session: aiosmtpd's dialogue with a DATA loop, STARTTLS and replies of our own."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, cast

from postroom.failpoints import reach
from postroom.smtp_relay import replies
from postroom.smtp_relay.bounds import BLOCK_BYTES, OVERRUN_FACTOR
from postroom.smtp_relay.connection import Connection
from postroom.smtp_relay.content import Content
from postroom.smtp_relay.end_of_data import DotStuffing
from postroom.smtp_relay.path import read_path

_PARAMETERS = "SIZE {size}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"


class SmtpSession(Connection):
    """SMTP; what differs from aiosmtpd's class, and why, stands in docs/decisions."""

    answers_apart = False

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
        await self._say()
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
                await self._say()
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
                await content.add(stuffing.feed(await self._read_block()))
                if stuffing.taken_bytes > most_bytes:
                    self.cut(replies.TOO_BIG)
                    return False
        self.reader.put_back(stuffing.rest)  # commands that were pipelined
        return True

    async def _read_block(self) -> bytes:
        """Return what has come of a message; while more is waited for, nobody holds it any longer."""
        block = await self.reader.read(BLOCK_BYTES)
        if not block:
            raise ConnectionResetError
        self._reset_timeout()
        return block
