"""One logged-in IMAP connection, whose every fault names host, port and user and says the way out."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, ProtocolError

from postroom.config.settings import Mailbox
from postroom.core.places import GENERATION
from postroom.errors import FolderRefused, ServerFault, SettleFailed, SourceUnavailable
from postroom.fetcher.bearer import Bearer
from postroom.fetcher.imap_deadline import RoundTime, within
from postroom.fetcher.imap_idle import Idle
from postroom.fetcher.imap_limits import session_refusal, session_refused
from postroom.fetcher.imap_literals import Wire
from postroom.fetcher.imap_login import log_in
from postroom.fetcher.imap_open import READ_SECONDS, open_client
from postroom.fetcher.imap_opened import Opened, Stillness, opened
from postroom.fetcher.imap_token_login import offer_token
from postroom.fetcher.imap_words import peer, said

_QUIET_SECONDS = 1.0  # a connection unused for longer is asked whether it still lives

T = TypeVar("T")

# What the library's reader of answers raises when a server sends nonsense.
_NONSENSE = (ValueError, TypeError, AttributeError, IndexError, KeyError, AssertionError, RecursionError)
BROKEN = (IMAPClientAbortError, ProtocolError, OSError, *_NONSENSE)


class Connection:
    """Opens itself when first asked, and anew after a break; one thread uses it at a time.

    Once the deadline of its `time` is over, BudgetSpent is raised, also by what is under way then.
    """

    def __init__(self, settings: Mailbox, bearer: Bearer | None = None) -> None:
        self.time = RoundTime(settings)
        self._settings = settings
        self._bearer = bearer
        self._client: Any = None
        self._used = 0.0
        self._selected: tuple[str, bool] | None = None
        self._idle: Idle | None = None
        self._still = Stillness()

    @property
    def is_late(self) -> bool:
        """Return whether there is no time left to ask anything."""
        return self.time.deadline.is_over

    @property
    def is_open(self) -> bool:
        """Return whether there is a connection that is not known to be broken."""
        return self._client is not None

    def ready(self) -> None:
        """Be logged in and out of IDLE; a connection that died since its last use is replaced.

        Raises DnsFailed, ConnectFailed, TlsFailed, LoginRefused, SessionRefused, ServerFault, BudgetSpent,
        and what the bearer of a token raises.
        """
        self._end_idle()
        is_asked = self._still.folder() or time.monotonic() - self._used > _QUIET_SECONDS
        if self._client is not None and is_asked:
            try:
                self._still.hear(self._client.noop()[1])
            except (IMAPClientError, *BROKEN):
                self._drop()
        if self._client is None:
            self.time.require()
            try:
                self._client = self._logged_in()
            except SourceUnavailable as error:
                self.time.require(error)
                raise
        self._used = time.monotonic()

    def _logged_in(self) -> Any:
        bearer = self._bearer
        if bearer is None:
            client = self._opened()
            log_in(client, self._settings)
            return client
        token = bearer.token()  # first: where there is none, no mail server is bothered
        client = self._opened()
        log_in(client, self._settings, lambda opened: offer_token(opened, self._settings, token, bearer))
        return client

    def _opened(self) -> Any:
        client = open_client(self._settings, deadline=self.time.deadline)
        self.time.begin(client)
        return client

    def ask(
        self,
        doing: str,
        question: Callable[[Any], T],
        refused: type[ServerFault | SettleFailed | FolderRefused] = ServerFault,
        fix: str = "",
    ) -> T:
        """Return the answer to one command; `doing` says in words what was wanted.

        `refused` is raised when the server says NO or BAD.  A broken connection is ServerFault, and the next
        command opens a new one.  SessionRefused where the server gives this login no session.
        """
        self._still.end()
        if self._client is None:
            self.ready()
        self.time.bound(self._client, READ_SECONDS)
        try:
            answer = question(self._client)
        except BROKEN as error:
            self._drop()
            self.time.require(error)
            if session_refused(said(error)):
                raise session_refusal(self._settings, said(error)) from error
            raise ServerFault(f"{peer(self._settings)}: broke off while {doing}: {said(error)}") from error
        except IMAPClientError as error:
            if session_refused(said(error)):
                raise session_refusal(self._settings, said(error)) from error
            message = f"{peer(self._settings)} refused {doing}: server said {said(error)!r}"
            raise refused(message, fix=fix) from error
        self._used = time.monotonic()
        return answer

    def can(self, capability: str) -> bool:
        """Return whether the server says it can do that.  Raises ServerFault."""
        with self._still.kept():  # the library has them since the login
            return bool(self.ask("its capabilities", lambda client: client.has_capability(capability)))

    def stream(self, doing: Callable[[Wire], None], *, seconds: float) -> None:
        """Let `doing` write and read past the library, for `seconds` at most.

        Raises ServerFault, and what else `doing` raises: then, as after a break, the connection is dropped.
        """
        is_answered = False
        try:
            self.ask("a fetch", partial(within, seconds, doing))
            is_answered = True
        except ServerFault:  # a refusal; after a break it is dropped already
            is_answered = True
            raise
        finally:
            if not is_answered:
                self._drop()

    def select(self, folder: str, *, read_only: bool) -> Opened:
        """Open `folder` anew, by EXAMINE when `read_only`.  Raises FolderRefused, ServerFault."""
        self._selected = None
        answer = self.ask(
            f"to open the folder {folder!r}",
            lambda client: client.select_folder(folder, readonly=read_only),
            refused=FolderRefused,
            fix="correct `folder` (postroom check --connect lists the folders)"
            + ("" if read_only else '; or after = "keep", if this user may only read it'),
        )
        found = opened(folder, answer)
        if found is None:
            raise ServerFault(f"{peer(self._settings)}: no UIDVALIDITY for the folder {folder!r}")
        self._selected = (folder, read_only)
        self._still.begin(found)
        return found

    def unchanged(self, folder: str) -> Opened | None:
        """Return `folder` as it was opened last, if no mail can have arrived there since; asks nothing."""
        return self._still.folder(folder)

    def stay_in(self, folder: Opened, *, read_only: bool) -> None:
        """Make sure that `folder` is the one the next command meets: UIDs mean nothing elsewhere.

        Raises FolderRefused, ServerFault, also when its UIDVALIDITY changed in between.
        """
        if self._client is not None and self._selected == (folder.folder, read_only):
            return
        again = self.select(folder.folder, read_only=read_only)
        if again.uidvalidity != folder.uidvalidity % GENERATION:
            raise ServerFault(
                f"{peer(self._settings)}: the folder {folder.folder!r} was made anew while it was read"
            )

    def begin_idle(self) -> bool:
        """Enter IDLE in the folder that is open; return whether mail arrived just now.

        `ready` leaves it.  Raises ServerFault.
        """
        with self._still.kept():
            idle = self.ask("IDLE", Idle)
            arrived = self.ask("IDLE", lambda _client: idle.begin())
        self._idle = idle
        return self._heard(arrived)

    def fileno(self) -> int:
        """Return the descriptor of the connection in IDLE."""
        return self._idle.fileno() if self._idle else -1

    def mail_arrived(self) -> bool:
        """Return whether the server told of mail in IDLE so far; never waits.  Raises ServerFault."""
        idle = self._idle
        with self._still.kept():
            arrived = idle is not None and self.ask("IDLE", lambda _client: idle.mail_arrived())
        return self._heard(arrived)

    def hang_up(self) -> None:
        """Close the connection without a word; never raises."""
        self._drop()

    def close(self) -> None:
        """Log out; never raises."""
        if self._idle is not None:  # the server would have to be waited for
            self._drop()
        self._still.end()
        client, self._client, self._selected = self._client, None, None
        if client is not None and not self.is_late:
            with suppress(IMAPClientError, *BROKEN):
                client.logout()
        self._shut(client)

    def _end_idle(self) -> None:
        idle, self._idle = self._idle, None
        if idle is None or self._client is None:
            return
        try:
            self._heard(idle.end(READ_SECONDS))
        except BROKEN:
            self._drop()
        else:
            self._used = time.monotonic()

    def _heard(self, of_mail: bool) -> bool:
        if of_mail:
            self._still.end()
        return of_mail

    def _drop(self) -> None:
        client, self._client, self._selected, self._idle = self._client, None, None, None
        self._still.end()
        self._shut(client)

    def _shut(self, client: Any) -> None:
        self.time.end()
        if client is not None:
            with suppress(IMAPClientError, *BROKEN):
                client.shutdown()
