"""A folder as it was opened, and whether it can still be like that."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

_TRUSTED_SECONDS = 300.0  # a server that forgets to tell of mail is found out after that
_OF_MAIL: Final = {b"EXISTS", b"RECENT"}


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder as the server showed it when it was opened; `uid_next` is None where it said none."""

    folder: str
    uidvalidity: int
    uid_next: int | None
    exists: int
    permanent_flags: frozenset[str] | None

    def keeps(self, flag: str) -> bool:
        """Return whether `flag` outlives the session (RFC 9051 7.1: no PERMANENTFLAGS means all do)."""
        kept = self.permanent_flags
        return kept is None or flag.lower() in kept or ("\\*" in kept and not flag.startswith("\\"))


def opened(folder: str, answer: Mapping[bytes, Any]) -> Opened | None:
    """Return the folder that the library's answer to SELECT or EXAMINE shows; None without UIDVALIDITY."""
    uidvalidity, flags = answer.get(b"UIDVALIDITY"), answer.get(b"PERMANENTFLAGS")
    if uidvalidity is None:
        return None
    return Opened(
        folder=folder,
        uidvalidity=uidvalidity,
        uid_next=answer.get(b"UIDNEXT"),
        exists=answer.get(b"EXISTS", 0),
        permanent_flags=None if flags is None else frozenset(f.decode("latin-1").lower() for f in flags),
    )


class Stillness:
    """Whether mail can have arrived in the folder that is open since it was opened.

    A server tells of it with EXISTS (RFC 9051 7.4.1), at the latest in its answer to NOOP.  Whatever else is
    asked may be told so too, where nobody listens, and ends it.
    """

    def __init__(self) -> None:
        self._opened: Opened | None = None
        self._since = 0.0

    def begin(self, folder: Opened) -> None:
        """Begin with a folder that was opened just now."""
        self._opened, self._since = folder, time.monotonic()

    def end(self) -> None:
        """Know nothing any more."""
        self._opened = None

    def hear(self, responses: object) -> None:
        """End it where the untagged `responses` of a NOOP tell of mail."""
        if not isinstance(responses, list) or any(_OF_MAIL & set(map(_word, each)) for each in responses):
            self.end()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Let something be asked in the block that ends nothing, unless it fails."""
        before = self._opened
        yield
        self._opened = before

    def folder(self, name: str = "") -> Opened | None:
        """Return the folder, of that name if one is given, if no mail can have arrived; five minutes long."""
        still = self._opened
        is_trusted = time.monotonic() - self._since < _TRUSTED_SECONDS
        return still if still and name in {"", still.folder} and is_trusted else None


def _word(each: object) -> bytes:
    return each.upper() if isinstance(each, bytes) else b""
