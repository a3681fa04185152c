"""Which command lives where: names and one-line helps, so that `postroom --help` imports none of them."""

from __future__ import annotations

from typing import Final, NamedTuple


class Entry(NamedTuple):
    """Where a command's click object is, and the line that `--help` shows for it."""

    module: str
    attribute: str
    help: str


def _entry(module: str, attribute: str, line: str) -> Entry:
    return Entry(f"postroom.cli.{module}", attribute, line)


COMMANDS: Final[dict[str, Entry]] = {
    "demo": _entry("demo", "demo", "Run a whole postroom in a temporary folder and show what it does."),
    "init": _entry("init", "init", "Ask three questions and write a commented postroom.toml."),
    "check": _entry("check", "check", "List every fault of the configuration; --connect tries each source."),
    "config": _entry("check", "config", "Show the effective configuration and where each value comes from."),
    "run": _entry("run", "run", "Run the service: poll, extract, announce, until SIGTERM."),
    "worker": _entry("worker", "worker", "Work for the other hosts: take their jobs, until SIGTERM."),
    "relay": _entry("relay", "relay", "Take mail by SMTP or LMTP into a Maildir, until SIGTERM."),
    "fetch": _entry("fetch", "fetch", "Do one bounded round of everything due and exit, for cron."),
    "deliver": _entry(
        "deliver", "deliver", "Write a mail from standard input into a Maildir, for an MTA's pipe."
    ),
    "ingest": _entry("ingest", "ingest", "Take mails from files: .eml, mbox or Maildir."),
    "inspect": _entry(
        "inspect", "inspect", "Take a mail apart without a database, and say what is kept and why."
    ),
    "org": _entry("orgs", "org", "Add, list, show and suspend orgs, give them aliases, export them."),
    "status": _entry("status", "status", "Show sources, queue, quarantine, storage and database."),
    "healthcheck": _entry(
        "healthcheck", "healthcheck", "Say whether the running service is healthy, for containers."
    ),
    "messages": _entry("messages", "messages", "List the messages that arrived."),
    "documents": _entry("documents", "documents", "List the documents, or write one out."),
    "explain": _entry("explain", "explain", "Tell the whole story of one mail."),
    "replay": _entry("replay", "replay", "Take messages apart once more, out of the archive."),
    "audit": _entry(
        "audit", "audit", "Count what sources, rows, archive and documents hold against each other."
    ),
    "quarantine": _entry("quarantine", "quarantine", "List, assign and drop mails that no org got."),
    "oauth": _entry("oauth", "oauth", "Log in for a mailbox that is opened by OAuth 2.0."),
    "db": _entry("schema", "db", "Bring the database to the newest schema."),
    "setup": _entry("setup", "setup", "Tell Postfix to hand mail to postroom."),
    "completion": _entry("completion", "completion", "Print the shell completion script."),
    "failpoints": _entry("failpoints", "failpoints", "List where a test can let a run die or fail."),
    "help": _entry("helping", "helping", "Explain an error code."),
}
