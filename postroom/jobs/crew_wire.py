"""What is said between a process and its worker processes: pickles on a socket that nobody else has."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from postroom.core.limits import Limits
from postroom.core.rules import Rules, Standard
from postroom.db.outcomes import Extracted
from postroom.db.values import Claim, LedgerPart
from postroom.errors import PostroomError, by_code
from postroom.jobs.order import Order

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


def packed(words: object) -> bytes:
    """Return what is to be said as the pickle that the other end's `recv` reads."""
    buffer = io.BytesIO()
    _Packer(buffer, pickle.HIGHEST_PROTOCOL).dump(words)
    return buffer.getvalue()


def _by_fields(kind: type[Any]) -> Callable[[object], tuple[type[Any], Any]]:
    """Return how a value is pickled: its class, called with its fields.

    By themselves frozen dataclasses with slots look their fields up for each value, at both ends.
    """
    values = attrgetter(*(field.name for field in fields(kind)))
    return lambda value: (kind, values(value))


_REDUCED: Final[dict[type, Callable[[Any], tuple[type[Any], Any]]]] = {
    kind: _by_fields(kind) for kind in (Answer, Claim, Extracted, LedgerPart, Limits, Order, Rules, Standard)
}


class _Packer(pickle.Pickler):
    dispatch_table = _REDUCED


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
