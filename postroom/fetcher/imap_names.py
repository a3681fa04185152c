"""How folder names travel: as UTF-8 where the server can (RFC 6855), else in modified UTF-7 (RFC 3501)."""

from __future__ import annotations

from typing import Any, Final

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

_UTF8: Final = "UTF8=ACCEPT"


def speak_utf8(client: Any) -> None:
    """Agree on UTF-8 with a server that can, right after the login; one that says no is spoken to as before.

    Mails with UTF-8 in their header then come as they are, where a server would else rewrite them (RFC 6855
    3).  Raises IMAPClientAbortError and OSError when the connection broke.
    """
    if not client.has_capability("ENABLE") or not any(
        client.has_capability(way) for way in (_UTF8, "UTF8=ONLY")
    ):
        return
    enabled: list[bytes] = []
    try:
        enabled = client.enable(_UTF8)
    except IMAPClientAbortError:
        raise
    except IMAPClientError:  # a server that offers it and then refuses
        return
    if _UTF8.encode() in {word.upper() for word in enabled}:
        client.folder_encode = False
        client._imap._mode_utf8()  # noqa: SLF001 - only imaplib's own enable() sets it, which the library does not use


def folder_names(client: Any) -> list[str]:
    """Return the names of the folders that the server shows, sorted."""
    return sorted(_text(name) for _flags, _delimiter, name in client.list_folders())


def _text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
