"""The addr-specs in From, To and Cc, however the names around them are written."""

from __future__ import annotations

import re

from postroom.core.limits import DEFAULT_LIMITS, Limits
from postroom.core.words import decode_text

_TOKEN = re.compile(
    rb"""("(?:[^"\\]|\\.)*")   # 1 quoted string
       |(\[[^\[\]]*\])         # 2 domain literal
       |([<>,;:()])            # 3 what divides
       |\\.                    # a quoted character outside of quotes: obsolete
       |[^"\[<>,;:()\\]+|.     # anything else""",
    re.VERBOSE | re.DOTALL,
)
_AROUND = re.compile(rb"[ \t\r\n]*([@.])[ \t\r\n]*")  # RFC 5322 4.4: blanks around "." and "@"
# One local part (dot-atoms or one quoted string), one "@", one domain; nothing that could be read twice.
_ADDR_SPEC = re.compile(
    rb"""(?:"(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*"|[^\x00-\x20"@<>,;:()\\\[\]\x7f]+)
                             @(?:\[[^\x00-\x20\[\]\x7f]+\]|[^\x00-\x20"@<>,;:()\\\[\]\x7f]+)""",
    re.VERBOSE,
)

# As nearly all are written, with a name or without: what is read so, the pass below reads in the same way.
_PLAIN = re.compile(rb"(?:[A-Za-z0-9._ -]*+(<))?([A-Za-z0-9._+=-]++@[A-Za-z0-9.-]++)(?(1)>)")


def mailboxes(body: bytes, limits: Limits = DEFAULT_LIMITS) -> list[str]:
    """Return the addr-specs of an address list in their order; what is no mailbox is left out.

    Display names, comments, groups and routes are read over (RFC 5322 3.4, 4.4).  Only the first
    `limits.parsed_field_bytes` are looked at.  An address with two "@" or with controls in it could be read
    in two ways and is left out too.  Never raises; linear.
    """
    looked_at = body[: limits.parsed_field_bytes]
    if plain := _PLAIN.fullmatch(looked_at):
        return [plain[2].decode("ascii")]
    reading = _Reading()
    for token in _TOKEN.finditer(looked_at):
        reading.take(token.group(), divides=token.group(3) is not None)
    reading.flush()
    return reading.found


class _Reading:
    """One pass over one address list."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.bare: list[bytes] = []
        self.angle: list[bytes] = []
        self.in_angle = self.had_angle = False
        self.comments = 0

    def take(self, token: bytes, *, divides: bool) -> None:
        """Take one token in."""
        if divides and token in b"()":
            self.comments = max(0, self.comments + (1 if token == b"(" else -1))
        elif self.comments:
            return
        elif not divides:
            (self.angle if self.in_angle else self.bare).append(token)
        elif self.in_angle:
            self._divide_in_angle(token)
        else:
            self._divide(token)

    def _divide(self, token: bytes) -> None:
        if token == b"<":
            self.in_angle, self.had_angle, self.angle = True, True, []
        elif token == b":":  # the name of a group ends here
            self.bare = []
        elif token in b",;":
            self.flush()

    def _divide_in_angle(self, token: bytes) -> None:
        route = bool(self.angle) and self.angle[0].lstrip().startswith(b"@")
        if token == b">":
            self.in_angle = False
        elif token == b"<" or (token == b":" and route):
            self.angle = []
        elif token in b",;" and not route:  # the ">" was forgotten
            self.flush()
        else:
            self.angle.append(token)

    def flush(self) -> None:
        """End one address: what stood in angle brackets wins over what stood around them."""
        written = _AROUND.sub(rb"\1", b"".join(self.angle if self.had_angle else self.bare)).strip()
        whole = _ADDR_SPEC.fullmatch(written)
        if whole is None and not self.had_angle:
            words = [word for word in re.split(rb"[ \t\r\n]+", written) if b"@" in word]
            whole = _ADDR_SPEC.fullmatch(words[0]) if len(words) == 1 else None
        if whole:
            self.found.append(decode_text(whole.group()))
        self.bare, self.angle = [], []
        self.in_angle = self.had_angle = False
