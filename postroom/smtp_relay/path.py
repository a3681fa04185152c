"""Reading the paths of MAIL and RCPT (RFC 5321 4.1.2, RFC 6531 3.3)."""

from __future__ import annotations

import re

NULL_PATH = "<>"
MAX_PATH = 256  # RFC 5321 4.5.3.1.3

_ADDRESS = (
    r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"|[^\x00-\x20\x7f"@<>,;:()\\\[\]]+)'
    r'@(?:\[[A-Za-z0-9.:]+\]|[^\x00-\x20\x7f"@<>,;:()\\\[\]]+)'
)
_ROUTE = r"(?:@[^\x00-\x20<>:]+:)?"  # a source route is read over (RFC 5321 appendix C)
_PATH = re.compile(
    rf"\s*(?:<(?:{_ROUTE}({_ADDRESS})|(postmaster)|)>|({_ADDRESS}))(?:\s+(.*))?", re.IGNORECASE
)


def read_path(text: str, hostname: str) -> tuple[str | None, str]:
    """Return the address of a path and the parameters behind it; None for what is no path.

    "<>" stands for the null path.  "<postmaster>" without a domain is the postmaster of `hostname`.
    """
    found = _PATH.fullmatch(text)
    if found is None:
        return None, ""
    address = found[1] or found[3] or (f"{found[2]}@{hostname}" if found[2] else NULL_PATH)
    return (address, found[4] or "") if len(address) <= MAX_PATH else (None, "")


def is_ascii_or_utf8(address: str, *, utf8: bool) -> bool:
    """Return whether this session may name such an address: beyond ASCII only after SMTPUTF8."""
    if address.isascii():
        return True
    return utf8 and not any("\ud800" <= letter <= "\udfff" for letter in address)
