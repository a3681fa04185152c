"""`postroom inspect`: one mail taken apart, without a database and without a trace."""

from __future__ import annotations

import click

from postroom.app.standards import rules_for
from postroom.cli.context import read_config
from postroom.cli.mail_file import mail_file
from postroom.cli.main import say
from postroom.cli.opened_mail import OpenedMail, open_mail
from postroom.cli.tables import json_line, shown
from postroom.cli.words import columns, disagree, size_words
from postroom.core.rules import DEFAULT_STANDARD, Standard
from postroom.db.values import LedgerPart
from postroom.errors import Exit, FileFault, NotAMessage, UsageFault

_LONGEST = 100  # characters of a subject or file name on one line


@click.command(short_help="Take a mail apart without a database, and say what is kept and why.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, one for each FILE.")
@click.option("--org", default="", metavar="SLUG", help="Judge by the rules of this org.")
@click.option("--source", default="", metavar="NAME", help="Judge by the rules of this mailbox or Maildir.")
@click.pass_context
def inspect(ctx: click.Context, files: tuple[str, ...], *, as_json: bool, org: str, source: str) -> int:
    """Take a mail apart without a database, and say what is kept and why.

    FILE is one message, "-" the standard input.  Limits and rules are the defaults, or those of the file that
    `postroom -c FILE` names.
    """
    standard = _standard(ctx, org, source)
    worst: Exit = Exit.OK
    for file in files:
        try:
            with mail_file(file) as raw:
                mail = open_mail(file, raw, standard)
        except (FileFault, NotAMessage) as error:
            say(error)
            worst = max(worst, error.exit)
            continue
        json_line(_facts(mail)) if as_json else click.echo(_picture(mail))
    return worst


def _standard(ctx: click.Context, org: str, source: str) -> Standard:
    if not ctx.find_root().obj:
        if org or source:
            raise UsageFault("--org and --source need a configuration", fix="postroom -c FILE inspect ...")
        return DEFAULT_STANDARD
    settings = read_config(ctx).settings
    if source and source not in {*settings.mailbox, *settings.maildir}:
        raise UsageFault(f"there is no source {source}", fix="name a [mailbox.NAME] or [maildir.NAME]")
    return Standard(settings.limits, rules_for(settings, org=org, source=source))


def _facts(mail: OpenedMail) -> dict[str, object]:
    return {
        "file": mail.file,
        "message_id": mail.message_id,
        "subject": mail.subject,
        "from": mail.from_address,
        "recipients": list(mail.recipients),
        "defects": list(mail.defects),
        "limits": list(mail.limits),
        "parts": [_part_facts(part) for part in mail.parts],
    }


def _part_facts(part: LedgerPart) -> dict[str, object]:
    return {
        "path": part.path,
        "content_type": part.content_type,
        "sniffed": part.sniffed,
        "filename": part.filename,
        "disposition": part.disposition,
        "size": part.size_bytes,
        "sha256": part.sha256,
        "kept": part.kept,
        "reason": part.reason,
        "decode_status": part.decode_status,
        "defects": list(part.defects),
    }


def _picture(mail: OpenedMail) -> str:
    """Return a mail for people: who and what, then the tree of its parts, then what is wrong with it."""
    head = [
        ("Subject", shown(mail.subject or "(none)", most=_LONGEST)),
        ("From", shown(mail.from_address or "(none)", most=_LONGEST)),
        ("For", shown(", ".join(mail.recipients), most=_LONGEST) or "(no envelope recipient in the header)"),
        ("Message-ID", shown(mail.message_id or "(none)", most=_LONGEST)),
        *(("Defect", shown(defect)) for defect in mail.defects),
        *(("Limit", f"{limit} was reached; what lies beyond is not shown") for limit in mail.limits),
    ]
    lines = columns((f"  {name}", words) for name, words in head)
    return "\n".join([shown(mail.file), *lines, *columns(_row(part) for part in mail.parts), ""])


def _row(part: LedgerPart) -> tuple[str, ...]:
    depth = part.path.removesuffix(".0").count(".") + (part.path != "0")
    verdict = "" if part.reason == "container" else f"{'kept' if part.kept else 'skipped'}: {part.reason}"
    return (
        f"  {'  ' * depth}{part.path}",
        _type_words(part),
        "" if part.reason == "container" else size_words(part.size_bytes),
        verdict,
        shown(part.filename or "", most=_LONGEST),
    )


def _type_words(part: LedgerPart) -> str:
    return shown(part.content_type, most=_LONGEST) + (
        f" (is {part.sniffed})" if disagree(part.content_type, part.sniffed) else ""
    )
