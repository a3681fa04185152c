"""Building the bundled relay's settings, and the Maildir it fills where nobody named one."""

from __future__ import annotations

import socket
from pathlib import Path

from postroom.config import relay_keys as r
from postroom.config import schema as s
from postroom.config.checks import Maildirs
from postroom.config.notes import Where
from postroom.config.reader import Table
from postroom.config.settings import Relay, Tls
from postroom.config.toml import written
from postroom.config.tree import Cell, Tree
from postroom.core.limits import Limits

SECTION = "relay"
DEFAULT_MAILDIR = "relay"
TRACE_BYTES = 8 * 1024  # more than the trace fields that are written above a message
_WRITTEN = {"x-original-to", "delivered-to"}


def add_maildir(tree: Tree, state_dir: Path) -> None:
    """Put [maildir.relay] into `tree`, in the state_dir, where the relay fills it and no file says where."""
    part = tree.parts.get((SECTION, ""))
    if part is None or ("maildir" in part.cells and part.cells["maildir"].raw != DEFAULT_MAILDIR):
        return
    where = Where("default", 0, state_dir)
    cells = tree.open("maildir", DEFAULT_MAILDIR, where).cells
    cells.setdefault("path", Cell(str(state_dir / DEFAULT_MAILDIR), where))


def relay(tree: Tree, table: Table, maildirs: Maildirs, limits: Limits) -> Relay | None:
    """Return the relay, None where its table is not there.

    Its limit of a message leaves room for the trace fields below `limits.message`.
    """
    if (SECTION, "") not in tree.parts:
        return None
    wanted = table.take(r.MAX_MESSAGE)
    built = Relay(
        listen=table.take(r.LISTEN),
        protocol=table.take(r.PROTOCOL),
        maildir=table.take(r.MAILDIR),
        hostname=table.take(r.HOSTNAME) or socket.gethostname(),
        tls=table.take(r.TLS),
        tls_cert=table.take_file(r.TLS_CERT),
        tls_key=table.take_file(r.TLS_KEY),
        tls_require=table.take(r.TLS_REQUIRE),
        allow=table.take(r.ALLOW),
        uncapped=table.take(r.UNCAPPED),
        max_message_bytes=wanted or max(1, limits.message_bytes - TRACE_BYTES),
        recipients=table.take(r.RECIPIENTS),
        sessions=table.take(r.SESSIONS),
        sessions_per_address=table.take(r.PER_ADDRESS),
        idle_seconds=table.take(r.IDLE),
        session_seconds=table.take(r.SESSION),
        processes=table.take(r.PROCESSES),
    )
    if wanted and wanted > limits.message_bytes - TRACE_BYTES:
        table.warn(r.MAX_MESSAGE, "is more than limits.message leaves room for: the rest is quarantined")
    _check_maildir(table, built, maildirs)
    _check_tls(table, built)
    return built


def _check_maildir(table: Table, built: Relay, maildirs: Maildirs) -> None:
    if built.maildir not in maildirs:
        table.fault(
            r.MAILDIR,
            f"there is no [maildir.{built.maildir}]",
            "without this key one is made in state_dir",
        )
        return
    owner, folder = maildirs[built.maildir]
    trust = folder.recipients.trust[:1]
    if folder.recipients.org is None and trust[0].lower() not in _WRITTEN:
        owner.fault(
            s.MAILDIR_TRUST,
            f"the relay that fills it writes no {written(trust[0])}",
            'write trust = "postfix", which is the default',
        )


def _check_tls(table: Table, built: Relay) -> None:
    if built.tls is Tls.OFF:
        if built.tls_require:
            hint = 'write tls = "starttls" or "implicit"'
            table.fault(r.TLS_REQUIRE, 'cannot be with tls = "off"', hint)
        if table.has(r.TLS_CERT):
            table.warn(r.TLS_CERT, 'is not used: tls = "off"')
        return
    for key, path in ((r.TLS_CERT, built.tls_cert), (r.TLS_KEY, built.tls_key)):
        if path is None:
            table.fault(key, f'is missing: tls = "{built.tls}" needs it', f'add {key.leaf} = "..."')
