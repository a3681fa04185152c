"""What keeps a mailbox from being opened by OAuth 2.0, told apart by who has to do something."""

from __future__ import annotations

from postroom.errors.base import Exit
from postroom.errors.outside import SourceUnavailable


class CredentialRejected(SourceUnavailable):
    """The token server refused the credential: the client's id or secret, the login, or the right to ask.

    The message has its own words, and the line below it what they mean. Nothing is lost: every mail stays in
    its mailbox until it is mended.
    """

    code = "E-OAUTH-REJECTED"
    exit = Exit.AUTH


class LoginNeeded(SourceUnavailable):
    """A person has to log in for this mailbox, for the first time or once more.

    `postroom oauth login NAME` guides through it. A login ends when the password was changed, when an
    administrator withdrew it, or when it was not used for long. Every mail stays in its mailbox meanwhile.
    """

    code = "E-OAUTH-LOGIN"
    exit = Exit.AUTH


class TokenServerUnreachable(SourceUnavailable):
    """The token server cannot be reached: its name, its port, its TLS certificate, or it does not answer.

    The credential was not looked at, so nothing is wrong with it. Check the resolver and the firewall: this
    machine needs https to the token server, not only IMAP. The next poll tries again.
    """

    code = "E-OAUTH-NET"


class TokenServerFault(SourceUnavailable):
    """The token server answered, but neither with a token nor with a refusal that one could act on.

    It is overloaded, broken, or `token_url` is not the address of a token server. The credential is not said
    to be wrong. The next poll tries again.
    """

    code = "E-OAUTH-SERVER"


class TokenUnreadable(SourceUnavailable):
    """The token in the database cannot be decrypted with any key of `oauth.key`.

    Put the key back with which it was encrypted, behind the new one. If that is lost: `postroom oauth login
    NAME` gets a new token.
    """

    code = "E-OAUTH-KEY"
    exit = Exit.CONFIG
