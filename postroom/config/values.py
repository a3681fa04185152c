"""Kinds of values: each one turns what TOML or the environment holds into a checked value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from postroom.config.hints import did_you_mean, not_yet
from postroom.config.toml import parse_value, written

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"([0-9]{1,9}) ?(B|kB|KB|MB|GB|KiB|MiB|GiB)")
_BYTES = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


class ValueFault(ValueError):
    """A value is not of its kind; `key` names the key inside an inline table, if it is one of those."""

    def __init__(self, message: str, hint: str = "", key: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.key = key


def same(text: str) -> object:
    """Return `text`: what most kinds make of an environment variable."""
    return text


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """`parse` takes what TOML would hold and raises ValueFault; `from_text` makes that of a variable's text.

    A `secret` value is never repeated in a message.
    """

    parse: Callable[[object], T]
    from_text: Callable[[str], object] = same
    secret: bool = False


def named(raw: object) -> str:
    """Return what kind of TOML value `raw` is, in words."""
    words: dict[type, str] = {bool: "true or false", str: "text", list: "a list", dict: "a table"}
    return words.get(type(raw), "a number" if isinstance(raw, int | float) else "a date")


def plain(raw: object, words: str) -> str:
    """Return `raw` if it is text on one line that is not empty; `words` say what was wanted."""
    if not isinstance(raw, str):
        raise ValueFault(f"must be {words}, not {named(raw)}")
    if not raw.strip():
        raise ValueFault(f"must be {words}, but is empty")
    if _CONTROL.search(raw):
        raise ValueFault(f"must be {words}, without line ends or control characters")
    return raw


def text(words: str) -> Kind[str]:
    """Return the kind of a text on one line; `words` say what it is."""
    return Kind(lambda raw: plain(raw, words))


def boolean() -> Kind[bool]:
    """Return the kind of true and false; a variable may say yes, on, 1 and no, off, 0 too."""

    def parse(raw: object) -> bool:
        if not isinstance(raw, bool):
            raise ValueFault(f"must be true or false, not {named(raw)}")
        return raw

    def from_text(word: str) -> object:
        lower = word.lower()
        return lower in _TRUE if lower in _TRUE | _FALSE else word

    return Kind(parse, from_text)


def whole(least: int, most: int) -> Kind[int]:
    """Return the kind of a whole number within these bounds."""

    def parse(raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise ValueFault(f"must be a whole number from {least} to {most}, not {named(raw)}")
        if not least <= raw <= most:
            raise ValueFault(f"must be a whole number from {least} to {most}")
        return raw

    return Kind(parse, lambda word: int(word) if re.fullmatch(r"[0-9]{1,18}", word) else word)


def seconds(raw: object) -> float:
    """Return the seconds of a duration such as "90s", "5m", "12h" or "30d"."""
    found = _DURATION.fullmatch(plain(raw, 'a duration such as "90s"'))
    if not found:
        raise ValueFault(f"{written(raw)} is no duration", 'write "90s", "5m", "12h" or "30d"')
    return int(found[1]) * _SECONDS[found[2]]


def duration(least: str, most: str) -> Kind[float]:
    """Return the kind of a duration within these bounds, in seconds."""

    def parse(raw: object) -> float:
        found = seconds(raw)
        if not seconds(least) <= found <= seconds(most):
            raise ValueFault(f"{written(raw)} is out of bounds", f'at least "{least}", at most "{most}"')
        return found

    return Kind(parse)


def size(least: str, most: str) -> Kind[int]:
    """Return the kind of a size within these bounds, in bytes; MB is 1000 * 1000, MiB is 1024 * 1024."""

    def count(raw: object) -> int:
        found = _SIZE.fullmatch(plain(raw, 'a size such as "25MB"'))
        if not found:
            raise ValueFault(f"{written(raw)} is no size", 'write "512KiB", "25MB" or "1GiB"')
        return int(found[1]) * _BYTES[found[2]]

    def parse(raw: object) -> int:
        found = count(raw)
        if not count(least) <= found <= count(most):
            raise ValueFault(f"{written(raw)} is out of bounds", f'at least "{least}", at most "{most}"')
        return found

    return Kind(parse)


def word(known: Iterable[str]) -> Kind[str]:
    """Return the kind of one of the `known` words."""
    known = tuple(known)
    wanted = "one of " + ", ".join(f'"{each}"' for each in known)

    def parse(raw: object) -> str:
        chosen = plain(raw, wanted)
        if chosen not in known:
            hint = not_yet(chosen) or did_you_mean(chosen, known) or f"known: {', '.join(known)}"
            raise ValueFault(f"{written(chosen)} is not known", hint)
        return chosen

    return Kind(parse)


def choice(names: type[E]) -> Kind[E]:
    """Return the kind of an enum, written as its values."""
    known = word(names)
    return Kind(lambda raw: names(known.parse(raw)))


def optional(kind: Kind[T]) -> Kind[T | None]:
    """Return the kind that also takes None, which stands for a key that nobody set."""
    return Kind(lambda raw: None if raw is None else kind.parse(raw), kind.from_text, kind.secret)


def listing(kind: Kind[T], words: str) -> Kind[tuple[T, ...]]:
    """Return the kind of a list; a variable holds it with commas, or as TOML in brackets."""

    def parse(raw: object) -> tuple[T, ...]:
        if not isinstance(raw, list):
            raise ValueFault(f"must be a list of {words}, not {named(raw)}")
        found: list[T] = []
        faults: list[ValueFault] = []
        for entry in raw:
            try:
                found.append(kind.parse(entry))
            except ValueFault as fault:
                faults.append(fault)
        if faults:
            raise ValueFault("; ".join(fault.message for fault in faults), faults[0].hint)
        return tuple(found)

    return Kind(parse, commas)


def commas(text: str) -> object:
    """Return the list that a variable's text stands for: TOML in brackets, or words with commas between."""
    if text.lstrip().startswith("["):
        return parse_value(text)
    return [each.strip() for each in text.split(",") if each.strip()]


def path() -> Kind[Path | None]:
    """Return the kind of a path, None for a key that nobody set; the reader makes it absolute."""
    return optional(Kind(lambda raw: Path(plain(raw, "a path"))))


def since() -> Kind[float | None]:
    """Return the kind of `since`: seconds, or None for "all"."""
    bounded = duration("1s", "36500d")

    def parse(raw: object) -> float | None:
        if raw == "all":
            return None
        try:
            return bounded.parse(raw)
        except ValueFault as fault:
            raise ValueFault(fault.message, 'write a duration such as "7d", or "all"') from fault

    return Kind(parse)


def pause_range() -> Kind[tuple[float, float]]:
    """Return the kind of "30s..6h": the first pause and the longest one, in seconds."""

    def parse(raw: object) -> tuple[float, float]:
        first, dots, last = plain(raw, 'two durations such as "30s..6h"').partition("..")
        if not dots:
            raise ValueFault(f"{written(raw)} is no range", 'write two durations such as "30s..6h"')
        bounds = seconds(first.strip()), seconds(last.strip())
        if not 0 < bounds[0] <= bounds[1]:
            raise ValueFault(f"{written(raw)} is no range", "the first pause is the shorter one, and not 0")
        return bounds

    return Kind(parse)
