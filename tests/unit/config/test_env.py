from __future__ import annotations

from pathlib import Path

import pytest

from postroom.config.env import is_ours
from postroom.config.schema import ALL, keys
from tests.unit.config.desk import Desk

BOX = '[mailbox.acme-m365]\nhost = "imap.example"\nuser = "u"\npassword = "p"\n'


@pytest.mark.parametrize(
    ("variable", "text", "key", "shown"),
    [
        ("POSTROOM_STATE_DIR", "/x", "state_dir", '"/x"'),
        ("POSTROOM_LIMITS__MESSAGE", "1MB", "limits.message", '"1MB"'),
        ("POSTROOM_JOBS__WORKERS", "2", "jobs.workers", "2"),
        ("POSTROOM_MAILBOX__ACME_M365__PORT", "1993", "mailbox.acme-m365.port", "1993"),
        ("POSTROOM_Mailbox__acme-m365__Tls_Verify", "no", "mailbox.acme-m365.tls_verify", "false"),
        ("POSTROOM_MAILBOX__ACME_M365__FOLDERS", "A,B", "mailbox.acme-m365.folders", '["A", "B"]'),
        ("POSTROOM_MAILBOX__ACME_M365__TO_CC", "off", "mailbox.acme-m365.to_cc", "false"),
        ("POSTROOM_ORG__BETA_INC__NAME", "Beta Inc.", "org.beta-inc.name", '"Beta Inc."'),
        ("POSTROOM_MAILDIR__INTAKE__PATH", "/srv/x", "maildir.intake.path", '"/srv/x"'),
    ],
)
def test_a_variable_sets_a_key(desk: Desk, variable: str, text: str, key: str, shown: str) -> None:
    loaded = desk.load(BOX, {variable: text})

    assert (loaded.shown[key], loaded.origins[key]) == (shown, f"env {variable}")


def test_every_key_has_a_variable(desk: Desk) -> None:
    variables = {
        "POSTROOM_" + key.path.replace("*", "x").replace(".", "__").upper() + suffix: "/dev/null/none"
        for key in ALL
        for suffix in ("", "_FILE")
    }

    unknown = [fault for fault in desk.faults("", variables) if "sets no known key" in fault]

    assert unknown == []
    assert len(variables) == 2 * len(keys())


def test_a_whole_mailbox_can_come_from_variables(desk: Desk) -> None:
    environ = {
        "POSTROOM_MAILBOX__ORDERS__HOST": "imap.example",
        "POSTROOM_MAILBOX__ORDERS__USER": "u",
        "POSTROOM_MAILBOX__ORDERS__PASSWORD": "secret",
        "POSTROOM_MAILBOX__ORDERS__AFTER": '{ action = "move", folder = "Done" }',
    }

    box = desk.load("", environ, secrets=True).settings.mailbox["orders"]

    assert (box.host, box.user, box.after.folder) == ("imap.example", "u", "Done")
    assert box.password is not None
    assert box.password.reveal() == "secret"


def test_a_variable_wins_over_the_file(desk: Desk) -> None:
    loaded = desk.load("[jobs]\nworkers = 8\n", {"POSTROOM_JOBS__WORKERS": "1"})

    assert loaded.settings.jobs.workers == 1


def test_an_empty_variable_counts_as_not_set(desk: Desk) -> None:
    loaded = desk.load("[jobs]\nworkers = 8\n", {"POSTROOM_JOBS__WORKERS": ""})

    assert loaded.settings.jobs.workers == 8


def test_a_variable_may_name_a_file_that_holds_the_value(desk: Desk) -> None:
    desk.write("imap.other.example\n", "host.txt", mode=0o644)
    desk.write("pass word\n", "secret.txt", mode=0o600)
    environ = {
        "POSTROOM_MAILBOX__ACME_M365__HOST_FILE": "host.txt",
        "POSTROOM_MAILBOX__ACME_M365__PASSWORD_FILE": "secret.txt",
    }

    loaded = desk.load(BOX, environ, secrets=True)

    box = loaded.settings.mailbox["acme-m365"]
    assert box.host == "imap.other.example"
    assert box.password is not None
    assert box.password.reveal() == "pass word"
    assert loaded.shown["mailbox.acme-m365.password"] == '{ file = "secret.txt" }'


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        (
            {"POSTROOM_LIMITS__MESAGE": "1MB"},
            "env POSTROOM_LIMITS__MESAGE: sets no known key; did you mean POSTROOM_LIMITS__MESSAGE?",
        ),
        (
            {"POSTROOM_STATEDIR": ""},
            "env POSTROOM_STATEDIR: sets no known key; did you mean POSTROOM_STATE_DIR?",
        ),
        (
            {"POSTROOM_MAILBOX__ACME_M365__PASWORD": "hunter2"},
            "env POSTROOM_MAILBOX__ACME_M365__PASWORD: sets no known key; "
            "did you mean POSTROOM_MAILBOX__ACME_M365__PASSWORD?",
        ),
        (
            {"POSTROOM_MAILBOX__PASSWORD": "hunter2"},
            "env POSTROOM_MAILBOX__PASSWORD: sets no known key; "
            "did you mean POSTROOM_MAILBOX__NAME__PASSWORD?",
        ),
        (
            {"POSTROOM_WEB__LISTEN": "x"},
            "env POSTROOM_WEB__LISTEN: sets no known key; not in this release",
        ),
        (
            {"POSTROOM_JOBS__WORKERS": "many"},
            "env POSTROOM_JOBS__WORKERS: jobs.workers: must be a whole number from 1 to 256, not text",
        ),
        (
            {"POSTROOM_JOBS__WORKERS": "1", "POSTROOM_JOBS__WORKERS_FILE": "x"},
            "env POSTROOM_JOBS__WORKERS_FILE: POSTROOM_JOBS__WORKERS sets the same key; keep one of them",
        ),
        (
            {"POSTROOM_LOG__LEVEL_FILE": "gone.txt"},
            "env POSTROOM_LOG__LEVEL_FILE: the file it names cannot be read: No such file or directory",
        ),
        (
            {"POSTROOM_MAILDIR__X__CUR": "on"},
            "env POSTROOM_MAILDIR__X__CUR: maildir.x.path: is missing; "
            'add path = "...": the folder that holds new, cur and tmp',
        ),
        ({"POSTROOM_STATE_DIR": "/\udcff"}, "env POSTROOM_STATE_DIR: its value is not UTF-8"),
    ],
)
def test_a_wrong_variable_is_a_fault(desk: Desk, environ: dict[str, str], fault: str) -> None:
    assert desk.faults(BOX, environ) == [fault]


@pytest.mark.parametrize(
    ("variable", "ours"),
    [
        ("POSTROOM_CONFIG", False),
        ("POSTROOM_CORPUS", False),
        ("POSTROOM_FAILPOINT", False),
        ("POSTROOM_PROFILE", False),
        ("POSTROOM_PORT", False),
        ("POSTROOM_SERVICE_HOST", False),
        ("POSTROOM_PORT_8025_TCP_ADDR", False),
        ("POSTROOM_WEB_SERVICE_PORT_HTTP", False),
        ("postroom_state_dir", False),
        ("MAILBOX__ORDERS__PORT", False),
        ("POSTROOM_MAILBOX__ORDERS__PORT", True),
        ("POSTROOM_ANYTHING", True),
    ],
)
def test_only_variables_that_are_meant_for_the_configuration_are_judged(variable: str, ours: bool) -> None:
    assert is_ours(variable) is ours


def test_a_relative_path_in_a_variable_starts_at_the_working_folder(desk: Desk, tmp_path: Path) -> None:
    loaded = desk.load("", {"POSTROOM_STATE_DIR": "state"})

    assert loaded.settings.state_dir == tmp_path / "desk" / "state"
