"""The commented postroom.toml that `postroom init` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from postroom.config import schema as s
from postroom.config.toml import bare, quoted, spelled

_HEAD = """\
# postroom.toml: keep it at mode 0640, owned by root and the group of postroom's user.
# An empty file is valid: SQLite and local files under state_dir, and no mailboxes.
# Durations "90s" "5m" "12h" "30d"; sizes "25MB" "1GiB".  An unknown key is a fault.
# A secret is a literal, { file = "..." }, { env = "..." }, { credential = "..." } (systemd)
# or { command = ["...", "..."] }.  A variable sets any key: POSTROOM_MAILBOX__ORDERS__PASSWORD,
# or POSTROOM_MAILBOX__ORDERS__PASSWORD_FILE.  A line that starts with "# " and a key shows its default.
"""
_EXAMPLES: Mapping[str, object] = {
    "org": "acme",
    "tls_ca": "/etc/ssl/certs/own-ca.pem",
    "folder": "INBOX",
    "bytes_per_day": "2GB",
    "path": "/srv/mail/intake/Maildir",
    "password": {"file": "/etc/postroom/secrets/mailbox"},
    "name": "Acme GmbH",
    "max_size": "25MB",
    "hostname": "intake.example.com",
    "tls_cert": "/etc/ssl/certs/intake.pem",
    "tls_key": "/etc/ssl/private/intake.key",
    "max_message": "50MB",
    "processes": 2,
    "preset": "gmail",
    "key": {"file": "/etc/postroom/secrets/oauth-key"},
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` asked; `password` and `after` are what TOML holds: text, or a table such as {"file": ...}.

    Where `oauth` has the keys of the mailbox's oauth table, there is no password, and `oauth_key` is what its
    tokens are encrypted with; with a preset among `more`, no host either.
    `org` pins the mailbox to one org; else `address` says how the slug is read from the recipient.
    `more` has further keys of the mailbox, by their own name ({"port": 1993}).
    """

    host: str
    user: str
    password: str | Mapping[str, object]
    org: str = ""
    address: str = ""
    since: str = "7d"
    after: str | Mapping[str, object] = "seen"
    name: str = "inbox"
    more: Mapping[str, object] | None = None
    oauth: Mapping[str, object] | None = None
    oauth_key: str | Mapping[str, object] = ""


def template(answers: Answers) -> str:
    """Return the text of a postroom.toml with these answers; every other key stands in it as a comment."""
    orgs = {"address": answers.address} if answers.address else {}
    blocks = [
        _HEAD,
        _block(s.TOP, s.TOP, {}),
        _rule("whose mail it is: the orgs here, and those that `postroom org add` made"),
        _block("orgs", "orgs", orgs),
        _block("org", f"org.{answers.org}" if answers.org else "org.acme", {} if answers.org else None),
        _rule("IMAP mailboxes"),
        _block("mailbox", f"mailbox.{bare(answers.name)}", _mailbox(answers)),
        _rule("Maildirs that a mail server fills"),
        _block("maildir", "maildir.intake", None),
        _rule("the bundled SMTP and LMTP relay"),
        _block("relay", "relay", None),
        _rule("where things go, and how much of a mail is looked at"),
        _block("oauth", "oauth", {"key": answers.oauth_key} if answers.oauth_key else None),
        *(
            _block(section, section, None)
            for section in ("db", "storage", "jobs", "limits", "documents", "log")
        ),
    ]
    return "\n".join(blocks)


def _mailbox(answers: Answers) -> dict[str, object]:
    known = {"host": answers.host, "user": answers.user, "oauth": answers.oauth, "org": answers.org}
    given: dict[str, object] = {key: value for key, value in known.items() if value}
    if not answers.oauth:
        given["password"] = answers.password
    return {**given, "since": answers.since, "after": answers.after, **(answers.more or {})}


def _rule(words: str) -> str:
    return f"# --- {words} ---"


def _block(section: str, table: str, values: Mapping[str, object] | None) -> str:
    """Return one table; its keys without a value are comments, and all of it is where `values` is None."""
    head = [f"[{table}]" if values is not None else f"# [{table}]"] if table else []
    known = s.section(section)
    given = [f"{leaf} = {spelled(value)}" for leaf, value in (values or {}).items()]
    # An org's or a source's own [….documents] has the keys of [documents], which stand here once; a mailbox's
    # [….oauth] takes the place of its password, and the how-to pages have it whole.
    rest = [_comment(key) for leaf, key in known.items() if leaf not in (values or {}) and "." not in leaf]
    return "\n".join([*head, *given, *rest, ""])


def _comment(key: s.Key[Any]) -> str:
    default = _EXAMPLES.get(key.leaf) if key.default is None or key.required else key.default
    shown = quoted("...") if default is None else spelled(default)
    return f"# {f'{key.leaf} = {shown}':<44} # {key.meaning}"
