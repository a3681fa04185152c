"""Whose mail is this?  The envelope recipient decides, and only where our own mail server wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postroom.core.addresses import mailboxes
from postroom.core.headers import Field, HeaderBlock

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

# What each mail server calls the envelope recipient, in order of preference.
PROFILES = {
    "postfix": ("X-Original-To", "Delivered-To"),
    "exim": ("Envelope-To",),
    "gmail": ("Delivered-To",),
    "lmtp": ("Delivered-To",),
    "dovecot": ("Delivered-To",),
}


@dataclass(frozen=True, slots=True)
class AddressPattern:
    """How a slug is read from an address: made by `address_pattern`; `domain` is None where any will do."""

    template: str
    regex: re.Pattern[str]
    domain: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One source's way of naming the org; `trust` is in order of preference.

    `pinned_recipient` is what a pinned source's mails are said to be addressed to, for people to read.
    """

    address: AddressPattern
    pinned: str | None = None
    pinned_recipient: str = ""
    trust: tuple[str, ...] = ("Delivered-To",)
    trusted_hops: int = 0
    whole_header: bool = False
    to_cc: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One org that a mail names, or the reason why it names none; `header` is what decided."""

    slug: str | None
    recipient: str
    header: str
    refusal: str = ""


def is_slug(text: str) -> bool:
    """Return whether `text` may name an org: lower-case ASCII letters, digits and hyphens, at most 63."""
    return SLUG.fullmatch(text) is not None


def address_pattern(template: str) -> AddressPattern:
    """Compile ``orders+{org}@intake.example.com``: exactly one ``{org}``, ``*`` for any text.

    Raises ValueError, which says what is wrong with the template.
    """
    if template.count("{org}") != 1 or template.count("@") != 1:
        raise ValueError(f"needs exactly one {{org}} and one @: {template!r}")
    plain = folded(template)
    pieces = re.split(r"(\{org\}|\*)", plain)
    spelled = {"{org}": r"(?P<org>.*)", "*": r"[^@]*"}
    regex = "".join(spelled.get(piece, re.escape(piece)) for piece in pieces)
    domain = plain.rpartition("@")[2]
    return AddressPattern(template, re.compile(regex, re.DOTALL), None if set(domain) & set("*{") else domain)


def slug_in(address: str, pattern: AddressPattern) -> tuple[str | None, str]:
    """Return the org slug that `address` carries and "", or None and a reason fit for the quarantine list."""
    plain = folded(address.strip().strip("<>"))
    if "@" not in plain:
        return None, f"not an address: {_shown(address)}"
    found = pattern.regex.fullmatch(plain)
    if found is None:
        return None, f"{_shown(address)} does not fit {pattern.template}"
    slug = found["org"]
    return (slug, "") if is_slug(slug) else (None, f"malformed org slug: {_shown(slug)}")


def address_of(slug: str, pattern: AddressPattern) -> str | None:
    """Return the one address whose slug is `slug`, in lower case; None where the template leaves it open."""
    plain = folded(pattern.template)
    return None if "*" in plain else plain.replace("{org}", slug)


def targets(block: HeaderBlock, rule: Rule) -> tuple[Target, ...]:
    """Return the orgs that a mail is for, at least one entry, each a slug or a refusal.

    A pinned source asks nothing.  Else the first of the trusted headers that stands in the trusted zone
    decides alone: one that cannot be resolved is refused, never looked past.  Only a source that opted in to
    To/Cc looks there, and then each org named gets an entry of its own.
    """
    if rule.pinned is not None:
        return (Target(rule.pinned, rule.pinned_recipient, "(pinned)"),)
    zone = trusted_zone(block, rule)
    for name in rule.trust:
        deciding = next((field for field in zone if field.key == name.lower()), None)
        if deciding is not None:
            return _named_by([deciding], rule, strangers_refused=True)
    if rule.to_cc:
        return _named_by([*block.every("To"), *block.every("Cc")], rule, strangers_refused=False)
    return (Target(None, "", "", _nothing_trusted(block, rule)),)


def trusted_zone(block: HeaderBlock, rule: Rule) -> tuple[Field, ...]:
    """Return the fields that our own mail servers wrote: those above the first Received (RFC 5321 4.4).

    `trusted_hops` widens it by that many Received fields, but never past the last one.  A mail without any
    Received has no trusted zone.
    """
    if rule.whole_header:
        return block.fields
    hops = [index for index, field in enumerate(block.fields) if field.key == "received"]
    return block.fields[: hops[min(rule.trusted_hops, len(hops) - 1)]] if hops else ()


def _named_by(fields: list[Field], rule: Rule, *, strangers_refused: bool) -> tuple[Target, ...]:
    found: dict[str, Target] = {}
    for field, address in _addresses(fields):
        slug, refusal = slug_in(address, rule.address)
        if slug is not None or strangers_refused:
            found.setdefault(slug or address, Target(slug, address, field.name, refusal))
    if found:
        return tuple(found.values())
    names = "/".join(dict.fromkeys(field.name for field in fields)) or "To/Cc"
    return (Target(None, "", names, f"no address in {names} fits {rule.address.template}"),)


def _addresses(fields: list[Field]) -> Iterator[tuple[Field, str]]:
    for field in fields:
        for address in mailboxes(field.unfolded):
            yield field, address


def _nothing_trusted(block: HeaderBlock, rule: Rule) -> str:
    if not rule.whole_header and block.first("Received") is None:
        return "no Received header, so no header can be trusted"
    return f"no {' or '.join(rule.trust)} in the trusted zone"


def folded(text: str) -> str:
    """Return `text` with its ASCII in lower case; no look-alike in Unicode becomes another org's slug."""
    if text.isascii():
        return text.lower()
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else text[:77] + "...")  # noqa: PLR2004  (a line of a table)
