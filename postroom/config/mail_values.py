"""Kinds of values that only mail has: hosts, slugs, address patterns, header names, after-actions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from postroom.config.hints import did_you_mean, not_yet
from postroom.config.settings import Action, After
from postroom.config.toml import parse_value, written
from postroom.config.values import Kind, ValueFault, commas, duration, named, plain, word
from postroom.core.routing import PROFILES, address_pattern, is_slug

SOURCE_NAME = re.compile(r"(?!.*__)[a-z0-9][a-z0-9_-]{0,62}")
_HEADER = re.compile(r"[!-9;-~]{1,76}")
_MEDIA_PATTERN = re.compile(
    r"\*|[a-z0-9!#$&^_.+*?-]{1,127}/[a-z0-9!#$&^_.+*?-]{1,127}(?:; [a-z0-9-]{1,40}=[a-z0-9_.*?-]{1,80})?"
)
_BY_THE_SENDER = {
    "to",
    "cc",
    "bcc",
    "from",
    "sender",
    "reply-to",
    "subject",
    "received",
    "resent-to",
    "resent-cc",
}
# RFC 9051 9: flag-keyword is an atom.  A set of all that it may not have would take long to compile.
_KEYWORD = re.compile(r"[!#$&'+-\[^-z|}~]{1,100}")
_SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Draft", "\\Seen")
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1|\[::1\]", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Return whether `host` can only be this machine."""
    return _LOOPBACK.fullmatch(host) is not None


def host() -> Kind[str]:
    """Return the kind of a host name or address, without port and scheme."""

    def parse(raw: object) -> str:
        name = plain(raw, "a host name").strip()
        if found := re.fullmatch(r"([^:\s/@]+):([0-9]+)", name):
            raise ValueFault(
                f"{written(name)} holds a port", f"write host = {written(found[1])} and port = {found[2]}"
            )
        if re.search(r"[\s/@]", name):
            raise ValueFault(f"{written(name)} is no host name", "a name or an address only, no URL")
        return name

    return Kind(parse)


def slug() -> Kind[str]:
    """Return the kind of an org's slug."""

    def parse(raw: object) -> str:
        name = plain(raw, "a slug")
        if not is_slug(name):
            raise ValueFault(f"{written(name)} is no slug", SLUG_RULE)
        return name

    return Kind(parse)


SLUG_RULE = 'lower-case letters, digits and "-", at most 63, a letter or digit first'
SOURCE_NAME_RULE = 'lower-case letters, digits, "-" and single "_", at most 63, a letter or digit first'


def sender_pattern() -> Kind[str]:
    """Return the kind of a sender, `*` for any text before the @."""

    def parse(raw: object) -> str:
        pattern = plain(raw, 'a sender such as "*@beta.example"')
        if not re.fullmatch(r"[^\s@]*@[^\s@]+", pattern):
            raise ValueFault(
                f"{written(pattern)} is no sender", 'write "*@beta.example" or "scan@beta.example"'
            )
        return pattern

    return Kind(parse)


def org_address() -> Kind[str]:
    """Return the kind of `orgs.address`: an address with {org} in it once."""

    def parse(raw: object) -> str:
        pattern = plain(raw, 'an address such as "*+{org}@intake.example.com"')
        if pattern.count("{org}") != 1:
            raise ValueFault(f"{written(pattern)} needs {{org}} exactly once", "it stands where the slug is")
        if not re.fullmatch(r"[^\s@{}]+@[^\s@{}]+", pattern.replace("{org}", "org")):
            raise ValueFault(
                f"{written(pattern)} is no address", 'write it like "*+{org}@intake.example.com"'
            )
        return address_pattern(pattern).template

    return Kind(parse)


def folder() -> Kind[str]:
    """Return the kind of a mailbox folder's name."""
    return Kind(lambda raw: plain(raw, "a folder name"))


def trust() -> Kind[tuple[str, ...]]:
    """Return the kind of `trust`: a list of header names, or the name of a profile."""

    def parse(raw: object) -> tuple[str, ...]:
        if isinstance(raw, str):
            return _profile(raw)
        if not isinstance(raw, list):
            raise ValueFault(f"must be a list of header names or a profile, not {named(raw)}")
        if not raw:
            raise ValueFault("must name at least one header")
        return tuple(_header(each) for each in raw)

    return Kind(parse, lambda text: text if text in PROFILES else commas(text))


def _profile(name: str) -> tuple[str, ...]:
    if name in PROFILES:
        return PROFILES[name]
    hint = did_you_mean(name, PROFILES) or f'a list such as ["Delivered-To"], or one of {", ".join(PROFILES)}'
    raise ValueFault(f"{written(name)} is no profile", hint)


def media_pattern() -> Kind[str]:
    """Return the kind of a media type in which "*" and "?" stand for any text and any letter."""

    def parse(raw: object) -> str:
        pattern = plain(raw, "a media type").strip().lower()
        if not _MEDIA_PATTERN.fullmatch(pattern):
            hint = 'write it like "application/pdf", "image/*" or "application/xml; profile=ubl-*"'
            raise ValueFault(f"{written(raw)} is no media type", hint)
        return pattern

    return Kind(parse)


def _header(raw: object) -> str:
    name = plain(raw, "a header name")
    if not _HEADER.fullmatch(name):
        raise ValueFault(f"{written(name)} is no header name", 'write it like "Delivered-To"')
    if name.lower() in _BY_THE_SENDER:
        hint = "to_cc = true is the way to read To and Cc" if name.lower() in {"to", "cc"} else ""
        raise ValueFault(f"{written(name)} is written by the sender and proves nothing", hint)
    return name


def after(actions: Collection[Action]) -> Kind[After]:
    """Return the kind of `after`: an action, or a table of the action and what goes with it."""
    known = word(actions)
    in_mailbox = ("name", "failed", "delete_after") if Action.LABEL in actions else ()
    keys = ("action", "folder", "flag", *in_mailbox)

    def parse(raw: object) -> After:
        table = raw if isinstance(raw, dict) else {"action": raw}
        for key in table:
            if key not in keys:
                raise ValueFault("unknown key", not_yet(key) or did_you_mean(key, keys), key)
        if "action" not in table and "delete_after" not in table:
            raise ValueFault("needs an action", f"known: {', '.join(actions)}")
        action = Action(known.parse(table.get("action", Action.SEEN.value)))
        return replace(
            _whole_after(action, table),
            failed=_failed(action, table),
            delete_after_seconds=_delete_after(action, table),
        )

    return Kind(parse, lambda text: parse_value(text) if text.lstrip().startswith("{") else text)


def _whole_after(action: Action, table: Mapping[str, object]) -> After:
    _refuse_stray("folder", Action.MOVE, action, table)
    _refuse_stray("flag", Action.FLAG, action, table)
    _refuse_stray("name", Action.LABEL, action, table)
    if action is Action.FLAG:
        return After(action, flag=_flag(table.get("flag", "\\Flagged")))
    if action is Action.LABEL:
        _require(
            "name", table, "label needs a name", 'write after = { action = "label", name = "postroom/done" }'
        )
        return After(action, label=plain(table["name"], "a label"))
    if action is not Action.MOVE:
        return After(action)
    _require(
        "folder", table, "move needs a folder", 'write after = { action = "move", folder = "Processed" }'
    )
    return After(action, folder=plain(table["folder"], "a folder name"))


def _failed(action: Action, table: Mapping[str, object]) -> str:
    if "failed" not in table:
        return ""
    if action is Action.KEEP:
        raise ValueFault(
            "keep changes nothing in the mailbox", "leave out failed, or choose an action", "failed"
        )
    return plain(table["failed"], "a folder name")


def _delete_after(action: Action, table: Mapping[str, object]) -> float | None:
    if "delete_after" not in table:
        return None
    if action not in {Action.SEEN, Action.FLAG, Action.LABEL}:
        hint = 'write after = { action = "seen", delete_after = "30d" }'
        raise ValueFault("goes with seen, flag and label only", hint, "delete_after")
    return duration("1h", "3650d").parse(table["delete_after"])


def _require(key: str, table: Mapping[str, object], complaint: str, hint: str) -> None:
    if key not in table:
        raise ValueFault(complaint, hint)


def _refuse_stray(key: str, owner: Action, action: Action, table: Mapping[str, object]) -> None:
    if key in table and action is not owner:
        raise ValueFault(f'goes with action = "{owner}" only', key=key)


def _flag(raw: object) -> str:
    flag = plain(raw, "an IMAP flag")
    if flag.lower() == "\\deleted":
        raise ValueFault("\\Deleted lets the next client remove the mail", 'write after = "delete"', "flag")
    if flag in _SYSTEM_FLAGS or _KEYWORD.fullmatch(flag):
        return flag
    raise ValueFault(
        f"{written(flag)} is no IMAP flag", 'write it like "$Processed" or "\\\\Flagged"', "flag"
    )
