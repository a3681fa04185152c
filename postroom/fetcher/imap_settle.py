"""The after-action in a mailbox: by UID, in chunks, and only what the folder still holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, TypeVar

from postroom.config.settings import Action, After
from postroom.core.places import Place
from postroom.errors import ServerFault, SettleFailed
from postroom.failpoints import reach
from postroom.fetcher.batching import in_chunks
from postroom.fetcher.imap_connection import Connection
from postroom.fetcher.imap_opened import Opened
from postroom.fetcher.imap_search import still_there

_AT_ONCE = 200  # in one command 0.6 ms a mail, one by one 83
_SEEN = "\\Seen"
_DELETED = "\\Deleted"

T = TypeVar("T")


def settle(
    connection: Connection,
    after: After,
    places: Sequence[Place],
    trusted: Callable[[Opened], int] = lambda opened: opened.uidvalidity,
) -> list[Place]:
    """Apply `after` and return the places that are done, in their order.

    Mails that are gone are done, and so are places under a UIDVALIDITY that no longer holds: their UIDs name
    other mails now, or none.  `trusted` tells the UIDVALIDITY that holds, generations counted in.  Raises
    SettleFailed, SourceUnavailable.
    """
    if after.action is Action.KEEP:
        return list(places)
    in_order = sorted(places, key=_folder)
    for (folder, uidvalidity), group in groupby(in_order, key=_folder):
        opened = connection.select(folder, read_only=False)
        if trusted(opened) == uidvalidity:
            _settle_folder(connection, opened, after, sorted({place.uid for place in group}))
    return list(places)


def _folder(place: Place) -> tuple[str, int]:
    return place.folder, place.uidvalidity


def _settle_folder(connection: Connection, opened: Opened, after: After, uids: Sequence[int]) -> None:
    for chunk in in_chunks(uids, _AT_ONCE):
        connection.stay_in(opened, read_only=False)
        there = sorted(still_there(connection, chunk))
        if not there:
            continue
        reach("imap.settling")
        if after.action is Action.MOVE:
            _move(connection, opened, there, after.folder)
        elif after.action is Action.DELETE:
            _delete(connection, opened, there)
        elif after.action is Action.LABEL:
            _label(connection, there, after.label)
        else:
            _flag(connection, opened, there, after.flag if after.action is Action.FLAG else _SEEN)
        reach("imap.settled")


def _flag(connection: Connection, opened: Opened, uids: list[int], flag: str) -> None:
    """Set `flag`; STORE says OK also to a flag that will not last, so PERMANENTFLAGS is asked first."""
    if not opened.keeps(flag):
        raise SettleFailed(
            f"the server does not keep the flag {flag} in {opened.folder!r}",
            fix="choose another after-action, or let the server's administrator allow it",
        )
    _command(
        connection, f"to set {flag}", lambda client: client.add_flags(uids, [flag.encode()], silent=True)
    )


def _label(connection: Connection, uids: list[int], label: str) -> None:
    """Put a label of Gmail's on the mails, and look whether it is there."""
    if not connection.can("X-GM-EXT-1"):
        raise SettleFailed(
            "the server knows no labels: only Gmail does", fix='choose another after-action, such as "flag"'
        )
    _command(connection, f"to label {label!r}", lambda client: client.add_gmail_labels(uids, [label]))
    found = _command(connection, "to look at labels", lambda client: client.get_gmail_labels(uids))
    without = [uid for uid in still_there(connection, uids) if label not in found.get(uid, ())]
    if without:
        raise SettleFailed(
            f"the server said yes to the label {label!r}, but {len(without)} mails do not have it",
            fix="look whether the label can be made by hand; a name may not be one of Gmail's own",
        )


def _delete(connection: Connection, opened: Opened, uids: list[int]) -> None:
    r"""Set \Deleted and expunge these UIDs alone.

    A server without UIDPLUS knows only the bare EXPUNGE, which takes what others marked along: there the
    mails stay marked, and whoever expunges the folder next removes them.
    """
    _flag(connection, opened, uids, _DELETED)
    reach("imap.deleted")
    if connection.can("UIDPLUS"):
        _command(connection, "to expunge", lambda client: client.uid_expunge(uids))


def _move(connection: Connection, opened: Opened, uids: list[int], target: str) -> None:
    r"""Move by UID MOVE, or else copy, and delete only what was copied for certain.

    A mail that carries \Deleted was copied by a run that was cut short after it: it is not copied twice.
    """
    _make_folder(connection, target)
    if connection.can("MOVE"):
        _command(connection, f"to move to {target!r}", lambda client: client.move(uids, target))
        return
    fresh = still_there(connection, uids, undeleted=True)
    if fresh:
        copied = _command(
            connection, f"to copy to {target!r}", lambda client: _copy(client, sorted(fresh), target)
        )
        if copied is not None and copied != len(fresh):
            raise SettleFailed(
                f"of {len(fresh)} mails the server copied {copied} to {target!r}",
                fix=f"look at quota and rights of {target!r}; nothing was deleted",
            )
    reach("imap.copied")
    _delete(connection, opened, uids)


def _copy(client: Any, uids: list[int], target: str) -> int | None:
    """Return how many mails were copied, by COPYUID (RFC 4315 3); None where the server's OK must do."""
    imap = client._imap  # noqa: SLF001 - the library drops the answer to COPY; imaplib's `response` is public
    imap.response("COPYUID")  # one left over from an earlier command
    client.copy(uids, target)
    answer: list[bytes | None] = imap.response("COPYUID")[1]
    words = (answer[-1] or b"").decode("latin-1").split()
    return _count(words[1]) if len(words) > 1 else None


def _count(uid_set: str) -> int:
    """Return how many UIDs a set such as 4:6,9 names; -1 where it is no set."""
    total = 0
    with suppress(ValueError):
        for piece in uid_set.split(","):
            low, _, high = piece.partition(":")
            total += abs(int(high or low) - int(low)) + 1
        return total
    return -1


def _make_folder(connection: Connection, name: str) -> None:
    if connection.ask("a folder list", lambda client: client.folder_exists(name)):
        return
    _command(connection, f"to create the folder {name!r}", lambda client: client.create_folder(name))
    with suppress(ServerFault):  # some mail readers show only what is subscribed
        connection.ask("to subscribe", lambda client: client.subscribe_folder(name))


def _command(connection: Connection, doing: str, question: Callable[[Any], T]) -> T:
    return connection.ask(
        doing, question, refused=SettleFailed, fix="check that this user may write both folders"
    )
