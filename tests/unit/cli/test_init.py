"""`postroom init`: three questions become a configuration that works, or nothing is written."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.words import Answer, Terminal

GIVEN = ["--user", "orders@acme.example", "--host", "imap.acme.example", "--password-env", "PW", "--yes"]


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


def written(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def typed(terminal: Terminal, *lines: str, options: tuple[str, ...] = ("--no-test",)) -> Answer:
    return terminal.spawn("init", *options, stdin="".join(f"{line}\n" for line in lines).encode())


# --- options ---------------------------------------------------------------------------------------


def test_options_alone_write_a_file_that_check_accepts(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "very secret")

    answer = terminal.call("init", *GIVEN, "--org", "acme", "--no-test")

    path = terminal.folder / "postroom.toml"
    assert answer.code == 0
    assert "Nothing was changed in the mailbox." in answer.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert written(path) == {
        "orgs": {},
        "org": {"acme": {}},
        "mailbox": {
            "inbox": {
                "host": "imap.acme.example",
                "user": "orders@acme.example",
                "password": {"env": "PW"},
                "org": "acme",
                "since": "7d",
                "after": "seen",
            }
        },
    }
    assert terminal.call("check").code == 0


def test_every_answer_can_be_an_option(terminal: Terminal) -> None:
    terminal.write("very secret", name="pw")
    options = [
        "--user", "u", "--host", "h", "--port", "1143", "--tls", "starttls", "--tls-ca", "ca.pem",
        "--password-file", "pw", "--address", "in+{org}@x.example", "--since", "all",
        "--after", "move:Done", "--name", "orders", "--yes", "--no-test",
    ]  # fmt: skip

    answer = terminal.call("init", *options, "-o", "other.toml")

    found = written(terminal.folder / "other.toml")
    assert answer.code == 0
    assert found["orgs"] == {"address": "in+{org}@x.example"}
    assert found["mailbox"]["orders"] == {
        "host": "h",
        "user": "u",
        "password": {"file": str(terminal.folder / "pw")},
        "since": "all",
        "after": {"action": "move", "folder": "Done"},
        "port": 1143,
        "tls": "starttls",
        "tls_ca": str(terminal.folder / "ca.pem"),
    }
    assert f"postroom -c {terminal.folder}/other.toml run" in answer.out


def test_without_an_org_the_plus_tag_of_the_user_names_it(terminal: Terminal) -> None:
    answer = terminal.call("init", *GIVEN, "--no-test", "--dir", "etc/postroom")

    found = written(terminal.folder / "etc" / "postroom" / "postroom.toml")
    assert found["orgs"] == {"address": "orders+{org}@acme.example"}
    assert "org add SLUG" in answer.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--user", ""], "--user: must be a user name, but is empty", id="user"),
        pytest.param(["--host", "a:993"], '--host: "a:993" holds a port', id="host"),
        pytest.param(["--org", "Acme GmbH"], '--org: "Acme GmbH" is no slug', id="org"),
        pytest.param(["--address", "x@y"], '--address: "x@y" needs {org} exactly once', id="address"),
        pytest.param(["--since", "long"], '--since: "long" is no duration', id="since"),
        pytest.param(["--after", "burn"], '--after: "burn" is not known', id="after"),
        pytest.param(["--after", "move"], "--after: move needs a folder", id="move without a folder"),
        pytest.param(["--password-file", "x"], "--password-file and --password-env exclude", id="passwords"),
        pytest.param(["--org", "a", "--address", "{org}@x"], "--org and --address exclude", id="orgs"),
        pytest.param(["-o", "x", "--dir", "y"], "--dir and -o exclude each other", id="targets"),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_fault(
    terminal: Terminal, options: list[str], words: str
) -> None:
    answer = terminal.call("init", *GIVEN, *options, "--no-test")

    assert answer.code == 64
    assert f"postroom: {words}" in answer.err
    assert list(terminal.folder.iterdir()) == []


@pytest.mark.parametrize("missing", ["--user", "--host", "--password-env"])
def test_with_yes_nothing_is_asked_and_what_is_missing_is_named(terminal: Terminal, missing: str) -> None:
    place = GIVEN.index(missing)

    answer = terminal.call("init", *GIVEN[:place], *GIVEN[place + 2 :], "--no-test")

    assert answer.code == 64
    assert f"{missing} is missing" in answer.err


def test_a_secret_that_cannot_be_had_is_said_before_anything_is_written(terminal: Terminal) -> None:
    answer = terminal.call("init", *GIVEN)

    assert answer.code == 78
    assert "that variable is not set" in answer.err
    assert list(terminal.folder.iterdir()) == []


# --- the test of the mailbox -----------------------------------------------------------------------


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("PW", "very secret")
    return ["--user", "u", "--host", "127.0.0.1", "--port", "9", "--password-env", "PW"]


def test_a_mailbox_that_does_not_answer_is_not_written_down_by_a_script(
    terminal: Terminal, unreachable: list[str]
) -> None:
    answer = terminal.call("init", *unreachable, "--yes")

    assert answer.code == 69
    assert " FAIL TCP      cannot connect to 127.0.0.1:9" in answer.out
    assert answer.err.startswith("Nothing was written.")
    assert list(terminal.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("reply", "code", "there"),
    [("w", 0, True), ("s", 69, False), ("", 69, False), ("r\ns", 69, False)],
    ids=["written all the same", "not written", "not written unasked", "tried again"],
)
def test_a_person_may_write_it_all_the_same(
    terminal: Terminal, unreachable: list[str], reply: str, code: int, there: bool
) -> None:
    answer = typed(terminal, "acme", "", "", reply, options=tuple(unreachable))

    assert answer.code == code
    assert (terminal.folder / "postroom.toml").exists() is there


# --- questions -------------------------------------------------------------------------------------


def test_a_person_answers_three_questions(terminal: Terminal) -> None:
    answer = typed(terminal, "orders@acme.example", "imap.acme.example", "pass word", "acme", "keep", "30d")

    assert answer.code == 0
    assert [line[:2] for line in answer.out.splitlines() if line[:1].isdigit()] == ["1.", "2.", "3."]
    assert written(terminal.folder / "postroom.toml")["mailbox"]["inbox"] == {
        "host": "imap.acme.example",
        "user": "orders@acme.example",
        "password": "pass word",
        "org": "acme",
        "since": "30d",
        "after": "keep",
    }


def test_a_question_is_asked_until_its_answer_can_be_read(terminal: Terminal) -> None:
    answer = typed(
        terminal, "u", "h:993", "h", "env:PW", "No Slug", "o+{org}@x.example", "burn", "flag:$Done", ""
    )

    found = written(terminal.folder / "postroom.toml")
    assert answer.code == 0
    assert 'Error: "h:993" holds a port; write host = "h" and port = 993' in answer.out
    assert found["orgs"] == {"address": "o+{org}@x.example"}
    assert found["mailbox"]["inbox"]["password"] == {"env": "PW"}
    assert found["mailbox"]["inbox"]["after"] == {"action": "flag", "flag": "$Done"}


def test_an_end_of_input_writes_nothing(terminal: Terminal) -> None:
    answer = typed(terminal, "orders@acme.example")

    assert answer.code == 130
    assert list(terminal.folder.iterdir()) == []


# --- what is there already -------------------------------------------------------------------------


def test_a_script_never_overwrites(terminal: Terminal) -> None:
    path = terminal.write("# mine\n")

    answer = terminal.call("init", *GIVEN, "--org", "acme", "--no-test")

    assert answer.code == 64
    assert "is there already" in answer.err
    assert path.read_text(encoding="utf-8") == "# mine\n"


@pytest.mark.parametrize(
    ("reply", "kept"), [("n", True), ("", True), ("y", False)], ids=["no", "just Enter", "yes"]
)
def test_a_person_is_asked_before_a_file_is_overwritten(terminal: Terminal, reply: str, kept: bool) -> None:
    path = terminal.write("# mine\n", mode=0o644)

    typed(terminal, reply, "u", "h", "pw", "acme", "", "")

    assert (path.read_text(encoding="utf-8") == "# mine\n") is kept
    assert stat.S_IMODE(path.stat().st_mode) == (0o644 if kept else 0o600)
    assert list(terminal.folder.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_said_in_words(terminal: Terminal) -> None:
    terminal.write("a file is in the way", name="etc")

    answer = terminal.call("init", *GIVEN, "--org", "acme", "--no-test", "--dir", "etc")

    assert answer.code == 74
    assert f"cannot write {terminal.folder}/etc/postroom.toml" in answer.err


def test_what_to_do_next_begins_with_the_check_and_paths_are_short(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "very secret")

    answer = terminal.call("init", *GIVEN, "--no-test", "--dir", "a/../b/.")

    wrote, after = answer.out.split("Next:\n")
    assert f"Wrote {terminal.folder}/b/postroom.toml, which only you can read.\n" in wrote
    assert "The password stands in it" not in wrote
    assert after.startswith(f"  postroom -c {terminal.folder}/b/postroom.toml check --connect ")


def test_a_password_that_was_typed_is_said_to_stand_in_the_file(terminal: Terminal) -> None:
    answer = typed(
        terminal, "pass word", "acme", "", "", options=("--user", "u", "--host", "h.example", "--no-test")
    )

    assert answer.code == 0
    assert "The password stands in it. Keep the file from backups and version control.\n" in answer.out
