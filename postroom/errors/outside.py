"""What the outside world does to postroom: archive and mail servers."""

from __future__ import annotations

from postroom.errors.base import Exit, OperatorError, PermanentError, TransientError

# --- files that are read ---------------------------------------------------------------------------


class SourceChanged(TransientError):
    """A file changed or vanished between reading and archiving it.

    Nothing to do: what is still there is read again at the next poll.
    """

    code = "E-SOURCE-CHANGED"


class SourceVanished(PermanentError):
    """A mail left its source before its bytes could be archived.

    The archive was away, and meanwhile somebody removed the mail. Ask the sender for it again; if it comes,
    it is taken.
    """

    code = "E-SOURCE-VANISHED"


# --- sources -------------------------------------------------------------------------------------


class SourceUnavailable(TransientError):
    """A mailbox or Maildir cannot be reached just now.

    Nothing to do: the next poll tries again. `postroom status` shows since when, `postroom check --connect`
    which step fails.
    """

    code = "E-SOURCE"
    exit = Exit.UNAVAILABLE


class DnsFailed(SourceUnavailable):
    """The mail server's name cannot be resolved.

    Check `host` for a typing mistake, then the machine's resolver.
    """

    code = "E-IMAP-DNS"


class ConnectFailed(SourceUnavailable):
    """The mail server does not answer on that port.

    Check `host`, `port` and the firewall; 993 is implicit TLS, 143 is STARTTLS.
    """

    code = "E-IMAP-CONNECT"


class TlsFailed(SourceUnavailable):
    """The TLS handshake failed, or the certificate is not one this machine trusts.

    Check `host` (it must be the name in the certificate), `tls` and, for an own CA, `tls_ca`.
    """

    code = "E-IMAP-TLS"


class LoginRefused(SourceUnavailable):
    """The mail server refused user and password, or user and token.

    Check both. Where the account has two-factor login, an app password is needed; Microsoft 365 takes no
    passwords at all, but tokens: docs/how-to/microsoft-365.md. A token must be the one of this very user.
    """

    code = "E-IMAP-AUTH"
    exit = Exit.AUTH


class FolderRefused(SourceUnavailable):
    """The mailbox has no such folder, or does not let this user open it.

    `postroom check --connect` lists the folders that the server shows.
    """

    code = "E-IMAP-FOLDER"


class ServerFault(SourceUnavailable):
    """The mail server broke off or answered what no IMAP server should.

    postroom tries again at the next poll; if it stays, the server's own log knows more.
    """

    code = "E-IMAP-SERVER"


class SessionRefused(ServerFault):
    """The mail server takes the login, but gives this user no session.

    Nothing is wrong with password or token. Either too many connections are open, and it works again when
    some are closed; or, at Microsoft 365 ("User is authenticated but not connected"), the login has no right
    to this mailbox: docs/how-to/microsoft-365.md says how it gets one.
    """

    code = "E-IMAP-SESSION"
    exit = Exit.TEMPORARY


class MailUnreadable(ServerFault):
    """The mail server lists a mail, but cannot give it; all others were taken.

    Look at it with another mail program and in the server's log: a file may be damaged, or not the
    server's to read.  It is tried again at every poll, and taken once it can be read; a mail that is lost
    for good can be removed from the mailbox.
    """

    code = "E-IMAP-MAIL"


class BudgetSpent(SourceUnavailable):
    """The time of `fetch --once --budget` was over before a source gave anything.

    Nothing is lost, and the next round begins with the sources that were tried longest ago. If it stays: the
    server is slow, or one mail takes longer than the budget. A round without `--budget` takes it.
    """

    code = "E-BUDGET"
    exit = Exit.TEMPORARY


class SettleFailed(SourceUnavailable):
    """The mail is safe, but the mailbox or Maildir refused the after-action.

    Check that this user may write the folder, and the one that mails are moved to; that one is made where it
    is missing. A flag must be one that the server keeps. The next poll tries again.
    """

    code = "E-SETTLE"
    exit = Exit.TEMPORARY


class PinnedOrgMissing(SourceUnavailable):
    """A source is pinned to an org that does not exist, so its mail is left where it is.

    Correct `org` of that source, or make the org: `postroom org add SLUG`.
    """

    code = "E-SOURCE-ORG"
    exit = Exit.CONFIG


class MaildirUnusable(SourceUnavailable):
    """The Maildir is not there, or postroom may not read or write it.

    A Maildir has `new`, `cur` and `tmp`; postroom's user needs read, write and search rights on them.
    """

    code = "E-MAILDIR"
    exit = Exit.IO


# --- the relay -----------------------------------------------------------------------------------


class RelayUnusable(OperatorError):
    """The relay cannot begin to listen: the place is taken, not allowed, or the certificate cannot be used.

    The message says which. One place has one relay: `postroom run` serves it where `[relay]` is set, and then
    `postroom relay` is not needed beside it.
    """

    code = "E-RELAY"


class RelayBroken(TransientError):
    """One of the processes that serve the relay's clients ended, and the others with it.

    The system's log says why: memory may have run out. What got its 250 is in the Maildir, the rest is sent
    again. Start it again, as systemd does by itself.
    """

    code = "E-RELAY-DOWN"


class LogUnwritable(TransientError):
    """An announcement could not be written to the log: its disk is full, or the pipe is closed.

    Mail is taken all the same, and its documents are announced once the log takes lines again. Make room.
    """

    code = "E-LOG"
