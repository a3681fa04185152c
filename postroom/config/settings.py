"""The settings as the program sees them: frozen, units in the names, every value already checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from postroom.config.masked import Secret
from postroom.config.oauth_settings import OAuth
from postroom.core.limits import Limits
from postroom.core.rules import DEFAULT_RULES, NO_CHANGES, Changes, Rules

Network = IPv4Network | IPv6Network


class Tls(StrEnum):
    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    OFF = "off"


class Action(StrEnum):
    """What happens to a mail at its source once it is safe."""

    KEEP = "keep"
    SEEN = "seen"
    FLAG = "flag"
    MOVE = "move"
    LABEL = "label"
    DELETE = "delete"
    CUR = "cur"


class Unknown(StrEnum):
    """What happens to a mail for an org that does not exist."""

    QUARANTINE = "quarantine"
    LEAVE = "leave"
    REJECT = "reject"  # by the relay; what comes another way is quarantined


class Zone(StrEnum):
    """Which header fields may name the envelope recipient: those above the first Received, or all."""

    RECEIVED = "received"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class After:
    """The after-action; `folder` goes with move, `flag` (an IMAP flag or keyword) with flag, `label` with it.

    `failed` is the folder that mails are moved to which only the quarantine got; "" for no difference.  Where
    `delete_after_seconds` is set, a mail is deleted so long after it was taken.
    """

    action: Action
    folder: str = ""
    flag: str = ""
    label: str = ""
    failed: str = ""
    delete_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Recipients:
    """How a source's mails name their org: see docs/explanation/routing.md.

    `org` pins the source to one org.  `trust` is the header names in order of preference; the first of them
    that is present in the trusted zone decides, and nothing else does.
    """

    org: str | None
    trust: tuple[str, ...]
    trusted_hops: int
    trusted_zone: Zone
    to_cc: bool


@dataclass(frozen=True, slots=True)
class Mailbox:
    name: str
    host: str
    port: int
    user: str
    password: Secret | None
    tls: Tls
    tls_ca: Path | None
    tls_verify: bool
    folders: tuple[str, ...]
    since_seconds: float | None
    poll_seconds: float
    max_per_poll: int
    after: After
    recipients: Recipients
    documents: Changes = NO_CHANGES
    idle: bool = True
    bytes_per_day: int | None = None
    oauth: OAuth | None = None


@dataclass(frozen=True, slots=True)
class MaildirFolder:
    """`cur` True means that mails another program already moved to cur/ are taken too."""

    name: str
    path: Path
    cur: bool
    watch: str  # "auto" (inotify and a rescan) | "poll" (rescan only)
    poll_seconds: float
    max_per_poll: int
    after: After
    recipients: Recipients
    documents: Changes = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Org:
    slug: str
    name: str
    aliases: tuple[str, ...]
    allow_from: tuple[str, ...]
    documents: Changes = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Orgs:
    """`address` is how a slug is read from an envelope recipient: exactly one {org}, `*` for any text."""

    unknown: Unknown
    address: str


@dataclass(frozen=True, slots=True)
class Database:
    url: str
    password: Secret | None


class Addressing(StrEnum):
    """Where the bucket's name goes: AUTO is the host at Amazon, and the path at an endpoint of one's own."""

    AUTO = "auto"
    PATH = "path"
    VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of an S3 service; `endpoint` None is Amazon's.

    `prefix` has no / at its ends.  `sse` is the encryption to ask for, None what the bucket has by default.
    """

    name: str
    prefix: str
    endpoint: str | None = None
    region: str | None = None
    addressing: Addressing = Addressing.AUTO
    sse: str | None = None
    sse_key: str | None = None
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Storage:
    """The archive; without `bucket`, `url` names a folder.  Without keys, boto3 looks for some."""

    url: str
    bucket: Bucket | None = None
    access_key: Secret | None = None
    secret_key: Secret | None = None
    session_token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Jobs:
    """How work is done; `processes` None is one for each core but one, at most `workers`."""

    workers: int
    processes: int | None
    attempts: int
    backoff_first_seconds: float
    backoff_cap_seconds: float
    lease_seconds: float
    connections: int  # to one mail server, kept between polls


@dataclass(frozen=True, slots=True)
class Log:
    level: str
    format: str  # "auto" | "console" | "json" | "journal"


@dataclass(frozen=True, slots=True)
class Relay:
    """The bundled relay; `listen` is a host and port, or the path of a unix socket.

    `processes` None is one for each core, up to four.
    """

    listen: tuple[tuple[str, int] | Path, ...]
    protocol: str  # "smtp" | "lmtp"
    maildir: str
    hostname: str
    tls: Tls
    tls_cert: Path | None
    tls_key: Path | None
    tls_require: bool
    allow: tuple[Network, ...]
    uncapped: tuple[Network, ...]
    max_message_bytes: int
    recipients: int
    sessions: int
    sessions_per_address: int
    idle_seconds: float
    session_seconds: float
    processes: int | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `postroom.toml`, the environment and the defaults say together.

    `oauth_key` holds the keys that tokens are encrypted with, the one for new tokens first.
    """

    state_dir: Path
    orgs: Orgs
    db: Database
    storage: Storage
    jobs: Jobs
    limits: Limits
    log: Log
    documents: Rules = DEFAULT_RULES
    org: Mapping[str, Org] = field(default_factory=dict)
    mailbox: Mapping[str, Mailbox] = field(default_factory=dict)
    maildir: Mapping[str, MaildirFolder] = field(default_factory=dict)
    relay: Relay | None = None
    oauth_key: Secret | None = None

    def source(self, name: str) -> Mailbox | MaildirFolder | None:
        """Return a source by what the database calls it: a Maildir's name may end with its host's."""
        return self.mailbox.get(name) or self.maildir.get(name.partition("@")[0])
