"""What the database does to postroom."""

from __future__ import annotations

from postroom.errors.base import Exit, OperatorError, PermanentError, TransientError


class DatabaseUnavailable(TransientError):
    """The database cannot be reached, is locked, or its disk is full.

    Look at the disk and at `db.url`. Nothing is lost: every mail stays in its mailbox until it is back.
    """

    code = "E-DB"


class DatabaseLoginRefused(DatabaseUnavailable):
    """The database server refuses the login.

    Check the user, host and database in `db.url`, the secret in `db.password`, and the server's pg_hba.conf.
    Nothing is lost: every mail stays in its mailbox until the login works.
    """

    code = "E-DB-AUTH"
    exit = Exit.AUTH


class DatabaseRightsMissing(DatabaseUnavailable):
    """The database role lacks a right that postroom needs.

    `postroom db grants ROLE` prints what a role needs that does not own the tables; let their owner run it.
    Nothing is lost: every mail stays in its mailbox.
    """

    code = "E-DB-RIGHTS"
    exit = Exit.CONFIG


class RowRefused(PermanentError):
    """The database does not take a value that a mail brought along.

    This is a fault of postroom, which cleans what a mail says before it writes it: please report it.
    """

    code = "E-DB-VALUE"
    exit = Exit.BUG


class DatabaseRoleUnfit(OperatorError):
    """The database role is a superuser or bypasses row level security, so nothing would fence the orgs.

    Give postroom a role of its own: CREATE ROLE postroom LOGIN NOSUPERUSER NOBYPASSRLS, and let it own the
    database.
    """

    code = "E-DB-ROLE"


class DatabaseUnfenced(OperatorError):
    """A table of the orgs has no row level security, so nothing would fence the orgs.

    Somebody switched it off. `postroom db upgrade`, run by the owner of the tables, puts it back.
    """

    code = "E-DB-FENCE"


class DatabaseCorrupt(OperatorError):
    """The SQLite file is damaged or is no database.

    Stop postroom, move the file away with those beside it that end with -wal and -shm, and restore a backup.
    The archive still holds every mail: what the backup does not know is taken again from it with
    `postroom ingest`.
    """

    code = "E-DB-CORRUPT"
    exit = Exit.IO


class SchemaMismatch(OperatorError):
    """The database has another schema revision than this postroom.

    Run `postroom db upgrade`, or, where the database is newer, install the newer postroom.
    """

    code = "E-DB-SCHEMA"


class LeaseLost(TransientError):
    """Another postroom took over this piece of work, so what this one did was thrown away.

    Nothing to do: the other one finishes the work.
    """

    code = "E-LEASE-LOST"
