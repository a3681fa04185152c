"""One connection below its dialogue: how it begins and ends, what is read and what is said."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, AnyStr, Self, cast

from aiosmtpd.smtp import SMTP, Session

from postroom.smtp_relay import replies
from postroom.smtp_relay.bounds import LINE_BYTES
from postroom.smtp_relay.census import UNIX
from postroom.smtp_relay.commands import Commands
from postroom.smtp_relay.deadline import Deadline
from postroom.smtp_relay.stream import BlockReader
from postroom.smtp_relay.transaction import Transaction

if TYPE_CHECKING:
    from postroom.smtp_relay.reception import Reception


class Connection(SMTP, asyncio.BufferedProtocol):
    """aiosmtpd's session with limits, one that costs little while it lives and nothing once it is over."""

    line_length_limit = LINE_BYTES
    reception: Reception

    def __init__(self) -> None:
        """Be a session of the class that `at` returned; any other has no reception."""
        self.reader = BlockReader(self.loop)
        asyncio.StreamReaderProtocol.__init__(self, self.reader, self._cb_client_connected, loop=self.loop)
        self.address = UNIX
        self.is_busy = False  # between the end of a message and its reply: never cut off here
        self._ended = False
        self._deadline: Deadline | None = None
        self._held = b""  # replies that go out together with the next one

    @classmethod
    def at(cls, reception: Reception) -> type[Self]:
        """Return the class of the sessions at `reception`.

        What aiosmtpd finds out anew for each session takes it a millisecond and some kilobytes: here it is
        found out once, and is of the class.
        """
        model = cls.__new__(cls)
        model.command_size_limits = defaultdict(lambda: LINE_BYTES)  # a class attribute in aiosmtpd
        SMTP.__init__(
            model,
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
        found = {name: value for name, value in vars(model).items() if not callable(value)}
        return type(cls.__name__, (cls,), {**found, "reception": reception, "_smtp_methods": Commands()})

    def _create_envelope(self) -> Transaction:
        return Transaction()

    async def _handle_client(self) -> None:
        try:
            with suppress(OSError):  # the client has left
                await super()._handle_client()
        finally:
            self._writer = cast("Any", None)  # it knows this session: see connection_lost

    def connection_lost(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended = True
            self.reception.over(self)
            transport = cast("Any", self.transport)
            super().connection_lost(error)
            # What is in no circle is gone now, not when garbage is looked for.
            self._deadline = self._timeout_handle = self._handler_coroutine = None
            self._client_connected_cb = None
            with suppress(AttributeError):  # a method of the transport itself, which asyncio calls no more
                del transport._read_ready_cb  # noqa: SLF001

    def eof_received(self) -> bool | None:
        return False if self._ended else super().eof_received()

    def get_buffer(self, _sizehint: int) -> memoryview:
        return self.reception.inbox

    def buffer_updated(self, nbytes: int) -> None:
        self.reader.feed_data(self.reception.inbox[:nbytes])

    def _reset_timeout(self, duration: float | None = None) -> None:
        if self._ended:
            return
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
            transport.write(self._held + reply.encode() + b"\r\n")
            transport.close()

    async def push(self, status: AnyStr) -> None:
        """Say `status`; "250" waits for the reply to the command that is there already (RFC 2920 3.2)."""
        said = replies.enhanced(status).encode() if isinstance(status, str) else status  # type: ignore[redundant-expr]  # AnyStr
        self._held += said + b"\r\n"
        if not said.startswith(b"250") or not self.reader.has_line:
            await self._say()

    async def _say(self) -> None:
        self._writer.write(self._held)
        self._held = b""
        await self._writer.drain()

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
