"""Building the mailboxes and Maildirs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from postroom.config import schema as s
from postroom.config.mail_values import is_loopback
from postroom.config.oauth import oauth, preset_of
from postroom.config.oauth_keys import PRESET
from postroom.config.reader import Table
from postroom.config.sections import documents
from postroom.config.settings import Action, After, Mailbox, MaildirFolder, Recipients, Tls, Zone
from postroom.config.toml import written

T = TypeVar("T")
IMAPS_PORT = 993
IMAP_PORT = 143


@dataclass(frozen=True, slots=True)
class RecipientKeys:
    """The five keys that both kinds of source have."""

    org: s.Key[str | None]
    trust: s.Key[tuple[str, ...]]
    hops: s.Key[int]
    zone: s.Key[Zone]
    to_cc: s.Key[bool]


MAILBOX_RECIPIENTS = RecipientKeys(
    s.MAILBOX_ORG, s.MAILBOX_TRUST, s.MAILBOX_TRUSTED_HOPS, s.MAILBOX_TRUSTED_ZONE, s.MAILBOX_TO_CC
)
MAILDIR_RECIPIENTS = RecipientKeys(
    s.MAILDIR_ORG, s.MAILDIR_TRUST, s.MAILDIR_TRUSTED_HOPS, s.MAILDIR_TRUSTED_ZONE, s.MAILDIR_TO_CC
)


def mailbox(table: Table, *, literal_domain: bool) -> Mailbox:
    """Return one mailbox; `literal_domain` is True where orgs.address names the domain, as to_cc needs."""
    tls = table.take(s.MAILBOX_TLS)
    folders = _folders(table)
    preset = preset_of(table)
    built = Mailbox(
        name=table.name,
        host=table.take(s.MAILBOX_HOST, preset.host if preset else None),
        port=table.take(s.MAILBOX_PORT, IMAPS_PORT if tls is Tls.IMPLICIT else IMAP_PORT),
        user=table.take(s.MAILBOX_USER),
        password=table.take_secret(s.MAILBOX_PASSWORD),
        tls=tls,
        tls_ca=table.take_file(s.MAILBOX_TLS_CA),
        tls_verify=table.take(s.MAILBOX_TLS_VERIFY),
        folders=folders,
        since_seconds=table.take(s.MAILBOX_SINCE),
        poll_seconds=table.take(s.MAILBOX_POLL),
        max_per_poll=table.take(s.MAILBOX_MAX_PER_POLL),
        after=_mailbox_after(table, folders),
        recipients=_recipients(table, MAILBOX_RECIPIENTS, literal_domain=literal_domain),
        documents=documents(table, s.MAILBOX_DOCUMENTS),
        idle=table.take(s.MAILBOX_IDLE),
        bytes_per_day=table.take(s.MAILBOX_BYTES_PER_DAY),
        oauth=oauth(table, preset),
    )
    _check_encryption(table, built)
    _check_login(table, built)
    return built


def maildir(table: Table, *, literal_domain: bool) -> MaildirFolder:
    """Return one Maildir."""
    return MaildirFolder(
        name=table.name,
        path=table.take_path(s.MAILDIR_PATH) or Path(),
        cur=table.take(s.MAILDIR_CUR),
        watch=table.take(s.MAILDIR_WATCH),
        poll_seconds=table.take(s.MAILDIR_POLL),
        max_per_poll=table.take(s.MAILDIR_MAX_PER_POLL),
        after=_maildir_after(table),
        recipients=_recipients(table, MAILDIR_RECIPIENTS, literal_domain=literal_domain),
        documents=documents(table, s.MAILDIR_DOCUMENTS),
    )


def inbox_folded(folder: str) -> str:
    """Return the folder's name as IMAP compares it: INBOX in any letter case is one (RFC 9051 5.1)."""
    return "INBOX" if folder.upper() == "INBOX" else folder


def _folders(table: Table) -> tuple[str, ...]:
    one = table.take(s.MAILBOX_FOLDER)
    many = table.take(s.MAILBOX_FOLDERS, [one] if one else None)
    if one and table.has(s.MAILBOX_FOLDERS):
        table.fault(s.MAILBOX_FOLDER, "stands beside folders", "keep one of the two")
    if not many:
        table.fault(s.MAILBOX_FOLDERS, "must name at least one folder")
    folded = [inbox_folded(folder) for folder in many]
    for folder in dict.fromkeys(each for each in folded if folded.count(each) > 1):
        table.fault(s.MAILBOX_FOLDERS, f"names {written(folder)} twice")
    return many


def _mailbox_after(table: Table, folders: tuple[str, ...]) -> After:
    after = table.take(s.MAILBOX_AFTER)
    polled = {inbox_folded(each) for each in folders}
    for folder in filter(None, dict.fromkeys((after.folder, after.failed))):
        if inbox_folded(folder) in polled:
            table.fault(s.MAILBOX_AFTER, f"moves mail to {written(folder)}, which is polled itself")
    return after


def _maildir_after(table: Table) -> After:
    after = table.take(s.MAILDIR_AFTER)
    if after.action is Action.MOVE and (after.folder[0] in "/~" or not after.folder.strip("/. ")):
        hint = 'write a name such as "Processed": it is made as the folder .Processed in it'
        table.fault(s.MAILDIR_AFTER, f"{written(after.folder)} is no folder of the Maildir", hint)
    return after


def _recipients(table: Table, keys: RecipientKeys, *, literal_domain: bool) -> Recipients:
    found = Recipients(
        org=table.take(keys.org),
        trust=table.take(keys.trust),
        trusted_hops=table.take(keys.hops),
        trusted_zone=table.take(keys.zone),
        to_cc=table.take(keys.to_cc),
    )
    if found.to_cc and not literal_domain:
        hint = 'write it like "orders+{org}@intake.example.com": To and Cc hold strangers\' addresses too'
        table.fault(keys.to_cc, "needs orgs.address with a domain of your own", hint)
    return found


def _check_login(table: Table, built: Mailbox) -> None:
    if built.oauth is not None and table.has(s.MAILBOX_PASSWORD):
        table.fault(s.MAILBOX_PASSWORD, "stands beside oauth", "keep one of the two")
    elif built.oauth is None and not table.has(s.MAILBOX_PASSWORD):
        table.warn(s.MAILBOX_PASSWORD, "is not set, so the login will be refused")
    elif built.oauth is None and table.take(PRESET) == "microsoft365":
        table.warn(PRESET, "Microsoft 365 takes no passwords over IMAP: add an oauth table")


def _check_encryption(table: Table, built: Mailbox) -> None:
    if not table.is_sound(s.MAILBOX_HOST, s.MAILBOX_TLS):
        return
    in_clear = built.tls is Tls.OFF and not is_loopback(built.host)
    if in_clear and (table.has(s.MAILBOX_PASSWORD) or built.oauth):
        hint = 'tls = "implicit" or "starttls"; "off" is for this machine only'
        what = "token" if built.oauth else "password"
        table.fault(s.MAILBOX_TLS, f"would send the {what} to {built.host} unencrypted", hint)
    elif in_clear:
        table.warn(s.MAILBOX_TLS, f"mail travels from {built.host} unencrypted")
    if built.tls is not Tls.OFF and not built.tls_verify:
        table.warn(
            s.MAILBOX_TLS_VERIFY, f"whoever sits between can pass for {built.host} and read the password"
        )
