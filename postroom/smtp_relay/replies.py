"""What the relay says: every reply with its enhanced status code (RFC 2034, RFC 3463)."""

from __future__ import annotations

import errno
import re

from postroom.errors import MaildirUnusable

TOO_MANY_SESSIONS = "421 4.7.0 too many connections, try again later"
TOO_MANY_FROM_YOU = "421 4.7.0 too many connections from your address, try again later"
NOT_FOR_YOU = "554 5.7.1 this server takes no mail from your address"
IDLE = "421 4.4.2 idle too long, closing the connection"
TOO_LONG = "421 4.4.2 this connection was open too long, closing it"
CLOSING = "421 4.3.2 going down, try again later"
TOO_BIG = "552 5.3.4 the message is too big"
FULL = "452 4.3.1 no space for the message, try again later"
UNWRITABLE = "451 4.3.0 the message could not be stored, try again later"
FAULT = "451 4.3.0 something went wrong here, try again later"
DIRECTORY_AWAY = "450 4.3.0 the directory of orgs is away, try again later"
UNKNOWN_ORG = "550 5.1.1 there is no such mailbox here"
NOT_HERE = "550 5.7.1 this server takes no mail for that domain"
TOO_MANY_RECIPIENTS = "452 4.5.3 too many recipients, send the rest in another message"
NO_ADDRESS = "553 5.1.3 that is no address"
NEEDS_UTF8 = "553 5.6.7 an address beyond ASCII needs SMTPUTF8 and well-formed UTF-8"
RECIPIENT_OK = "250 2.1.5 recipient ok"
SENDER_OK = "250 2.1.0 sender ok"
SAY_LHLO = "500 5.5.1 this is LMTP: say LHLO"
NO_AUTH = "502 5.5.1 there is no AUTH here"
NO_PARAMETERS = "501 5.5.4 that command takes no parameters"
NO_RECIPIENT = "503 5.5.1 RCPT must come first"
TLS_READY = "220 2.0.0 ready to start TLS"
NO_TLS = "502 5.5.1 there is no STARTTLS here"
SEND = "354 end the message with CR LF . CR LF"

_BARE = re.compile(r"([245]\d\d) (?!\d\.\d{1,3}\.\d{1,3} )")
_SUBJECTS = {
    "214": "2.0.0",
    "221": "2.0.0",
    "250": "2.0.0",
    "252": "2.5.0",
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "530": "5.7.0",
    "538": "5.7.11",
    "552": "5.3.4",
    "553": "5.1.3",
    "554": "5.7.0",
    "555": "5.5.4",
}


def enhanced(reply: str) -> str:
    """Return `reply` with an enhanced status code, as it stands where it has one or must have none."""
    found = _BARE.match(reply)
    if found is None or found[1] not in _SUBJECTS:
        return reply
    return f"{found[1]} {_SUBJECTS[found[1]]} {reply[found.end() :]}"


def accepted(queue_name: str) -> str:
    """Return what a client hears once its message is durable."""
    return f"250 2.0.0 accepted as {queue_name}"


def refused(fault: MaildirUnusable) -> str:
    """Return what a client hears of a message that could not be written: it may try again."""
    cause = fault.__cause__
    full = isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT}
    return FULL if full else UNWRITABLE
