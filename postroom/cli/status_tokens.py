"""What `postroom status` says of tokens: how long they are good, and what a person has to do before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from postroom.app.tokens import TokenLife
from postroom.cli.tables import cell, iso, shown
from postroom.cli.words import counted

Answer = dict[str, Any]


def token_answer(life: TokenLife | None) -> Answer | None:
    """Return the `token` of a source, None where it has a password or is no mailbox."""
    if life is None:
        return None
    return {
        "expires_at": iso(life.expires_at),
        "ends_at": iso(life.ends_at),
        "ends_soon": life.is_near,
        "needs_login": life.needs_login,
    }


def token_troubles(sources: list[Answer]) -> Iterator[str]:
    """Yield what a person has to do about tokens, for the sentence on top."""
    tokens = [source["token"] for source in sources if source["token"]]
    needed = sum(token["needs_login"] for token in tokens)
    if needed:
        yield f"{counted(needed, 'login')} {'is' if needed == 1 else 'are'} needed"
    near = sum(token["ends_soon"] for token in tokens)
    if near:
        yield f"{counted(near, 'login')} {'ends' if near == 1 else 'end'} within 14 days"


def token_line(source: Mapping[str, Any]) -> str:
    """Return the line of one source: "token orders: good until ..., login until ..."."""
    token = source["token"]
    name = shown(source["name"])
    if token["needs_login"]:
        return f"token {name}: none yet: postroom oauth login {name}"
    good = f"good until {_moment(token['expires_at'])}" if token["expires_at"] else "none yet"
    end = f", a person is needed by {_moment(token['ends_at'])}" if token["ends_at"] else ""
    return f"token {name}: {good}{end}"


def _moment(words: str) -> str:
    return cell(datetime.fromisoformat(words))
