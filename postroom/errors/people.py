"""What one message or one person brings: bad mail, bad input, a command that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postroom.errors.base import Exit, OperatorError, PermanentError

# --- one message ---------------------------------------------------------------------------------


class Unroutable(PermanentError):
    """No org can be read from the envelope recipient.

    `postroom quarantine list` shows the mail and why; `postroom quarantine assign` gives it to an org.
    """

    code = "E-UNROUTABLE"


class NotAMessage(PermanentError):
    """The input is no mail: it has no header at all.

    One mail as RFC 5322 has it is wanted; `postroom ingest` takes an mbox, a Maildir or a folder as well.
    """

    code = "E-NOT-A-MESSAGE"


class Unextractable(PermanentError):
    """Taking the documents out failed as often as `jobs.attempts` allows; the raw mail is kept.

    `postroom explain ID` shows each attempt, `postroom messages --raw ID -o FILE` writes the mail out.
    """

    code = "E-EXTRACT"


# --- people --------------------------------------------------------------------------------------


class UsageFault(OperatorError):
    """The command line asks for something that cannot be.

    The message says what. `postroom COMMAND --help` shows what a command takes.
    """

    code = "E-USAGE"
    exit = Exit.USAGE


class NotFound(OperatorError):
    """There is nothing by that name or id.

    `postroom messages`, `documents`, `quarantine list` and `org list` show what there is. An id may be cut
    short, down to eight digits.
    """

    code = "E-NOT-FOUND"
    exit = Exit.USAGE


class OrgUnknown(OperatorError):
    """There is no org by that slug.

    `postroom org list` shows those there are; `postroom org add SLUG` makes one.
    """

    code = "E-ORG-UNKNOWN"
    exit = Exit.UNKNOWN_ORG


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the configuration: where, which key, what is wrong, and the way out.

    `path` is a file as the user named it, or "env POSTROOM_..."; `line` counts from 1, 0 where there is none.
    """

    path: str
    line: int
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        words = f"{self.message}; {self.hint}" if self.hint else self.message
        return ": ".join(part for part in (place, self.key, words) if part)


class ConfigFault(OperatorError):
    """The configuration has faults; each is listed with its file and line.

    `postroom check` lists them all at once.
    """

    code = "E-CONFIG"

    def __init__(self, message: str = "", *, faults: Sequence[Fault] = (), fix: str = "") -> None:
        super().__init__(message or "\n".join(str(fault) for fault in faults), fix=fix)
        self.faults = tuple(faults)


class SecretFault(OperatorError):
    """A secret cannot be read, or its file can be read by everybody on the machine.

    A secret file needs mode 0600 or 0640: `chmod o= FILE`.
    """

    code = "E-SECRET"


class Locked(OperatorError):
    """Another postroom works on this state_dir.

    Let it finish, or stop it, or give this one a `state_dir` of its own. `fetch --once --skip-locked` leaves
    quietly. The message names the process and since when it works.
    """

    code = "E-LOCKED"
    exit = Exit.TEMPORARY


class ServiceSilent(OperatorError):
    """No postroom works on this state_dir, or the one that does hangs: its heartbeat is missing or stale.

    Start the service. One that hangs is killed and started anew by systemd and by most container platforms;
    by hand, a kill does no harm: no mail is lost by it.
    """

    code = "E-SILENT"
    exit = Exit.UNAVAILABLE


class FileFault(OperatorError):
    """A file or folder cannot be read or written.

    Check that it exists and that this user has the rights.
    """

    code = "E-IO"
    exit = Exit.IO
