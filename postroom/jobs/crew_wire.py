"""What is said between a process and its worker processes: pickles on a socket that nobody else has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from postroom.db.outcomes import Extracted
from postroom.errors import PostroomError, by_code

READY: Final = "ready"
"""The first word of a worker process: it takes orders now."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a worker process runs, in which environment, and the brief that it reads before it is ready.

    Where it had nothing to do for `idle_seconds`, it is let go.
    """

    module: str
    environment: Mapping[str, str]
    brief: object
    idle_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error on its way; `code` is None where it is none of ours, which `kind` is the name of."""

    kind: str
    message: str
    code: str | None = None
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the order of that number; `spent` is the seconds of each stage, if they are counted."""

    number: int
    extracted: Extracted | None = None
    trouble: Trouble | None = None
    spent: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A line for the log."""

    logger: str
    level: int
    words: str


def trouble_of(error: Exception) -> Trouble:
    """Return an error as it can be sent, whatever it holds."""
    if isinstance(error, PostroomError):
        return Trouble(type(error).__name__, str(error), error.code, error.fix)
    return Trouble(type(error).__name__, str(error))


def error_of(trouble: Trouble) -> Exception:
    """Return the error that was sent: of ours the same class, of others an Exception of the same name."""
    ours = by_code().get(trouble.code or "")
    if ours is None:
        foreign: type[Exception] = type(trouble.kind, (Exception,), {})
        return foreign(trouble.message)
    error = ours.__new__(ours)  # some take other arguments than the message that they make of them
    PostroomError.__init__(error, trouble.message, fix=trouble.fix)
    return error
