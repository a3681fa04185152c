"""One mail transaction: from MAIL to the reply to the message (RFC 5321 3.3)."""

from __future__ import annotations

from aiosmtpd.smtp import Envelope

from postroom.delivery import Envelope as Copy


class Transaction(Envelope):
    """aiosmtpd's envelope; `copies` has what is written for each recipient that was accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.copies: dict[str, Copy] = {}
