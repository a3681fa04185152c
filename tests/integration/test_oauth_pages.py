"""The how-to pages of Microsoft 365 and Gmail show the very words that a person meets."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.config.masked import Secret
from postroom.config.oauth_settings import Flow, Mechanism
from postroom.errors import PostroomError
from postroom.fetcher.probe import probe
from postroom.oauth.endpoint import Reply
from postroom.oauth.refusals import refusal
from tests.servers.identity import IdentityProvider
from tests.servers.scripted_imap import scripted_imap
from tests.unit.oauth.room import oauth_of

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
SHOWN = [
    pytest.param(*found, id=f"{page}: {found[1]} {found[0][:60]}")
    for page in ("microsoft-365", "gmail")
    for found in re.findall(
        r"^postroom: (.*)  \[(E-[A-Z-]+)\]\n     Fix: (.*)$",
        (HOW_TO / f"{page}.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
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
    """Return what is told of such an answer of a mail server, and that server's own name of itself."""
    words = message.partition("server said '")[2].rstrip("'")
    with scripted_imap() as server:
        verb = "EXAMINE" if "not connected" in words else "AUTHENTICATE"
        server.says[verb] = f"NO {words}"
        oauth = oauth_of(IdentityProvider(), Flow.CLIENT_CREDENTIALS, mechanism=Mechanism.XOAUTH2)
        box = replace(server.mailbox, user="invoices@acme.example", password=None, oauth=oauth)
        *_, last = probe(box, OneToken())
    assert last.error is not None
    return last.error, f"127.0.0.1:{box.port}"


@pytest.mark.parametrize(("message", "code", "fix"), SHOWN)
def test_what_a_page_shows_is_what_is_said(message: str, code: str, fix: str) -> None:
    if code.startswith("E-OAUTH"):
        error, said = by_token_server(message, code), message
    else:
        error, place = by_mail_server(message)
        said = message.replace("outlook.office365.com:993", place)

    assert (str(error), error.code, error.fix) == (said, code, fix)


def test_every_page_shows_its_mistakes() -> None:
    assert len(SHOWN) == 6
