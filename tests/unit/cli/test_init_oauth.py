"""`postroom init` for a mailbox that is opened with a token: the preset's keys, and what comes next."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.words import Answer, Terminal

USER = ["--user", "orders@acme.example", "--org", "acme"]


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


def init(terminal: Terminal, *options: str) -> Answer:
    return terminal.call("init", "--yes", "--no-test", *USER, *options)


def written(terminal: Terminal) -> dict[str, Any]:
    return tomllib.loads((terminal.folder / "postroom.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("options", "oauth"),
    [
        pytest.param(
            ("--preset", "microsoft365", "--tenant", "acme.example", "--client-id", "0f1e"),
            {"flow": "device_code", "tenant": "acme.example", "client_id": "0f1e"},
            id="Microsoft 365, a person",
        ),
        pytest.param(
            ("--preset", "microsoft365", "--tenant", "t", "--client-id", "c", "--client-secret-file", "/s"),
            {
                "flow": "client_credentials",
                "tenant": "t",
                "client_id": "c",
                "client_secret": {"file": "/s"},
            },
            id="Microsoft 365, the program itself",
        ),
        pytest.param(
            ("--preset", "gmail", "--client-id", "c", "--client-secret-file", "/s"),
            {"flow": "authorization_code", "client_id": "c", "client_secret": {"file": "/s"}},
            id="Gmail, a person",
        ),
        pytest.param(
            ("--preset", "gmail", "--service-account-file", "/key.json"),
            {"flow": "service_account", "service_account": {"file": "/key.json"}},
            id="Workspace, a service account",
        ),
    ],
)
def test_a_preset_writes_the_keys_of_its_flow_and_a_key_for_the_tokens(
    terminal: Terminal, options: tuple[str, ...], oauth: dict[str, object]
) -> None:
    answer = init(terminal, *options)

    found = written(terminal)
    box = found["mailbox"]["inbox"]
    assert answer.code == 0
    assert (box["preset"], box["oauth"]) == (options[1], oauth)
    assert {"host", "password"} & set(box) == set()
    assert len(found["oauth"]["key"]) == 44
    assert "The key of the tokens stands in it." in answer.out


def test_what_comes_next_is_the_login_where_a_person_is_needed(terminal: Terminal) -> None:
    answer = init(
        terminal, "--preset", "microsoft365", "--tenant", "t", "--client-id", "c", "--name", "orders"
    )

    assert "Next:\n  postroom oauth login orders " in answer.out
    assert terminal.call("check").code == 0


def test_gmail_with_an_app_password_needs_no_token(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "app password")

    answer = init(terminal, "--preset", "gmail", "--password-env", "PW")

    box = written(terminal)["mailbox"]["inbox"]
    assert answer.code == 0
    assert (box["preset"], box["password"], "oauth" in box) == ("gmail", {"env": "PW"}, False)
    assert "oauth login" not in answer.out


def test_a_person_may_answer_with_the_name_of_the_provider(terminal: Terminal) -> None:
    lines = ("orders@acme.example", "microsoft365", "acme.example", "0f1e", "acme", "", "")

    answer = terminal.spawn("init", "--no-test", stdin="".join(f"{line}\n" for line in lines).encode())

    assert answer.code == 0
    assert "IMAP server, or microsoft365 or gmail" in answer.out
    assert written(terminal)["mailbox"]["inbox"]["oauth"]["client_id"] == "0f1e"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(("--preset", "microsoft365", "--client-id", "c"), "--tenant is missing", id="tenant"),
        pytest.param(("--preset", "microsoft365", "--tenant", "t"), "--client-id is missing", id="client"),
        pytest.param(("--host", "h", "--client-id", "c"), "--preset is missing", id="no provider"),
        pytest.param(
            ("--preset", "gmail", "--flow", "device_code", "--client-id", "c"),
            "--flow: device_code is no way into this mailbox",
            id="a flow that the provider lacks",
        ),
    ],
)
def test_what_is_missing_is_named(terminal: Terminal, options: tuple[str, ...], words: str) -> None:
    answer = init(terminal, *options)

    assert answer.code == 64
    assert words in answer.err
    assert list(terminal.folder.iterdir()) == []
