"""What a person is needed for just now, read from the database after a round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from postroom.app.compose import App
from postroom.app.sources import source_names
from postroom.app.tokens import token_lives
from postroom.core.notices import Need
from postroom.db import reading_status
from postroom.errors import (
    BudgetSpent,
    ConnectFailed,
    DnsFailed,
    LoginNeeded,
    PostroomError,
    ServerFault,
    SessionRefused,
    StoreUnavailable,
    StoreUnreachable,
    TlsFailed,
    TokenServerFault,
    TokenServerUnreachable,
    Unextractable,
    Unroutable,
)

_MENDS_ITSELF: Final = frozenset(
    error.code
    for error in (
        BudgetSpent,
        ConnectFailed,
        DnsFailed,
        ServerFault,
        SessionRefused,
        StoreUnavailable,
        StoreUnreachable,
        TlsFailed,
        TokenServerFault,
        TokenServerUnreachable,
    )
)
"""Codes of trouble that mostly passes: the network, or the other end."""


def needs(app: App, *, outage: PostroomError | None = None) -> Iterator[Need]:
    """Yield what is wrong with the sources, their tokens, the quarantine and the messages.

    `outage` is what kept the round from taking documents out.  Raises DatabaseUnavailable.
    """
    polls = reading_status.last_polls(app.database)
    for name in source_names(app, polls):
        poll = polls.get(name)
        if poll is not None and poll.error is not None:
            yield _of_source(name, poll.error)
    for name, life in token_lives(app, app.now()).items():
        if life.is_near and life.ends_at is not None:
            message = f"the login of {name} ends on {life.ends_at:%Y-%m-%d}"
            fix = f"postroom oauth login {name}, or a new client secret"
            yield Need(f"token {name}", LoginNeeded.code, message, fix)
    if outage is not None:
        mends = outage.code in _MENDS_ITSELF
        yield Need("the archive", outage.code, str(outage), outage.fix, mends_itself=mends)
    if held := app.quarantine.count():
        message = f"mails in the quarantine: {held}"
        fix = "postroom quarantine list shows them and why"
        yield Need("the quarantine", Unroutable.code, message, fix, rank=app.quarantine.newest())
    if failed := reading_status.failed_count(app.database, app.directory.every()):
        message, fix = f"messages that failed: {failed}", "postroom messages --status failed shows them"
        yield Need("failed messages", Unextractable.code, message, fix, rank=failed)


def _of_source(name: str, error: Mapping[str, Any]) -> Need:
    code = str(error.get("code", ""))
    message = f"{name}: {error.get('message', '')}"
    return Need(
        f"source {name}", code, message, str(error.get("fix", "")), mends_itself=code in _MENDS_ITSELF
    )
