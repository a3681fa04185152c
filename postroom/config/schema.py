"""The keys of postroom.toml, their kinds and defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from postroom.config import config_key, oauth_keys, relay_keys
from postroom.config import mail_values as mail
from postroom.config import values as v
from postroom.config.secrets import secret
from postroom.config.settings import Action, Tls, Unknown, Zone
from postroom.core.rules import Body, Inline

T = TypeVar("T")

OWN = {"db", "storage"}  # the sections of what postroom keeps: whoever opens a postroom needs their secrets
TOP = ""  # the section of a key that stands outside every table
Key = config_key.Key
TOP = config_key.TOP
FAMILIES = ("org", "mailbox", "maildir")  # tables with names of the user's own: [mailbox.NAME]


@dataclass(frozen=True, slots=True)
class DocumentKeys:
    """What is a document: for all mail, or for one org or source, where what nobody set is None."""

    kinds: Key[tuple[str, ...] | None]
    skip_kinds: Key[tuple[str, ...] | None]
    names: Key[tuple[str, ...] | None]
    skip_names: Key[tuple[str, ...] | None]
    min_size: Key[int | None]
    max_size: Key[int | None]
    inline: Key[Inline | None]
    body: Key[tuple[Body, ...] | None]


def _documents(table: str, *, defaults: bool) -> DocumentKeys:
    def key(leaf: str, kind: v.Kind[T], default: object, meaning: str) -> Key[T | None]:
        return Key(f"{table}.{leaf}", v.optional(kind), default if defaults else None, meaning)

    media_types, names = v.listing(mail.media_pattern(), "media types"), v.listing(v.text("a name"), "names")
    return DocumentKeys(
        key("kinds", media_types, ["*"], "the media types that become documents"),
        key("skip_kinds", media_types, [], "those that do not"),
        key("names", names, ["*"], "the file names that become documents"),
        key("skip_names", names, [], "those that do not"),
        key("min_size", v.size("0B", "2GiB"), "0B", "the smallest document"),
        key("max_size", v.size("1B", "2GiB"), None, "the biggest; limits.attachment holds in any case"),
        key("inline", v.choice(Inline), "skip", "which images within a text become documents"),
        key(
            "body", v.listing(v.choice(Body), "bodies"), [], "which body stands in where nothing else is one"
        ),
    )


# --- where postroom keeps its own files, and whose a mail is --------------------------------------
STATE_DIR = Key(
    "state_dir", v.path(), "/var/lib/postroom", "folder of the database, the archive and the lock"
)
ORGS_UNKNOWN = Key("orgs.unknown", v.choice(Unknown), "quarantine", "what a mail for an unknown org meets")
ORGS_ADDRESS = Key(
    "orgs.address", mail.org_address(), "*+{org}@*", "how a slug is read from the envelope recipient"
)
ORG_NAME = Key(
    "org.*.name", v.optional(v.text("a name")), None, "the org's name for people; default: the slug"
)
ORG_ALIASES = Key("org.*.aliases", v.listing(mail.slug(), "slugs"), [], "more slugs that mean the same org")
ORG_ALLOW_FROM = Key(
    "org.*.allow_from",
    v.listing(mail.sender_pattern(), "senders"),
    [],
    "the only senders this org takes mail of",
)

# --- IMAP mailboxes ------------------------------------------------------------------------------
MAILBOX_HOST = Key("mailbox.*.host", mail.host(), "localhost", "the IMAP server's name", required=True)
MAILBOX_PORT = Key("mailbox.*.port", v.whole(1, 65535), 993, "its port; 143 where tls is starttls or off")
MAILBOX_USER = Key("mailbox.*.user", v.text("a user name"), "user", "who logs in", required=True)
MAILBOX_PASSWORD = Key("mailbox.*.password", v.optional(secret()), None, "the secret to log in with")
MAILBOX_TLS = Key("mailbox.*.tls", v.choice(Tls), "implicit", "how the connection is encrypted")
MAILBOX_TLS_CA = Key("mailbox.*.tls_ca", v.path(), None, "PEM file of an own CA")
MAILBOX_TLS_VERIFY = Key("mailbox.*.tls_verify", v.boolean(), True, "whether the certificate is checked")
MAILBOX_FOLDER = Key("mailbox.*.folder", v.optional(mail.folder()), None, "the one folder to poll")
MAILBOX_FOLDERS = Key(
    "mailbox.*.folders", v.listing(mail.folder(), "folder names"), ["INBOX"], "the folders to poll"
)
MAILBOX_SINCE = Key("mailbox.*.since", v.since(), "7d", "how far back the first connect goes")
MAILBOX_POLL = Key("mailbox.*.poll", v.duration("1s", "30d"), "60s", "the time between two polls")
MAILBOX_BYTES_PER_DAY = Key(
    "mailbox.*.bytes_per_day",
    v.optional(v.size("1MiB", "1000GiB")),
    None,
    "the most that is fetched in a day (UTC)",
)
MAILBOX_IDLE = Key("mailbox.*.idle", v.boolean(), True, "whether new mail may wake the poll")
MAILBOX_MAX_PER_POLL = Key("mailbox.*.max_per_poll", v.whole(1, 100_000), 200, "the most mails of one poll")
MAILBOX_AFTER = Key(
    "mailbox.*.after",
    mail.after((Action.KEEP, Action.SEEN, Action.FLAG, Action.MOVE, Action.LABEL, Action.DELETE)),
    "seen",
    "what happens to a mail in the mailbox once it is safe",
)
MAILBOX_ORG = Key("mailbox.*.org", v.optional(mail.slug()), None, "the one org that all its mail is for")
MAILBOX_TRUST = Key(
    "mailbox.*.trust", mail.trust(), ["Delivered-To"], "the headers that name the envelope recipient"
)
MAILBOX_TRUSTED_HOPS = Key(
    "mailbox.*.trusted_hops", v.whole(0, 20), 0, "how many Received fields down they count"
)
MAILBOX_TRUSTED_ZONE = Key(
    "mailbox.*.trusted_zone", v.choice(Zone), "received", "whether only the top of the header counts"
)
MAILBOX_TO_CC = Key("mailbox.*.to_cc", v.boolean(), False, "whether To and Cc may name orgs")

# --- Maildirs ------------------------------------------------------------------------------------
MAILDIR_PATH = Key("maildir.*.path", v.path(), ".", "the folder that holds new, cur and tmp", required=True)
MAILDIR_AFTER = Key(
    "maildir.*.after",
    mail.after((Action.DELETE, Action.CUR, Action.MOVE)),
    "delete",
    "what happens to a file once it is safe",
)
MAILDIR_CUR = Key("maildir.*.cur", v.boolean(), False, "whether mails that are in cur already are taken too")
MAILDIR_WATCH = Key(
    "maildir.*.watch", v.word(("auto", "poll")), "auto", "inotify and a rescan, or a rescan only"
)
MAILDIR_POLL = Key("maildir.*.poll", v.duration("1s", "30d"), "30s", "the time between two rescans")
MAILDIR_MAX_PER_POLL = Key("maildir.*.max_per_poll", v.whole(1, 100_000), 1000, "the most mails of one scan")
MAILDIR_ORG = Key("maildir.*.org", v.optional(mail.slug()), None, "the one org that all its mail is for")
MAILDIR_TRUST = Key(
    "maildir.*.trust", mail.trust(), "postfix", "the headers that name the envelope recipient"
)
MAILDIR_TRUSTED_HOPS = Key(
    "maildir.*.trusted_hops", v.whole(0, 20), 0, "how many Received fields down they count"
)
MAILDIR_TRUSTED_ZONE = Key(
    "maildir.*.trusted_zone", v.choice(Zone), "received", "whether only the top of the header counts"
)
MAILDIR_TO_CC = Key("maildir.*.to_cc", v.boolean(), False, "whether To and Cc may name orgs")

# --- database, archive, work ---------------------------------------------------------------------
DB_URL = Key("db.url", v.text("a database URL"), "sqlite:///{state_dir}/postroom.db", "where the rows are")
DB_PASSWORD = Key("db.password", v.optional(secret()), None, "the PostgreSQL role's secret; SQLite has none")
STORAGE_URL = Key(
    "storage.url", v.text("a storage URL"), "file://{state_dir}/archive", "where the archive is"
)
STORAGE_ACCESS_KEY = Key("storage.access_key", v.optional(secret()), None, "the access key of an S3 service")
STORAGE_SECRET_KEY = Key("storage.secret_key", v.optional(secret()), None, "the secret that goes with it")
STORAGE_SESSION_TOKEN = Key(
    "storage.session_token", v.optional(secret()), None, "the token of a key that is good for a while only"
)
JOBS_WORKERS = Key("jobs.workers", v.whole(1, 256), 4, "how many mails are worked on at once")
JOBS_PROCESSES = Key(
    "jobs.processes",
    v.optional(v.whole(0, 64)),
    None,
    "how many processes take mails apart; 0: this one does",
)
JOBS_ATTEMPTS = Key("jobs.attempts", v.whole(1, 100), 3, "how often extraction is tried")
JOBS_BACKOFF = Key(
    "jobs.backoff", v.pause_range(), "30s..6h", "the first pause between attempts, and the longest"
)
JOBS_LEASE = Key("jobs.lease", v.duration("1s", "1h"), "30s", "how long a worker holds what it works on")
JOBS_CONNECTIONS = Key(
    "jobs.connections", v.whole(0, 10_000), 100, "how many stay open to one mail server between polls"
)

# --- bounds of one message; core/limits.py has the same numbers -----------------------------------
LIMITS_MESSAGE = Key("limits.message", v.size("1KiB", "2GiB"), "50MiB", "the biggest mail that is taken")
LIMITS_ATTACHMENT = Key("limits.attachment", v.size("1KiB", "2GiB"), "50MiB", "the biggest document")
LIMITS_ATTACHMENTS = Key("limits.attachments", v.whole(1, 100_000), 200, "the most documents of one mail")
LIMITS_PARTS = Key("limits.parts", v.whole(1, 1_000_000), 1000, "the most MIME parts looked at")
LIMITS_NESTING = Key("limits.nesting", v.whole(1, 200), 30, "how deep parts within parts are followed")
LIMITS_HEADER = Key("limits.header", v.size("1KiB", "64MiB"), "256KiB", "how much of a header is read")
LIMITS_HEADER_FIELDS = Key("limits.header_fields", v.whole(1, 1_000_000), 1000, "the most fields of a header")
LIMITS_HEADER_FIELD = Key(
    "limits.header_field", v.size("1KiB", "1MiB"), "16KiB", "how much of one structured field is parsed"
)

LIMITS_UNPACK = Key(
    "limits.unpack", v.word(("off", "zip")), "off", "whether a zip is a container or a document"
)
LIMITS_UNPACK_FILES = Key(
    "limits.unpack_files",
    v.whole(1, 100_000),
    1000,
    "the most that is taken out of the containers of one mail",
)
LIMITS_UNPACK_TOTAL = Key(
    "limits.unpack_total", v.size("1KiB", "64GiB"), "500MB", "how much that may be together"
)
LIMITS_UNPACK_RATIO = Key(
    "limits.unpack_ratio", v.whole(2, 10_000), 100, "how many bytes one byte of a zip may become"
)
LIMITS_UNPACK_MEMORY = Key(
    "limits.unpack_memory",
    v.size("128MiB", "64GiB"),
    "1GiB",
    "the most memory of a child that opens a container",
)
LIMITS_UNPACK_TIME = Key(
    "limits.unpack_time", v.duration("1s", "1h"), "60s", "the longest processor time that it may take"
)

# --- what is a document ---------------------------------------------------------------------------
DOCUMENTS = _documents("documents", defaults=True)
ORG_DOCUMENTS = _documents("org.*.documents", defaults=False)
MAILBOX_DOCUMENTS = _documents("mailbox.*.documents", defaults=False)
MAILDIR_DOCUMENTS = _documents("maildir.*.documents", defaults=False)

LOG_LEVEL = Key(
    "log.level", v.word(("debug", "info", "warning", "error")), "info", "the least that is worth a line"
)
LOG_FORMAT = Key("log.format", v.word(("auto", "console", "json", "journal")), "auto", "how a line looks")


def _all(value: object) -> list[Key[Any]]:
    if isinstance(value, DocumentKeys):
        return [getattr(value, field.name) for field in fields(value)]
    return [value] if isinstance(value, Key) else []


_KEPT = (*globals().values(), *vars(oauth_keys).values(), *vars(relay_keys).values())
ALL: tuple[Key[Any], ...] = tuple(key for each in _KEPT for key in _all(each))
SECTIONS = tuple(dict.fromkeys(key.section for key in ALL))  # TOP first, then every table


def keys() -> list[str]:
    """Return every key as a dotted path, `*` standing for the user's own names (`mailbox.*.host`)."""
    return [key.path for key in ALL]


def section(name: str) -> dict[str, Key[Any]]:
    """Return the keys of one section by their leaf; empty where there is no such section."""
    return {key.leaf: key for key in ALL if key.section == name}
