"""Loading the configuration: files, then variables, then defaults; every fault at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from postroom.config import checks, database, oauth, relay, sections, sources
from postroom.config import schema as s
from postroom.config.env import merge_env
from postroom.config.find import read_all
from postroom.config.masked import Secret
from postroom.config.notes import Notes
from postroom.config.oauth_keys import ENCRYPTION_KEY, FLOW
from postroom.config.reader import Context, Secrets, Table
from postroom.config.settings import Orgs, Settings
from postroom.config.tree import Tree, merge
from postroom.core.routing import address_pattern
from postroom.core.rules import DEFAULT_RULES, changed
from postroom.errors import ConfigFault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings; for each key its origin ("default", "postroom.toml:12", "env POSTROOM_...") and how it is
    shown, secrets masked; the warnings for every start; the files that were read.
    """

    settings: Settings
    origins: Mapping[str, str]
    shown: Mapping[str, str]
    warnings: tuple[str, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of `postroom config show`."""

    key: str
    value: str
    origin: str


def load(
    explicit: Path | None,
    *,
    environ: Mapping[str, str],
    cwd: Path,
    home: Path,
    is_root: bool,
    secrets: Secrets = False,
) -> Loaded:
    """Return what files, variables and defaults say together; it changes nothing and may be repeated.

    `explicit` is the file of `-c`.  With `secrets`, passwords are fetched from where they are; with "own",
    those of the database and the archive alone; all others are None.  Raises ConfigFault, which carries all
    faults, and nothing else.
    """
    notes, tree = Notes(), Tree()
    files = read_all(explicit, environ=environ, cwd=cwd, home=home, notes=notes)
    for file in files:
        merge(tree, file, notes)
    merge_env(tree, environ, cwd, notes)
    state_dir = Path("/var/lib/postroom") if is_root else home / ".local" / "state" / "postroom"
    settings = _settings(tree, Context(environ, cwd, home, state_dir, secrets), notes)
    if notes.faults:
        raise ConfigFault(faults=notes.in_order())
    return Loaded(
        settings, notes.origins, notes.shown, tuple(notes.warnings), tuple(file.path for file in files)
    )


def show(loaded: Loaded) -> list[Shown]:
    """Return every effective key with its value as TOML, secrets masked, and its origin."""
    order = s.keys()

    def rank(key: str) -> tuple[int, str, int]:
        section, _, rest = key.partition(".") if "." in key else (s.TOP, ".", key)
        name, _, leaf = rest.partition(".") if section in s.FAMILIES else ("", ".", rest)
        path = ".".join(filter(None, (section, "*" if name else "", leaf)))
        return s.SECTIONS.index(section), name, order.index(path)

    return [Shown(key, loaded.shown[key], loaded.origins[key]) for key in sorted(loaded.shown, key=rank)]


def _settings(tree: Tree, context: Context, notes: Notes) -> Settings:
    def table(section: str, name: str = "") -> Table:
        return Table(tree, section, name, context=context, notes=notes)

    state_dir = table(s.TOP).take_path(s.STATE_DIR, str(context.state_dir_default)) or Path()
    relay.add_maildir(tree, state_dir)
    orgs = sections.orgs(table("orgs"))
    org, mailbox, maildir = _families(tree, table, orgs, notes)
    limits = sections.limits(table("limits"))
    return Settings(
        state_dir=state_dir,
        orgs=orgs,
        db=database.db(table("db"), state_dir),
        storage=sections.storage(table("storage"), state_dir),
        jobs=sections.jobs(table("jobs")),
        limits=limits,
        documents=changed(DEFAULT_RULES, sections.documents(table("documents"), s.DOCUMENTS)),
        log=sections.log(table("log")),
        org={name: built for name, (_, built) in org.items()},
        mailbox={name: built for name, (_, built) in mailbox.items()},
        maildir={name: built for name, (_, built) in maildir.items()},
        relay=relay.relay(tree, table(relay.SECTION), maildir, limits),
        oauth_key=_oauth_key(table("oauth"), mailbox),
    )


def _oauth_key(table: Table, mailboxes: checks.Mailboxes) -> Secret | None:
    """Return what encrypts the tokens; a mailbox that has tokens cannot be without it."""
    needing = [each for each, built in mailboxes.values() if built.oauth]
    if needing and not table.has(ENCRYPTION_KEY):
        needing[0].fault(FLOW, "needs oauth.key, which encrypts the tokens", "postroom oauth key makes one")
    return oauth.encryption_key(table)


def _families(
    tree: Tree, table: Callable[[str, str], Table], orgs: Orgs, notes: Notes
) -> tuple[checks.Orgs, checks.Mailboxes, checks.Maildirs]:
    """Return the tables with names of the user's own, each with what was built of it."""

    def family(name: str, build: Callable[[Table], T]) -> dict[str, tuple[Table, T]]:
        tables = [table(name, each) for each in tree.names(name)]
        return {each.name: (each, build(each)) for each in tables}

    literal = address_pattern(orgs.address).domain is not None
    org = family("org", sections.org)
    mailbox = family("mailbox", lambda each: sources.mailbox(each, literal_domain=literal))
    maildir = family("maildir", lambda each: sources.maildir(each, literal_domain=literal))
    checks.check_all(org, mailbox, maildir, notes)
    return org, mailbox, maildir
