"""What the pipeline and the jobs ask of the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from postroom.core.places import Place
from postroom.db.outcomes import Extracted, Told
from postroom.db.values import Claim, Existing, Failed, Fence, Intake, Key, NewMessage, Org, Owed, Reached


class Directory(Protocol):
    """The orgs."""

    def resolve(self, slugs: Collection[str]) -> dict[str, Org]:
        """Return the orgs that these slugs or aliases name; a slug that names none is not in it."""
        ...


class Inbox(Protocol):
    """The rows of messages; the only writer of their status."""

    def find(self, keys: Collection[Key]) -> dict[Key, Existing]:
        """Return the rows that there are for these keys."""
        ...

    def note_received(self, messages: Sequence[NewMessage], now: datetime) -> None:
        """Write RECEIVED rows for mails that cannot be archived just now, or note that they still wait."""
        ...

    def give_up_received(self, *, unseen_since: datetime, now: datetime) -> int:
        """Fail the RECEIVED rows whose mail was not met again since then; return how many.

        Such a mail left its source before the archive came back.  If it comes after all, it is taken.
        """
        ...

    def commit(self, intake: Intake, now: datetime) -> dict[Key, UUID]:
        """Write a whole batch in one transaction; return the row id of every key in it.

        Raises Raced when a key was taken meanwhile, LeaseLost when the fence is no longer ours,
        DatabaseUnavailable; nothing is written then.
        """
        ...

    def settled(self, places: Sequence[Place], now: datetime) -> None:
        """Record that the source has let these copies go; repeating is harmless."""
        ...

    def unsettled(self, source_name: str, *, held: bool = False) -> list[Place]:
        """Return the copies that are committed, but that their source has not let go yet.

        With `held`, only those that no org got, but the quarantine.
        """
        ...


class Workbench(Protocol):
    """The work that is due: claimed, finished, or put back."""

    def claim(self, *, limit: int, holder: str, lease_seconds: float, now: datetime) -> list[Claim]:
        """Return up to `limit` due messages, leased to `holder`; nobody else gets them until then.

        The orgs get equal shares of them, so that none waits long for another's flood.
        """
        ...

    def renew(self, claims: Sequence[Claim], *, lease_seconds: float, now: datetime) -> None:
        """Keep those of the claims that are still ours for another while; may be repeated."""
        ...

    def finish(self, extracted: Sequence[Extracted], now: datetime) -> Mapping[UUID, int]:
        """Write ledgers, documents and outbox of messages and go to PARSED, in one transaction.

        Returns how many new documents each message has.  One whose claim is no longer ours is left out.
        """
        ...

    def put_back(self, claim: Claim, now: datetime, *, pause_seconds: float) -> None:
        """Give the claim up without counting an attempt: an outage is not the mail's fault."""
        ...

    def attempt_failed(
        self, claim: Claim, error: Mapping[str, Any], now: datetime, *, retry_at: datetime | None
    ) -> None:
        """Count an attempt and try again at `retry_at`, or go to FAILED where that is None."""
        ...

    def died_over(self, claim: Claim) -> None:
        """Give the claim up for a process that died over it: due at once, a death more, no attempt.

        Raises LeaseLost.
        """
        ...

    def rescue(self, now: datetime) -> int:
        """Free the claims whose lease ended; return how many."""
        ...

    def pull_in(self, latest: datetime, now: datetime) -> int:
        """Make due at once what nobody holds and is due after `latest` only; return how many messages.

        Nothing is put off as far as that: the clock that it goes by was wrong, and was set right.
        """
        ...


class OutboxQueue(Protocol):
    """The announcements that are owed."""

    def claim(self, *, limit: int, holder: str, lease_seconds: float, now: datetime) -> list[Owed]:
        """Return up to `limit` messages with announcements that are due, leased to `holder`: fair shares."""
        ...

    def renew(self, claimed: Sequence[Owed], *, lease_seconds: float, now: datetime) -> None:
        """Keep those of the claims that are still ours for another while; may be repeated."""
        ...

    def conclude(self, told: Sequence[Told], now: datetime) -> set[UUID]:
        """Record which announcements the next system has, and which wait, in one transaction.

        Returns the messages whose claims were still ours: whoever has the others now announces them again.
        """
        ...


class Leases(Protocol):
    """Who works on what, so that one host polls a mailbox at a time."""

    def acquire(self, name: str, *, holder: str, seconds: float, now: datetime) -> Fence | None:
        """Return the fence of a lease that is now ours, or None while another holds it."""
        ...

    def renew(self, fence: Fence, *, seconds: float, now: datetime) -> None:
        """Keep the lease for another while.  Raises LeaseLost."""
        ...

    def release(self, fence: Fence) -> None:
        """Give the lease up; a lease that is lost already is left alone."""
        ...


class SourceBook(Protocol):
    """What `status` says of each source."""

    def failures(self, name: str) -> int:
        """Return how often in a row polls of a source came to nothing, whichever host they were of."""
        ...

    def last_failure(self, name: str) -> Failed | None:
        """Return how a source failed when it was last tried; None where it did not."""
        ...

    def last_attempts(self) -> Mapping[str, datetime]:
        """Return when each source was last tried, by name; one that never was is not there."""
        ...

    def attempted(self, name: str, kind: str, now: datetime) -> None:
        """Record a poll that was cut short: neither a success nor a failure, but more mail may wait."""
        ...

    def polled(
        self,
        name: str,
        kind: str,
        now: datetime,
        *,
        error: Mapping[str, Any] | None,
        reached: Reached | None = None,
    ) -> None:
        """Record the end of a poll: a success where `error` is None.

        `reached` is how far it came.  Without it, a failure came no further than before, and a success until
        now.
        """
        ...


class Kept(Protocol):
    """The copies of one source that stay in it for a while only."""

    def due(self, seen_until: datetime) -> tuple[Sequence[Place], datetime | None]:
        """Return some copies that were seen until then and may be removed, those seen first in front.

        With them comes the moment until which all is dealt with once they are; None for nothing to do.
        Only copies whose bytes an org got are among them, and whose source let them go.
        """
        ...

    def removed(self, until: datetime) -> None:
        """Record that all that was seen until then is dealt with."""
        ...


class Turns(Protocol):
    """When each mailbox is polled next, for all hosts together."""

    def enrol(self, sources: Collection[str], now: datetime) -> None:
        """Let those whose turn is not known yet be due now."""
        ...

    def claim(
        self,
        seconds: Mapping[str, float],
        now: datetime,
        *,
        limit: int,
        dispatch: Callable[[Any, str], object],
    ) -> list[str]:
        """Return up to `limit` sources that are due, longest first, and put their next turn off.

        `seconds` says how far, for each source that may be claimed.  `dispatch` is called with the driver's
        connection and each source in the same transaction, so that both are done or neither is.  A source
        that somebody polls now, or claims at this moment, is passed over.
        """
        ...

    def put(self, source: str, due_at: datetime) -> None:
        """Let the next turn of a source be then, sooner or later than it was."""
        ...
