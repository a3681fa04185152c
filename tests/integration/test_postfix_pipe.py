"""Postfix runs `postroom deliver`: what goes wrong on our side defers a mail and never sends it back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.command import postroom
from tests.integration.intake import Intake
from tests.integration.test_first_mail import mail
from tests.servers.fixtures import reachable_python, running_postfix
from tests.servers.postfix import USER, Postfix, give

pytestmark = [pytest.mark.postfix, pytest.mark.timeout(180)]  # each starts some ten processes


def reachable_postroom(folder: Path) -> Path:
    """Return a postroom that every user may run, wherever this checkout lies, with what a delivery needs."""
    site = folder / "site"
    for package in ("postroom", "click", "pybase64"):
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        shutil.copytree(Path(spec.origin).parent, site / package)
    program = folder / "postroom"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {reachable_python(USER)} -m postroom "$@"\n')
    program.chmod(0o755)
    return program


@pytest.fixture(scope="module")
def program(postfix_root: Path) -> Path:
    return reachable_postroom(postfix_root)


@pytest.fixture(scope="module")
def postfix(postfix_root: Path, program: Path) -> Iterator[Postfix]:
    """A Postfix set up with the printed script, in which the program is one that its user can reach."""
    intake = Intake(postfix_root / "setup", postfix_root / "mail" / "orders")
    with running_postfix(postfix_root) as server:
        setup = ("setup", "postfix", "--domain", "in.test", "--by", "pipe", "--dry-run")
        script = intake.postroom(server, *setup).out
        ours = f"{sys.executable} -m postroom deliver"
        assert script.count(ours) == 1
        script = script.replace(ours, f"{program} deliver")
        subprocess.run(["sh", "-c", script], env=server.environment, check=True, capture_output=True)
        yield server


@pytest.fixture
def intake(postfix: Postfix, tmp_path: Path) -> Iterator[Intake]:
    intake = Intake(tmp_path / "intake", postfix.root / "mail" / "orders")
    yield intake
    intake.clear()


def wait_for_deferral(postfix: Postfix, number: str) -> str:
    """Return why the mail with this Message-ID waits in the queue; it was not sent back."""
    queue_id = postfix.wait_for(rf"cleanup\[\d+\]: (\w+): message-id=<{number}@customer.test>")[0]
    lines = postfix.wait_for(rf"{queue_id}: to=.* status=(?:deferred|bounced|sent).*")
    assert "status=deferred" in lines[0], lines
    return str(lines[0])


def test_a_mail_for_two_orgs_is_piped_twice_and_each_org_gets_its_documents(
    intake: Intake, postfix: Postfix
) -> None:
    forged = b"X-Original-To: orders+beta@in.test\r\n"

    postfix.send(forged + mail("acme", "one"), "orders+acme@in.test", "orders+beta@in.test", sender="")
    intake.wait_for(2)
    facts = postroom(intake.config, "fetch", "--once", "--json").objects()[0]

    assert (facts["taken"], facts["quarantined"], facts["documents"]) == (2, 0, 2)
    assert sorted(row["org"] for row in postroom(intake.config, "messages", "--json").objects()) == [
        "acme",
        "beta",
    ]


def test_the_envelope_comes_through_the_pipe(intake: Intake, postfix: Postfix) -> None:
    postfix.send(mail("acme", "one"), "orders+acme@in.test", sender="buyer@customer.test")
    intake.wait_for(1)
    intake.clear()
    postfix.send(mail("acme", "two"), "orders+acme@in.test", sender="")
    intake.wait_for(1)

    assert intake.mails()[0].startswith(b"Return-Path: <>\nX-Original-To: orders+acme@in.test\n")


@pytest.mark.usefixtures("own_places")
def test_a_mail_is_taken_while_the_database_is_down(intake: Intake, postfix: Postfix) -> None:
    database = intake.config.parent / "state" / "postroom.db"
    database.write_bytes(b"damaged" * 1000)
    assert postroom(intake.config, "fetch", "--once", answer=None).code != 0

    postfix.send(mail("acme", "one"), "orders+acme@in.test")
    intake.wait_for(1)
    database.unlink()
    facts = postroom(intake.config, "fetch", "--once", "--json").objects()[0]

    assert facts["taken"] == 1


def test_a_mail_waits_in_the_queue_while_the_maildir_is_away(intake: Intake, postfix: Postfix) -> None:
    away = intake.maildir.with_name("away")
    intake.maildir.rename(away)

    postfix.send(mail("acme", "maildir-away"), "orders+acme@in.test")
    why = wait_for_deferral(postfix, "maildir-away")
    away.rename(intake.maildir)
    postfix.command("postqueue", "-f")

    assert "[E-MAILDIR]" in why
    intake.wait_for(1)


def test_a_mail_waits_in_the_queue_while_the_configuration_is_broken(
    intake: Intake, postfix: Postfix, program: Path
) -> None:
    config = postfix.root / "broken.toml"
    config.write_text("[maildir.intake")
    give(USER, config)
    pipe = f"user={USER} argv={program} -c {config} deliver --recipient ${{recipient}}"
    postfix.command("postconf", "-M", f"configured/unix=configured unix - n n - 4 pipe {pipe}")
    postfix.set("virtual_transport = configured", "configured_destination_recipient_limit = 1")

    postfix.send(mail("acme", "config-broken"), "orders+acme@in.test")
    why = wait_for_deferral(postfix, "config-broken")
    config.write_text(f'[maildir.intake]\npath = "{intake.maildir}"\n')
    postfix.command("postqueue", "-f")

    assert "[E-CONFIG]" in why
    intake.wait_for(1)
    postfix.set("virtual_transport = postroom")


@pytest.mark.usefixtures("own_places")
def test_where_unknown_orgs_are_refused_a_mail_waits_until_the_database_can_say_who_is_known(
    intake: Intake, postfix: Postfix, program: Path
) -> None:
    database = intake.config.parent / "state" / "postroom.db"
    database.write_bytes(b"damaged" * 1000)
    known = postfix.root / "recipients"
    export = (intake.config, "org", "export", "--postfix", "-o", str(known))
    pipe = (
        f"user={USER} argv={program} deliver --maildir {intake.maildir} --recipients {known}"
        " --recipient ${recipient}"
    )
    postfix.command("postconf", "-M", f"checked/unix=checked unix - n n - 4 pipe {pipe}")
    postfix.set("virtual_transport = checked", "checked_destination_recipient_limit = 1")

    exported = postroom(*export, answer=None)
    postfix.send(mail("acme", "nobody-knows"), "orders+acme@in.test")
    why = wait_for_deferral(postfix, "nobody-knows")
    database.unlink()
    postroom(*export)
    known.chmod(0o644)
    postfix.command("postqueue", "-f")

    assert exported.code != 0
    assert "[E-IO]" in why
    intake.wait_for(1)
    postfix.set("virtual_transport = postroom")


def test_a_mail_waits_in_the_queue_while_the_program_is_not_there(
    intake: Intake, postfix: Postfix, program: Path
) -> None:
    away = program.with_name("away")
    program.rename(away)

    postfix.send(mail("acme", "program-away"), "orders+acme@in.test")
    why = wait_for_deferral(postfix, "program-away")
    away.rename(program)
    postfix.command("postqueue", "-f")

    assert "No such file" in why
    intake.wait_for(1)


def test_the_mailbox_command_of_a_local_user_delivers(
    intake: Intake, postfix: Postfix, program: Path
) -> None:
    command = f'{program} deliver --maildir {intake.maildir} --sender "$SENDER" --recipient "$RECIPIENT"'
    postfix.set(
        f"mailbox_command = {command}",
        "mydestination = local.test",
        "recipient_delimiter = +",
        "local_recipient_maps =",
    )

    postfix.send(mail("acme", "local"), f"{USER}+acme@local.test")
    intake.wait_for(1)

    head = intake.mails()[0].splitlines()[:3]
    assert head == [
        b"Return-Path: <buyer@customer.test>",
        b"X-Original-To: mail+acme@local.test",
        b"Delivered-To: mail+acme@local.test",
    ]
