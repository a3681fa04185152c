"""Which method of a session answers a command."""

from __future__ import annotations

from collections.abc import Callable, ItemsView
from typing import Any

_PREFIX = "smtp_"


class Commands:
    """The commands of a session, as aiosmtpd asks for them; an attribute of its class.

    aiosmtpd's own is a dict of bound methods for each session: a kilobyte, and a circle that keeps a session
    in memory after its end.
    """

    def __get__(self, session: Any, kind: type) -> _Commands:
        return _Commands(session)

    def __set__(self, session: Any, value: object) -> None:
        """Let aiosmtpd set what it has found."""


class _Commands:
    __slots__ = ("_session",)

    def __init__(self, session: Any) -> None:
        self._session = session

    def get(self, command: str) -> Callable[[str], Any] | None:
        return getattr(self._session, _PREFIX + command, None)

    def items(self) -> ItemsView[str, Callable[[str], Any]]:
        names = (name for name in dir(self._session) if name.startswith(_PREFIX))
        return {name.removeprefix(_PREFIX): getattr(self._session, name) for name in names}.items()
