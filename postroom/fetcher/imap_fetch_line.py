"""The words of one FETCH answer, read strictly: a literal that is not as long as announced is found out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from imapclient.exceptions import IMAPClientAbortError

_WORD: Final = re.compile(
    rb'\s*(?:(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\\r\n]|\\.)*)"|(?P<atom>(?:[^\s()"\[\]]|\[[^\]\r\n]*\])+))'
)
# What a server may tell of a mail, asked or not (RFC 9051 7.5.2, RFC 7162, RFC 8474, and Gmail's own).
_KEY: Final = re.compile(
    rb"UID|FLAGS|MODSEQ|INTERNALDATE|ENVELOPE|BODY(STRUCTURE)?|(BODY|BINARY)(\.SIZE)?\[[^\]]*\](<\d+>)?"
    rb"|RFC822(\.(SIZE|HEADER|TEXT))?|EMAILID|THREADID|SAVEDATE|PREVIEW|X-[A-Z0-9-]+",
    re.IGNORECASE,
)


@dataclass(slots=True)
class FetchLine:
    """Reads key after value, as they come; `uid` is None until it was told.

    `text` is the section where it came as a quoted string, None where it did not; NIL is no section at all.
    """

    uid: int | None = None
    text: bytes | None = None
    _depth: int = 0
    _key: bytes = b""
    _is_over: bool = False

    @property
    def is_at_section(self) -> bool:
        """Return whether what comes next is the section asked for."""
        return self._depth == 1 and self._key.startswith(b"BODY[")

    def add(self, words: bytes) -> None:
        """Take the next words, without the mark of a literal.  Raises IMAPClientAbortError for nonsense."""
        at, end = 0, len(words.rstrip())
        while at < end:
            word = _WORD.match(words, at, end)
            if word is None or self._is_over:
                raise _nonsense(words[at:])
            at = word.end()
            self._take(word)

    def stands_for_literal(self) -> None:
        """Note that a literal was the value that comes next."""
        if self._depth == 1:
            self._value(b"", quoted=False)

    def end(self) -> None:
        """Say that the answer is over.  Raises IMAPClientAbortError where it cannot be."""
        if not self._is_over:
            raise _nonsense(b"an answer without an end")

    def _take(self, word: re.Match[bytes]) -> None:
        if word["open"]:
            if self._depth == 1 and not self._key:
                raise _nonsense(b"(")
            self._depth += 1
        elif word["close"]:
            self._depth -= 1
            self._is_over = self._depth == 0
            if self._depth == 1:
                self._key = b""
            if self._depth < 0 or (self._is_over and self._key):
                raise _nonsense(b")")
        elif self._depth == 0:
            raise _nonsense(word[0])
        elif self._depth == 1:
            is_quoted = word["quoted"] is not None
            self._value(word["quoted"] if is_quoted else word["atom"], quoted=is_quoted)

    def _value(self, value: bytes, *, quoted: bool) -> None:
        if not self._key:
            if quoted or not _KEY.fullmatch(value):
                raise _nonsense(value)
            self._key = value.upper()
            return
        if self._key == b"UID":
            if not value.isdigit():
                raise _nonsense(value)
            self.uid = int(value)
        elif quoted and self.is_at_section:
            self.text = re.sub(rb"\\(.)", rb"\1", value)
        self._key = b""


def _nonsense(words: bytes) -> IMAPClientAbortError:
    return IMAPClientAbortError(f"the server's answer to a fetch is no answer: {words[:60]!r}")
