"""What Postfix must be told so that it hands mail to postroom: the lines of one recipe as a shell script."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from postroom.config.relay import TRACE_BYTES
from postroom.config.settings import MaildirFolder, Relay, Settings
from postroom.core.routing import address_pattern
from postroom.errors import ConfigFault, FileFault, UsageFault

_SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Recipe(StrEnum):
    """Who writes the mail that Postfix took into the Maildir."""

    MAILDIR = "maildir"
    LMTP = "lmtp"
    PIPE = "pipe"


@dataclass(frozen=True, slots=True)
class Home:
    """A Maildir, and whose it is: Postfix must write it as that user."""

    path: Path
    user: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Handover:
    """What is wanted: mail for `domain`, by this recipe.

    `home` is what is filled, None where the relay does it; `lmtp` is where the relay listens.
    """

    recipe: Recipe
    domain: str
    home: Home | None
    lmtp: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What is there: how postroom and its file are named in a command, whose its files are, and the Postfix.

    `present` is what main.cf sets now, by name.
    """

    program: tuple[str, ...]
    config: tuple[str, ...]
    user: str
    postfix_folder: Path
    map_type: str
    present: Mapping[str, str]

    @property
    def recipients(self) -> str:
        """Return the file of the recipient map."""
        return str(self.postfix_folder / "postroom-recipients")


def home_of(folder: MaildirFolder | None) -> Home:
    """Return the Maildir with its owner.  Raises UsageFault where none is named, FileFault."""
    if folder is None:
        raise UsageFault("--maildir is needed: which [maildir.NAME] shall Postfix fill?")
    path = folder.path
    try:
        owner = pwd.getpwuid(path.stat().st_uid)
    except (OSError, KeyError) as error:
        raise FileFault(
            f"cannot tell whose {path} is: {error}", fix="make it as the user that postroom runs as"
        ) from error
    if owner.pw_uid == 0:
        raise FileFault(
            f"{path} belongs to root, and Postfix delivers nothing as root",
            fix=f"give it to the user that postroom runs as: chown -R postroom: {path}",
        )
    return Home(path, owner.pw_name, owner.pw_uid, owner.pw_gid)


def look_around(settings: Settings, program: tuple[str, ...], config: tuple[str, ...]) -> Machine:
    """Return what this machine has; without a Postfix, what Debian's would have."""
    return Machine(
        program=program,
        config=config,
        user=_owner(settings.state_dir),
        postfix_folder=Path(_postconf("-h", "config_directory") or "/etc/postfix"),
        map_type=_postconf("-h", "default_database_type") or "hash",
        present=dict(_split(line) for line in _postconf("-n").splitlines()),
    )


def lmtp_place(relay: Relay | None) -> str:
    """Return where the relay listens, as Postfix writes it.  Raises ConfigFault where it speaks no LMTP."""
    if relay is None:
        return "inet:127.0.0.1:2525"
    if relay.protocol != "lmtp":
        raise ConfigFault(
            "the relay speaks SMTP", fix='[relay] protocol = "lmtp", or name another with --lmtp'
        )
    first = relay.listen[0]
    if isinstance(first, Path):
        return f"unix:{first}"
    host, port = first
    return f"inet:[{host}]:{port}" if ":" in host else f"inet:{host}:{port}"


def main_cf(handover: Handover, settings: Settings, machine: Machine) -> dict[str, str]:
    """Return the parameters of main.cf."""
    most_bytes = max(1, settings.limits.message_bytes - TRACE_BYTES)
    if handover.recipe is Recipe.LMTP and settings.relay is not None:
        most_bytes = settings.relay.max_message_bytes
    wanted = {
        "virtual_mailbox_domains": handover.domain,
        "virtual_mailbox_maps": f"{machine.map_type}:{machine.recipients}",
        "message_size_limit": str(most_bytes),
        "mailbox_size_limit": "0",  # local(8) stops working where it is less than message_size_limit
        "enable_original_recipient": "yes",
    }
    if handover.recipe is Recipe.LMTP:
        return wanted | {"virtual_transport": f"lmtp:{handover.lmtp}"}
    if handover.recipe is Recipe.PIPE:
        return wanted | {"virtual_transport": "postroom", "postroom_destination_recipient_limit": "1"}
    if handover.home is None:
        return wanted
    return wanted | {
        "virtual_mailbox_base": str(handover.home.path.parent),
        "virtual_mailbox_limit": "0",
        "virtual_uid_maps": f"static:{handover.home.uid}",
        "virtual_gid_maps": f"static:{handover.home.gid}",
    }


def script(handover: Handover, machine: Machine, wanted: Mapping[str, str]) -> str:
    """Return the shell script that tells Postfix so; root runs it, as often as wanted."""
    value = "OK"
    if handover.recipe is Recipe.MAILDIR and handover.home is not None:
        value = f"{handover.home.path.name}/"  # the slash at the end makes it a Maildir
    export = [*machine.program, *machine.config, "org", "export", "--postfix", "--value", value]
    if machine.user != "root":
        export = ["runuser", "-u", machine.user, "--", *export]
    recipients = shlex.quote(machine.recipients)
    parameters = " \\\n    ".join(shlex.quote(f"{name} = {text}") for name, text in wanted.items())
    return "\n".join(
        [
            f"# Mail for the orgs of {handover.domain}.  After a new org, the first three commands again.",
            "set -e",
            f"{shlex.join(export)} > {recipients}.new",
            f"mv {recipients}.new {recipients}",
            f"postmap {machine.map_type}:{recipients}",
            f"postconf -e \\\n    {parameters}",
            *(shlex.join(call) for call in _master_cf(handover, machine)),
            "postfix check",
            "if postfix status 2>/dev/null; then postfix reload; fi",
            "",
        ]
    )


def _master_cf(handover: Handover, machine: Machine) -> list[list[str]]:
    """Return the calls of postconf that change master.cf: none but for the pipe."""
    if handover.recipe is not Recipe.PIPE or handover.home is None:
        return []
    words = [*machine.program, "deliver", "--maildir", str(handover.home.path), "--sender", "${sender}"]
    if any(" " in word for word in words):
        raise UsageFault(f"Postfix's pipe parts words at blanks, and there is one in {' or '.join(words)}")
    argv = " ".join([*words, "--recipient", "${recipient}"])
    service = f"postroom unix - n n - 4 pipe user={handover.home.user} null_sender= argv={argv}"
    # pipe(8) sends the mail back when the program is not there, as in the middle of an upgrade; not so then.
    return [
        ["postconf", "-M", f"postroom/unix={service}"],
        ["postconf", "-P", "postroom/unix/soft_bounce=yes"],
    ]


def apply(text: str) -> None:
    """Run the script, whose commands speak for themselves.  Raises FileFault when one of them fails."""
    environment = os.environ | {"PATH": _SEARCHED}
    done = subprocess.run(["/bin/sh", "-c", text], env=environment, check=False)  # noqa: S603  (script's own)
    if done.returncode:
        raise FileFault("Postfix was not told everything: see above", fix="it may be run again")


def require_nothing_lost(wanted: Mapping[str, str], machine: Machine) -> None:
    """Return if no line of main.cf would get another value.  Raises UsageFault, which names them."""
    lost = [f"{name} = {machine.present[name]}" for name in wanted if _differs(name, wanted, machine.present)]
    if lost:
        raise UsageFault(
            "main.cf sets already, and otherwise:\n" + "\n".join(lost),
            fix="--dry-run prints the lines; bring them together by hand",
        )


def require_address(domain: str, settings: Settings) -> None:
    """Return if every org has one address in `domain`.  Raises ConfigFault."""
    pattern = address_pattern(settings.orgs.address)
    if "*" in pattern.template or pattern.domain != domain.lower():
        raise ConfigFault(
            f'orgs.address = "{pattern.template}" names no addresses in {domain}',
            fix=f'[orgs] address = "orders+{{org}}@{domain}"',
        )


def _differs(name: str, wanted: Mapping[str, str], present: Mapping[str, str]) -> bool:
    return name in present and present[name] != wanted[name]


def _owner(folder: Path) -> str:
    try:
        return folder.owner()
    except (OSError, KeyError):  # not there yet: the user that the how-to pages make
        return "postroom"


def _postconf(*arguments: str) -> str:
    program = shutil.which("postconf", path=_SEARCHED)
    if program is None:
        return ""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)  # noqa: S603  (Postfix's own)
    return done.stdout.strip()


def _split(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name.strip(), value.strip()
