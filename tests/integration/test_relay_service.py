"""`postroom run` with [relay], and `postroom relay` by itself: from SMTP to a document."""

from __future__ import annotations

import smtplib
import socket
import subprocess
import sys
from pathlib import Path

from tests.command import ENVIRONMENT, postroom
from tests.integration.test_first_mail import mail
from tests.servers.relay_process import relay_process
from tests.servers.waiting import free_port, wait_until


def test_a_mail_by_smtp_becomes_a_document_of_its_org(tmp_path: Path) -> None:
    port, config = free_port(), tmp_path / "postroom.toml"
    config.write_text(
        f'state_dir = "{tmp_path}/state"\n[orgs]\naddress = "orders+{{org}}@in.example"\n[org.acme]\n'
        f'[relay]\nlisten = "127.0.0.1:{port}"\n',
        encoding="utf-8",
    )
    with subprocess.Popen(
        [sys.executable, "-m", "postroom", "-c", config, "run"], stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as service:
        try:
            wait_until(lambda: listens(port), "the relay listens", seconds=40)
            with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
                client.sendmail("a@b.example", "orders+acme@in.example", mail("acme", "one"))
            wait_until(lambda: len(documents(config)) == 1, "a document", seconds=40)
        finally:
            service.terminate()
            said = service.communicate(timeout=40)[1].decode()

    assert service.returncode == 0, said
    assert [row["org"] for row in documents(config)] == ["acme"]
    assert not listens(port)


def test_the_relay_alone_refuses_unknown_orgs_and_knows_a_new_one_at_once(tmp_path: Path) -> None:
    with relay_process(tmp_path) as process, smtplib.SMTP("127.0.0.1", process.port, timeout=20) as client:
        client.ehlo()
        client.mail("a@b.example")
        before = client.rcpt("orders+gamma@in.example")[0]
        postroom(process.config, "org", "add", "gamma")
        after = client.rcpt("orders+gamma@in.example")[0]

    assert (before, after) == (550, 250)


def test_without_the_table_the_command_says_what_is_missing(tmp_path: Path) -> None:
    config = tmp_path / "postroom.toml"
    config.write_text(f'state_dir = "{tmp_path}/state"\n', encoding="utf-8")

    done = postroom(config, "relay", answer=78)

    assert "the table [relay] is missing" in done.err


def test_a_port_that_is_taken_is_told_with_its_code(tmp_path: Path) -> None:
    config = tmp_path / "postroom.toml"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config.write_text(
            f'state_dir = "{tmp_path}/state"\n[relay]\nlisten = "127.0.0.1:{port}"\n', encoding="utf-8"
        )

        alone = postroom(config, "relay", answer=78)
        inside = postroom(config, "run", answer=78)

    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in alone.err
    assert "[E-RELAY]" in alone.err
    assert "[E-RELAY]" in inside.err


def documents(config: Path) -> list[dict[str, object]]:
    return postroom(config, "documents", "--json").objects()


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            return connection.recv(4) == b"220 "
    except OSError:
        return False
