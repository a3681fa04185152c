"""LMTP (RFC 2033): LHLO, and after a message one reply for each recipient that was accepted."""

from __future__ import annotations

from postroom.smtp_relay import replies
from postroom.smtp_relay.session import SmtpSession


class LmtpSession(SmtpSession):
    """A session that speaks LMTP."""

    answers_apart = True

    async def smtp_LHLO(self, hostname: str) -> None:
        await super().smtp_EHLO(hostname)

    async def smtp_HELO(self, hostname: str) -> None:
        await self.push(replies.SAY_LHLO)

    async def smtp_EHLO(self, hostname: str) -> None:
        await self.push(replies.SAY_LHLO)

    async def check_helo_needed(self, helo: str = "LHLO") -> bool:
        return await super().check_helo_needed(helo)
