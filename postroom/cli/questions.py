"""The three questions of `postroom init`: which mailbox, whose mail, and what becomes of it there."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import click

from postroom.cli.oauth_questions import GivenOAuth, oauth_keys
from postroom.config import schema as s
from postroom.config.oauth_presets import PRESETS
from postroom.config.template import Answers
from postroom.config.values import Kind, ValueFault
from postroom.errors import UsageFault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Given:
    """The options of `init`, None where one was not given; `yes` means that nothing is asked."""

    host: str | None
    user: str | None
    password_file: str | None
    password_env: str | None
    org: str | None
    address: str | None
    since: str | None
    after: str | None
    port: int | None
    tls: str | None
    tls_ca: str | None
    name: str
    yes: bool
    oauth: GivenOAuth


def answers(given: Given) -> Answers:
    """Return what was given, and ask for the rest.  Raises UsageFault for an option that cannot be."""
    _refuse_pairs(given)
    _say(given, "1. The mailbox")
    user = _ask(given, "user", "User name, mostly the mail address", _plainly(s.MAILBOX_USER.kind))
    host, wanted = _server(given, user)
    keys = oauth_keys(wanted, yes=given.yes) if wanted.is_wanted else None
    password = "" if keys else _password(given)
    _say(given, "\n2. Whose mail is it?")
    _say(given, "   One org: its slug, such as acme.  Many: an address with {org} where the slug stands.")
    org, address = _ask_whose(given, user)
    _say(given, "\n3. What becomes of a mail in the mailbox, once it is safe here?")
    _say(given, "   keep (nothing), seen (mark it as read), flag:NAME, move:FOLDER, delete")
    after = _ask(given, "after", "After", read_after, lambda: "seen")
    since = _ask(
        given, "since", "How far back at first (7d, 12h, all)", _plainly(s.MAILBOX_SINCE.kind), lambda: "7d"
    )
    more = ({"preset": wanted.preset} if wanted.preset else {}) | _more(given)
    return Answers(host, user, password, org, address, since, after, given.name, more, keys)


def _server(given: Given, user: str) -> tuple[str, GivenOAuth]:
    """Return the mail server's name, "" where a preset knows it, and what is known of OAuth then."""
    if given.oauth.preset is not None and given.host is None:
        return "", given.oauth
    words = f"IMAP server, or {' or '.join(PRESETS)}"
    host = _ask(given, "host", words, _plainly(s.MAILBOX_HOST.kind), lambda: likely_host(user, given))
    return ("", replace(given.oauth, preset=host)) if host in PRESETS else (host, given.oauth)


def likely_host(user: str, given: Given) -> str:
    """Return the first of the usual names in the user's domain that this machine can resolve, else ""."""
    domain = user.rpartition("@")[2] if "@" in user else ""
    if given.yes or not domain:
        return ""
    for name in (f"imap.{domain}", f"mail.{domain}"):
        try:
            socket.getaddrinfo(name, 993, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            continue
        return name
    return ""


def read_after(text: str) -> str | Mapping[str, object]:
    """Return what TOML holds for "seen", "move:Processed" or "flag:$Done".  Raises ValueFault."""
    action, colon, rest = text.partition(":")
    raw: str | dict[str, object] = action
    if colon:
        raw = {"action": action, ("folder" if action == "move" else "flag"): rest}
    s.MAILBOX_AFTER.kind.parse(raw)
    return raw


def read_password(text: str) -> str | Mapping[str, object]:
    """Return what TOML holds for a password itself, or for "file:PATH" or "env:NAME".  Raises ValueFault."""
    way, colon, where = text.partition(":")
    raw: str | dict[str, object] = text
    if colon and way in {"file", "env"}:
        raw = {way: str(Path(where).expanduser().absolute()) if way == "file" else where}
    s.MAILBOX_PASSWORD.kind.parse(raw)
    return raw


def _password(given: Given) -> str | Mapping[str, object]:
    for option, way in (("password_file", "file"), ("password_env", "env")):
        if where := getattr(given, option):
            return _checked(option, read_password, f"{way}:{where}")
    if given.yes:
        raise UsageFault("--password-file or --password-env is missing", fix="--yes asks no questions")
    words = "Password, not shown; or where it is (file:/path, env:NAME)"
    return _prompt(words, read_password, hidden=True)


def _ask_whose(given: Given, user: str) -> tuple[str, str]:
    """Return the one org's slug and "", or "" and the address pattern."""
    if given.org is not None:
        return _checked("org", _plainly(s.MAILBOX_ORG.kind), given.org), ""
    local, _, domain = user.rpartition("@")
    likely = f"{local.partition('+')[0]}+{{org}}@{domain}" if local else str(s.ORGS_ADDRESS.default)
    found = _ask(given, "address", "Slug or address", _slug_or_address, lambda: likely)
    return ("", found) if "{org}" in found else (found, "")


def _slug_or_address(text: str) -> str:
    known: Kind[str] | Kind[str | None] = s.ORGS_ADDRESS.kind if set(text) & set("@{") else s.MAILBOX_ORG.kind
    known.parse(text)
    return text


def _more(given: Given) -> dict[str, object]:
    more: dict[str, object] = {"port": given.port, "tls": given.tls}
    if given.tls_ca:
        more["tls_ca"] = str(Path(given.tls_ca).expanduser().absolute())
    return {key: value for key, value in more.items() if value is not None}


def _refuse_pairs(given: Given) -> None:
    for one, other in (("password_file", "password_env"), ("org", "address")):
        if getattr(given, one) is not None and getattr(given, other) is not None:
            raise UsageFault(
                f"{_dashed(one)} and {_dashed(other)} exclude each other", fix="give one of them"
            )


def _plainly(kind: Kind[T]) -> Callable[[str], str]:
    """Return a reader that checks a text by its kind and gives back the text."""

    def read(text: str) -> str:
        kind.parse(text)
        return text

    return read


def _ask(
    given: Given, option: str, words: str, read: Callable[[str], T], likely: Callable[[], str] = str
) -> T:
    """Return the option's value, or the answer to a question, which is asked until it can be read."""
    value = getattr(given, option)
    if value is not None:
        return _checked(option, read, value)
    if not given.yes:
        return _prompt(words, read, default=likely())
    if default := likely():
        return _checked(option, read, default)
    raise UsageFault(f"{_dashed(option)} is missing", fix="--yes asks no questions")


def _checked(option: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueFault as fault:
        raise UsageFault(f"{_dashed(option)}: {fault.message}", fix=fault.hint) from fault


def _prompt(words: str, read: Callable[[str], T], *, default: str = "", hidden: bool = False) -> T:
    def answer(text: str) -> T:
        try:
            return read(text.strip())
        except ValueFault as fault:
            hint = f"; {fault.hint}" if fault.hint else ""
            raise click.BadParameter(f"{fault.message}{hint}") from fault

    found: T = click.prompt(
        f"   {words}", default=default or None, value_proc=answer, hide_input=hidden and sys.stdin.isatty()
    )
    return found


def _say(given: Given, words: str) -> None:
    if not given.yes:
        click.echo(words)


def _dashed(option: str) -> str:
    return f"--{option.replace('_', '-')}"
