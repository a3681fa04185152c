"""Every error postroom raises on purpose, in two verdicts: transient and permanent.

A class docstring is what `postroom help CODE` prints: what happened, then the way out.

    PostroomError
    ├── TransientError      try again later; the mail stays where it is
    ├── PermanentError      trying again cannot help; the mail is quarantined or FAILED, its raw bytes kept
    └── OperatorError       a person must change something first: config, command line, rights
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Exit codes, as sysexits.h names them; each one stands in docs/reference/exit-codes.md."""

    OK = 0
    UNACCOUNTED = 1
    USAGE = 64
    NOT_A_MESSAGE = 65
    UNKNOWN_ORG = 67
    UNAVAILABLE = 69
    BUG = 70
    IO = 74
    TEMPORARY = 75
    AUTH = 77
    CONFIG = 78


class PostroomError(Exception):
    """Something went wrong that postroom foresaw.

    The message says what, and the line below it what to do.
    """

    # `code` is stable: it goes into error_json, logs, metrics and the docs.  `fix` names the way out.

    code: ClassVar[str] = "E-POSTROOM"
    exit: ClassVar[Exit] = Exit.BUG

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


class TransientError(PostroomError):
    """Something outside is away; postroom tries again later and the mail stays where it is."""

    code = "E-TRANSIENT"
    exit = Exit.TEMPORARY


class PermanentError(PostroomError):
    """Trying again cannot help; the raw message is kept and the reason with it."""

    code = "E-PERMANENT"
    exit = Exit.NOT_A_MESSAGE


class OperatorError(PostroomError):
    """A person must change something first."""

    code = "E-OPERATOR"
    exit = Exit.CONFIG


def by_code() -> dict[str, type[PostroomError]]:
    """Return every error class under its code."""
    found: dict[str, type[PostroomError]] = {}
    waiting: list[type[PostroomError]] = [PostroomError]
    while waiting:
        error = waiting.pop()
        found[error.code] = error
        waiting.extend(error.__subclasses__())
    return dict(sorted(found.items()))
