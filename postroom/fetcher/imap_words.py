"""How a mail server's faults are told: on one line, bounded, and without the library's wrapping."""

from __future__ import annotations

import re
import ssl

from postroom.config.settings import Mailbox

_SAID_AT_MOST = 300
_BYTES_REPR = re.compile(r"""^b(['"])(.*)\1$""", re.DOTALL)
_COMMAND_FAILED = re.compile(r"^[A-Za-z]+ (?:failed|command error): ")


def peer(settings: Mailbox) -> str:
    """Return host, port and user, as every fault of a mailbox names them."""
    return f"{settings.host}:{settings.port} ({settings.user})"


def said(error: BaseException) -> str:
    """Return what the server or the system said: one line, at most 300 characters."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = error.verify_message
    elif isinstance(error, TimeoutError):
        words = "no answer in time"
    elif isinstance(error, OSError) and error.strerror:
        words = error.strerror
    else:
        words = str(error) or type(error).__name__
    words = _COMMAND_FAILED.sub("", words)
    quoted = _BYTES_REPR.match(words)
    return " ".join((quoted.group(2) if quoted else words).split())[:_SAID_AT_MOST]
