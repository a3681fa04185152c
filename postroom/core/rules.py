"""What an org or a source wants as documents: `[documents]` of the configuration, as rules on one part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from postroom.core.limits import DEFAULT_LIMITS, Limits
from postroom.core.media import essence


class Inline(StrEnum):
    """Which images within a text become documents; attached ones do in any case."""

    SKIP = "skip"  # none: neither what the HTML shows nor what says of itself that it is inline
    UNSHOWN = "unshown"  # those that no HTML of the mail shows
    KEEP = "keep"  # all


class Body(StrEnum):
    """Which body may stand in where nothing else became a document."""

    TEXT = "text"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes a document, of that which could.

    `kinds` and `skip_kinds` are media types with `*` and `?`, compared with what a part is declared to be and
    with what its bytes are; one of the two is enough.  A pattern with a parameter ("application/xml;
    profile=ubl-*") is compared with all of the type.  `names` and `skip_names` are file names with `*` and
    `?`; letter case does not count.  A part without a name matches only what "" does: "*".
    `body` is in order of preference.
    """

    kinds: tuple[str, ...] = ("*",)
    skip_kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ("*",)
    skip_names: tuple[str, ...] = ()
    min_bytes: int = 0
    max_bytes: int | None = None
    inline: Inline = Inline.SKIP
    body: tuple[Body, ...] = ()


DEFAULT_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Changes:
    """Rules of a narrower place: what is None there stays as it is further out."""

    kinds: tuple[str, ...] | None = None
    skip_kinds: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    skip_names: tuple[str, ...] | None = None
    min_bytes: int | None = None
    max_bytes: int | None = None
    inline: Inline | None = None
    body: tuple[Body, ...] | None = None


NO_CHANGES = Changes()


def changed(rules: Rules, changes: Changes) -> Rules:
    """Return the rules with what `changes` says in place of what they said."""
    said = {field.name: getattr(changes, field.name) for field in fields(changes)}
    return replace(rules, **{name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Standard:
    """What the parts of one mail are judged by: the bounds of any mail, and what is wanted of this one."""

    limits: Limits = DEFAULT_LIMITS
    rules: Rules = DEFAULT_RULES


DEFAULT_STANDARD = Standard()


def unwanted(rules: Rules, *, types: Iterable[str], name: str, size: int) -> str:
    """Return why it is not wanted: "kind not wanted", "name not wanted", "too small", "too large", or ""."""
    kinds, shown = [kind.lower() for kind in types if kind], name.casefold()
    if not _any_kind(rules.kinds, kinds) or _any_kind(rules.skip_kinds, kinds):
        return "kind not wanted"
    if not _any_name(rules.names, shown) or _any_name(rules.skip_names, shown):
        return "name not wanted"
    if size < rules.min_bytes:
        return "too small"
    return "too large" if rules.max_bytes is not None and size > rules.max_bytes else ""


def _any_kind(patterns: tuple[str, ...], kinds: list[str]) -> bool:
    return any(
        fnmatchcase(kind if ";" in pattern else essence(kind), pattern.lower())
        for pattern in patterns
        for kind in kinds
    )


def _any_name(patterns: tuple[str, ...], name: str) -> bool:
    # A name from an archive or a careless sender may have folders in front.
    last = name.replace("\\", "/").rpartition("/")[2]
    return any(
        fnmatchcase(name, pattern.casefold()) or fnmatchcase(last, pattern.casefold()) for pattern in patterns
    )
