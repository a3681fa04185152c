from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from postroom.config import secrets
from postroom.config.secrets import SecretSpec, resolve, secret
from postroom.config.values import ValueFault
from postroom.errors import SecretFault
from tests.unit.config.desk import Desk


def fetched(raw: object, folder: Path, environ: Mapping[str, str] | None = None) -> str:
    return resolve(secret().parse(raw), folder, environ or {}).reveal()


def answering(script: str) -> dict[str, list[str]]:
    return {"command": [sys.executable, "-c", script]}


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("pass word", id="literal"),
        pytest.param({"file": "secret.txt"}, id="file"),
        pytest.param({"env": "IMAP_PASSWORD"}, id="env"),
        pytest.param({"credential": "imap"}, id="credential"),
        pytest.param(answering("print('pass word')"), id="command"),
    ],
)
def test_a_secret_comes_by_five_ways_without_the_line_end_after_it(desk: Desk, raw: object) -> None:
    desk.write("pass word\n", "secret.txt", mode=0o600)
    desk.write("pass word\r\n", "credentials/imap", mode=0o400)
    environ = {
        "IMAP_PASSWORD": "pass word",
        "CREDENTIALS_DIRECTORY": str(desk.folder / "credentials"),
    }

    assert fetched(raw, desk.folder, environ) == "pass word"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
def test_a_secret_file_that_everybody_can_read_is_refused(desk: Desk, mode: int) -> None:
    path = desk.write("hunter2", "secret.txt", mode=mode)

    with pytest.raises(SecretFault) as fault:
        fetched({"file": "secret.txt"}, desk.folder)

    assert str(fault.value) == '{ file = "secret.txt" }: can be read by everybody on this machine'
    assert fault.value.fix == f"chmod o= {path}"


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640])
def test_a_secret_file_for_its_owner_and_group_is_read(desk: Desk, mode: int) -> None:
    desk.write("hunter2", "secret.txt", mode=mode)

    assert fetched({"file": "secret.txt"}, desk.folder) == "hunter2"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"file": "gone"}, '{ file = "gone" }: cannot be read: No such file or directory'),
        ({"file": "."}, '{ file = "." }: cannot be read: Is a directory'),
        ({"file": "empty"}, '{ file = "empty" }: the secret is empty'),
        ({"file": "two"}, '{ file = "two" }: the secret has more than one line'),
        ({"file": "latin"}, '{ file = "latin" }: the secret is not UTF-8'),
        ({"file": "big"}, '{ file = "big" }: is too big to be a secret'),
        ({"env": "GONE"}, '{ env = "GONE" }: that variable is not set'),
        ({"credential": "imap"}, '{ credential = "imap" }: systemd gave this process no credentials'),
        ({"command": ["/gone"]}, '{ command = ["/gone"] }: cannot be run: No such file or directory'),
        ({"command": ["false", "hunter2"]}, '{ command = ["false", "..."] }: ended with exit code 1'),
        ({"command": ["true"]}, '{ command = ["true"] }: the secret is empty'),
    ],
)
def test_a_secret_that_cannot_be_fetched_says_why(desk: Desk, raw: object, message: str) -> None:
    desk.folder.chmod(0o700)
    for name, content in {"empty": b"\n", "two": b"a\nb", "latin": b"\xff", "big": b"x" * 70_000}.items():
        desk.write("", name, mode=0o600).write_bytes(content)

    with pytest.raises(SecretFault) as fault:
        fetched(raw, desk.folder)

    assert str(fault.value) == message


def test_a_command_that_hangs_is_ended_with_its_children(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_COMMAND_SECONDS", 0.2)

    with pytest.raises(SecretFault, match=r"gave no answer in 0\.2 seconds$"):
        fetched({"command": ["sh", "-c", "sleep 30 & wait"]}, desk.folder)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (5, "must be a secret, not a number"),
        ("", "the secret is empty"),
        ("two\nlines", "the secret has more than one line"),
        ({}, "must name one way to the secret"),
        ({"file": "a", "env": "b"}, "must name one way to the secret"),
        ({"vault": "a"}, "must name one way to the secret"),
        ({"file": 5}, "file must be text"),
        ({"file": "a\0b"}, "file must not hold a NUL"),
        ({"command": "pass show imap"}, "command must be a list of words"),
        ({"command": []}, "command must be a list of words"),
        ({"credential": "../imap"}, "a credential is a name, not a path"),
    ],
)
def test_a_secret_has_one_way_to_it(raw: object, message: str) -> None:
    with pytest.raises(ValueFault) as fault:
        secret().parse(raw)

    assert fault.value.message == message


def test_no_repr_shows_a_secret() -> None:
    specs = [SecretSpec("literal", ("hunter2",)), SecretSpec("command", ("pass", "hunter2"))]

    assert repr(specs) == """[SecretSpec("********"), SecretSpec({ command = ["pass", "..."] })]"""


BOX = '[mailbox.a]\nhost = "h"\nuser = "u"\n'


def test_secrets_are_fetched_only_when_they_are_asked_for(desk: Desk) -> None:
    loaded = desk.load(f'{BOX}password = {{ file = "gone" }}\n')

    assert loaded.settings.mailbox["a"].password is None
    assert loaded.shown["mailbox.a.password"] == '{ file = "gone" }'


def test_an_unreadable_secret_is_one_of_the_faults(desk: Desk) -> None:
    text = f'{BOX}password = {{ file = "gone" }}\npol = "1m"\n'

    assert desk.faults(text, secrets=True) == [
        'postroom.toml:4: mailbox.a.password: { file = "gone" }: cannot be read: No such file or directory',
        'postroom.toml:5: mailbox.a.pol: unknown key; did you mean "poll"?',
    ]


def test_an_unreadable_ca_file_is_one_of_the_faults_when_secrets_are_asked_for(desk: Desk) -> None:
    text = f'{BOX}password = "p"\ntls_ca = "gone.pem"\n'

    assert desk.load(text).settings.mailbox["a"].tls_ca == desk.folder / "gone.pem"
    assert desk.faults(text, secrets=True) == [
        "postroom.toml:5: mailbox.a.tls_ca: cannot be read: No such file or directory"
    ]
