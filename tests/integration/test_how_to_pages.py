"""The how-to pages of the mail providers show the very words that a person meets."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.config.masked import Secret
from postroom.config.oauth_settings import Flow, Mechanism
from postroom.config.settings import Action, After, Mailbox
from postroom.core.headers import read_header_block
from postroom.core.limits import DEFAULT_LIMITS
from postroom.core.routing import Rule, address_pattern, targets
from postroom.errors import PostroomError, SourceUnavailable
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.probe import probe
from postroom.oauth.endpoint import Reply
from postroom.oauth.refusals import refusal
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox, running_dovecot
from tests.servers.identity import IdentityProvider
from tests.servers.memory import MemoryInRam
from tests.servers.scripted_imap import scripted_imap
from tests.unit.oauth.room import oauth_of

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
ERROR = re.compile(r"^postroom: (.*)  \[(E-[A-Z-]+)\]\n     Fix: (.*)$", re.MULTILINE)
PLACE = re.compile(r"^(?:no TLS with )?([\w.-]+:\d+)(?: \(([^)]+)\))?")
TOLD = re.compile(r"server said (['\"])(.*)\1$")
TIMES = re.compile(r" \([\d. +]+ secs\)")


def text_of(page: str) -> str:
    return (HOW_TO / f"{page}.md").read_text(encoding="utf-8")


SHOWN = [
    pytest.param(*found, id=f"{page}: {found[1]} {found[0][:60]}")
    for page in ("microsoft-365", "gmail", "icloud", "fastmail")
    for found in ERROR.findall(text_of(page))
]


class OneToken:
    def token(self) -> Secret:
        return Secret("t")

    def another(self, _refused: Secret) -> None:
        return None


def by_token_server(message: str, code: str) -> PostroomError:
    """Return what is told of such an answer of a token server."""
    found = re.fullmatch(r"the token server refused ([\w-]+): (\w+): (.*)", message)
    assert found is not None
    reply = Reply({}, found[2], found[3], None)
    return refusal(reply, name=found[1], login=code == "E-OAUTH-LOGIN", secrets=(), now=datetime.now(UTC))


def by_mail_server(message: str) -> tuple[PostroomError, str]:
    """Return what is told of such an answer of a mail server, and what the page would say of it."""
    place, told = PLACE.match(message), TOLD.search(message)
    assert place is not None
    assert told is not None
    with scripted_imap() as server:
        box = replace(server.mailbox, user=place[2])
        if "login refused" in message:
            server.says["LOGIN"] = f"NO {told[2]}"
        else:
            server.says["EXAMINE" if "not connected" in message else "AUTHENTICATE"] = f"NO {told[2]}"
            oauth = oauth_of(IdentityProvider(), Flow.CLIENT_CREDENTIALS, mechanism=Mechanism.XOAUTH2)
            box = replace(box, password=None, oauth=oauth)
        *_, last = probe(box, OneToken() if box.oauth else None)
    assert last.error is not None
    return last.error, message.replace(place[1], f"127.0.0.1:{box.port}")


@pytest.mark.parametrize(("message", "code", "fix"), SHOWN)
def test_what_a_page_shows_is_what_is_said(message: str, code: str, fix: str) -> None:
    if code.startswith("E-OAUTH"):
        error, said = by_token_server(message, code), message
    else:
        error, said = by_mail_server(message)

    assert (str(error), error.code, error.fix) == (said, code, fix)


def test_every_page_shows_its_mistakes() -> None:
    shown = {
        page: len(ERROR.findall(text_of(page))) for page in ("microsoft-365", "gmail", "icloud", "fastmail")
    }

    assert shown == {"microsoft-365": 4, "gmail": 4, "icloud": 2, "fastmail": 1}


# --- what a real Dovecot says --------------------------------------------------------------------


def by_dovecot(mailbox: Mailbox, spool: Path) -> tuple[str, str, str]:
    """Return what a poll of that mailbox fails with: words, code and way out."""
    source = ImapSource(mailbox, spool, DEFAULT_LIMITS)
    with pytest.raises(SourceUnavailable) as raised:
        list(source.batches(MemoryInRam(), limit=9))
    source.close()
    return TIMES.sub("", str(raised.value)), raised.value.code, raised.value.fix


def as_shown(mailbox: Mailbox, number: int) -> tuple[str, str, str]:
    """Return the page's error of that number, said of this mailbox."""
    message, code, fix = ERROR.findall(text_of("dovecot"))[number]
    message = message.replace("mail.example.com:993", f"localhost:{mailbox.port}")
    user = re.sub(r" \(orders(?:@intake\.example\.com)?\)", f" ({mailbox.user})", message)
    return TIMES.sub("", user), code, fix


@pytest.mark.parametrize("number", range(3), ids=["its certificate", "its user", "its folder"])
def test_the_page_of_dovecot_shows_what_dovecot_makes_postroom_say(
    dovecot: Dovecot, tmp_path: Path, number: int
) -> None:
    mailbox = replace(fresh_mailbox(dovecot), after=After(Action.SEEN))
    mistaken = [
        replace(mailbox, tls_ca=None),
        replace(mailbox, password=Secret("another")),
        replace(mailbox, folders=("Scans",)),
    ][number]

    said = by_dovecot(mistaken, tmp_path)

    assert said == as_shown(mistaken, number)


def test_the_page_of_dovecot_shows_what_too_many_connections_are_told(tmp_path: Path) -> None:
    with running_dovecot(connections=10) as server:
        mailbox = fresh_mailbox(server)
        others = [ImapSource(mailbox, tmp_path / str(number), DEFAULT_LIMITS) for number in range(10)]
        for other in others:
            list(other.batches(MemoryInRam(), limit=9))

        said = by_dovecot(mailbox, tmp_path / "one more")

        for other in others:
            other.close()
    assert said == as_shown(mailbox, 3)


# --- whose mail it is ----------------------------------------------------------------------------

BY_FASTMAIL = read_header_block(
    b"Return-Path: <ann@customer.example>\r\nReceived: from compute1 by sloti1 with LMTPA\r\n"
    b"X-Delivered-To: orders+acme@intake.example.com\r\nReceived: from mx5 by mailmx\r\n"
    b"To: orders+acme@intake.example.com\r\n\r\n"
)


def test_the_pages_show_what_is_said_of_a_header_that_is_not_trusted() -> None:
    rule = Rule(address=address_pattern("orders+{org}@intake.example.com"))
    with_trust = replace(rule, trust=("X-Delivered-To",))

    found = [
        targets(BY_FASTMAIL, each)[0] for each in (rule, with_trust, replace(with_trust, trusted_hops=1))
    ]

    assert [target.slug for target in found] == [None, None, "acme"]
    assert f"```\n{found[0].refusal}\n```" in text_of("icloud")
    assert f"```\n{found[0].refusal}\n```" in text_of("fastmail")
    assert f"```\n{found[1].refusal}\n```" in text_of("fastmail")
    assert 'trust = ["X-Delivered-To"]\ntrusted_hops = 1\n' in text_of("fastmail")
