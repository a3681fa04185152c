"""Where a message ends in DATA, and the dots that SMTP put into it: no I/O, only bytes."""

from __future__ import annotations

END = b"\r\n.\r\n"
_DOT = b"\r\n."


class DotStuffing:
    """One message of DATA, block by block (RFC 5321 4.5.2).

    Only CR LF "." CR LF ends it.  A bare CR or LF beside the dot is content: a server that took it for the
    end would see a second mail where the sender's own server saw one (SMTP smuggling).
    """

    __slots__ = ("_held", "_skip", "rest", "taken_bytes")

    def __init__(self) -> None:
        self._held = b"\r\n"  # DATA's own line end: a message may be empty, or begin with a dot
        self._skip = len(self._held)
        self.rest: bytes | None = None  # what followed the end, once it was seen
        self.taken_bytes = 0

    def feed(self, block: bytes) -> bytes:
        """Return the content that is certain now; after the end was seen nothing more may be fed."""
        self.taken_bytes += len(block)
        text = self._held + block
        end = text.find(END)
        if end >= 0:
            self.rest = text[end + len(END) :]
            cut = end + 2
        else:
            cut = len(text) - _begun(text)
            self._held = text[cut:]
        return self._unstuffed(text, cut)

    def _unstuffed(self, text: bytes, end: int) -> bytes:
        skipped = min(self._skip, end)
        self._skip -= skipped
        if text.find(_DOT, 0, end) < 0:  # nearly always, and then one copy is enough
            return text[skipped:end]
        return text[:end].replace(_DOT, _DOT[:-1])[skipped:]  # never split: what could begin it is held back


def _begun(text: bytes) -> int:
    """Return how many bytes at the end of `text` may be the beginning of the end."""
    for length in range(len(END) - 1, 0, -1):
        if text.endswith(END[:length]):
            return length
    return 0
