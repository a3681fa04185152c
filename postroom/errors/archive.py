"""What the archive does to postroom: it is away, or an object is not what it was."""

from __future__ import annotations

from postroom.errors.base import Exit, PermanentError, TransientError


class StoreUnavailable(TransientError):
    """The archive cannot be written or read just now.

    Look at the disk (full? read-only? not mounted?) and at the rights of the folder that `storage.url` names;
    or at the S3 service, whose own words the message holds. Nothing is lost: every mail stays in its mailbox
    until the archive is back.
    """

    code = "E-STORE"
    exit = Exit.IO


class StoreUnreachable(StoreUnavailable):
    """The S3 service does not answer: its name, its port or its TLS certificate.

    `postroom check --connect` shows which step fails. Check `endpoint` in `storage.url`, the resolver, the
    firewall, and `ca` where the certificate comes from an own CA. Every mail stays in its mailbox meanwhile.
    """

    code = "E-STORE-NET"
    exit = Exit.UNAVAILABLE


class StoreLoginRefused(StoreUnavailable):
    """The S3 service refused the access key or its secret, or none was found.

    Set `storage.access_key` and `storage.secret_key`, or what boto3 looks for: the environment, `~/.aws`, a
    role. A key that is good for a while only needs `storage.session_token`, and runs out. The clock of this
    machine must be right within 15 minutes. Every mail stays in its mailbox meanwhile.
    """

    code = "E-STORE-AUTH"
    exit = Exit.AUTH


class StoreAccessRefused(StoreUnavailable):
    """The S3 service knows the access key, but lets it not do this.

    It needs s3:GetObject and s3:PutObject on the prefix, s3:ListBucket on the bucket, and s3:DeleteObject
    below `_probe/`: docs/how-to/s3.md has the whole policy. Every mail stays in its mailbox meanwhile.
    """

    code = "E-STORE-ACCESS"
    exit = Exit.AUTH


class BucketUnusable(StoreUnavailable):
    """The S3 service has no such bucket, or has it in another region.

    postroom makes no bucket: make it, or correct `storage.url`, its `region` and its `endpoint`. Every mail
    stays in its mailbox meanwhile.
    """

    code = "E-STORE-BUCKET"
    exit = Exit.CONFIG


class ObjectMissing(PermanentError):
    """The archive lacks a mail or document that the database knows.

    Restore it from a backup under the same key, or let `postroom audit --repair` fetch it from its source. A
    message that is not FAILED is then tried again by itself, and `postroom replay` tries a FAILED one.
    """

    code = "E-OBJECT-MISSING"
    exit = Exit.IO


class ObjectCorrupt(PermanentError):
    """A mail or document in the archive is not the one that was put there: its SHA-256 differs.

    The disk or somebody changed it. Restore it from a backup under the same key. A message that is not FAILED
    is then tried again by itself. A FAILED one stays as it is in this release: a command that replays it
    comes later, and `postroom ingest` of the same mail only counts a duplicate.
    """

    code = "E-OBJECT-CORRUPT"
    exit = Exit.IO
