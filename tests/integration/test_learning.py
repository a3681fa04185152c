"""`check --connect` learns how a mailbox is, says what would fit it, and changes nothing in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.app.offers import offers
from postroom.config.settings import Action, After, Mailbox, Recipients, Zone
from postroom.core.carried import Carried
from postroom.core.routing import address_pattern
from postroom.fetcher.imap_connection import Connection
from postroom.fetcher.learning import Learned, learn
from postroom.fetcher.probe import probe
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.scripted_imap import ScriptedImap, scripted_imap
from tests.unit.cli.words import Terminal

ORDERS = address_pattern("orders+{org}@in.example")
MAIL = (
    b"X-Original-To: orders+acme@in.example\nDelivered-To: o@in.example\nReceived: by mx\nSubject: %d\n\nhi\n"
)
DATED = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)  # so the scripted server dates every mail


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        yield running


def configured(terminal: Terminal, mailbox: Mailbox, more: str = "") -> None:
    terminal.write(
        f'[orgs]\naddress = "orders+{{org}}@in.example"\n[mailbox.orders]\nhost = "localhost"\n'
        f'port = {mailbox.port}\nuser = "{mailbox.user}"\npassword = "{PASSWORD}"\n'
        f'tls_ca = "{mailbox.tls_ca}"\n{more}'
    )


@pytest.mark.dovecot
def test_the_header_that_names_the_org_is_offered_as_a_line_of_configuration(
    terminal: Terminal, dovecot: Dovecot
) -> None:
    mailbox = fresh_mailbox(dovecot)
    for number in range(12):
        dovecot.deliver(mailbox.user, MAIL % number)
    configured(terminal, mailbox)

    answer = terminal.call("check", "--connect")
    configured(terminal, mailbox, 'trust = ["X-Original-To"]\n')
    again = terminal.call("check", "--connect")

    assert (
        " ok   mails    of the 10 newest: X-Original-To in 10, Delivered-To in 10; no mail is" in answer.out
    )
    assert "the server knows MOVE, UIDPLUS, IDLE, CONDSTORE" in answer.out
    assert (
        "      This fits the server better, in [mailbox.orders]:\n"
        '        trust = ["X-Original-To"]\n' in answer.out
    )
    assert "This fits" not in again.out
    assert {name.partition(":")[2] for name in dovecot.mails(mailbox.user)} <= {"", "2,"}


@pytest.mark.dovecot
def test_a_program_gets_the_same_as_one_line_for_each_thing(terminal: Terminal, dovecot: Dovecot) -> None:
    mailbox = fresh_mailbox(dovecot)
    dovecot.deliver(mailbox.user, MAIL % 1)
    configured(terminal, mailbox)

    answer = terminal.call("check", "--connect", "--json")

    first, *rest = [json.loads(line) for line in answer.out.splitlines()]
    assert (first["kind"], first["name"], first["ok"]) == ("imap", "orders", True)
    assert first["learned"]["headers"][0] == {"name": "X-Original-To", "mails": 1, "fitting": 1, "hops": 0}
    assert {"MOVE", "UIDPLUS", "IDLE", "CONDSTORE"} <= set(first["learned"]["capabilities"])
    assert first["offer"] == {"trust": ["X-Original-To"]}
    assert [each["kind"] for each in rest] == ["database", "archive"]
    assert {step["step"] for step in first["steps"]} >= {"DNS", "login", "mails"}


def test_a_step_that_fails_is_told_to_a_program_too(terminal: Terminal) -> None:
    terminal.write('[mailbox.orders]\nhost = "127.0.0.1"\nport = 9\nuser = "u"\npassword = "x"\n')

    answer = terminal.call("check", "--connect", "--json")

    mailbox = json.loads(answer.out.splitlines()[0])
    assert answer.code == 69
    assert (mailbox["ok"], mailbox["learned"], mailbox["offer"]) == (False, None, {})
    assert mailbox["steps"][-1]["step"] == "TCP"
    assert mailbox["steps"][-1]["code"] == "E-IMAP-CONNECT"


def test_json_without_a_trial_is_a_usage_fault(terminal: Terminal) -> None:
    assert terminal.call("check", "--json").code == 64


@pytest.mark.parametrize(
    ("now", "ahead"),
    [
        pytest.param(DATED.replace(hour=11), 3600, id="the newest mail is of the future"),
        pytest.param(DATED.replace(hour=13), 0, id="of the past, which proves nothing"),
    ],
)
def test_a_clock_that_is_ahead_is_seen_by_a_mail_of_the_future(
    server: ScriptedImap, now: datetime, ahead: int
) -> None:
    server.put(b"x")
    connection = Connection(server.mailbox)

    learned = learn(connection, "INBOX", ORDERS, lambda: now)

    assert (learned.mails, learned.clock_ahead_seconds) == (1, ahead)
    connection.close()


def test_an_empty_mailbox_teaches_what_its_server_can(server: ScriptedImap) -> None:
    *_, last = probe(server.mailbox)

    assert (last.name, last.error) == ("mails", None)
    assert last.words.startswith("none yet to learn from; the server knows none of MOVE, UIDPLUS, IDLE, ")


def mailbox_with(server: ScriptedImap, after: After, trust: tuple[str, ...] = ("Delivered-To",)) -> Mailbox:
    recipients = Recipients(org=None, trust=trust, trusted_hops=0, trusted_zone=Zone.RECEIVED, to_cc=False)
    return replace(server.mailbox, after=after, recipients=recipients)


@pytest.mark.parametrize(
    ("action", "capabilities", "offer"),
    [
        pytest.param(Action.DELETE, ("MOVE",), {"after": "seen"}, id="delete without UIDPLUS"),
        pytest.param(Action.MOVE, (), {"after": "seen"}, id="move with neither"),
        pytest.param(Action.MOVE, ("MOVE",), {}, id="move with MOVE"),
        pytest.param(Action.DELETE, ("UIDPLUS",), {}, id="delete with UIDPLUS"),
        pytest.param(Action.SEEN, (), {}, id="seen"),
    ],
)
def test_an_after_action_that_the_server_cannot_do_well_is_replaced(
    server: ScriptedImap, action: Action, capabilities: tuple[str, ...], offer: dict[str, object]
) -> None:
    mailbox = mailbox_with(server, After(action, folder="Done"))

    assert offers(mailbox, Learned(0, (), capabilities, 0)) == offer


def test_a_header_below_the_first_received_is_offered_with_its_hop(server: ScriptedImap) -> None:
    mailbox = mailbox_with(server, After(Action.SEEN))

    found = offers(mailbox, Learned(3, (Carried("X-Delivered-To", 3, 3, 1),), (), 0))

    assert found == {"trust": ["X-Delivered-To"], "trusted_hops": 1}


def init(terminal: Terminal, mailbox: Mailbox, *options: str) -> tuple[int, str, str]:
    """Call init for a mailbox of Dovecot; return its code, its words, and the file that it wrote."""
    terminal.write(PASSWORD, name="pw")
    answer = terminal.call(
        "init", "--yes", "--host", "localhost", "--port", str(mailbox.port), "--user", mailbox.user,
        "--tls-ca", str(mailbox.tls_ca), *options,
    )  # fmt: skip
    path = terminal.folder / "postroom.toml"
    return answer.code, answer.out, path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.mark.dovecot
def test_init_writes_the_header_that_the_mails_carry(terminal: Terminal, dovecot: Dovecot) -> None:
    mailbox = fresh_mailbox(dovecot)
    dovecot.deliver(mailbox.user, MAIL % 1)

    code, said, text = init(
        terminal, mailbox, "--password-file", "pw", "--address", "orders+{org}@in.example"
    )

    assert code == 0
    assert 'Written down, since it fits: trust = ["X-Original-To"]' in said
    assert '\ntrust = ["X-Original-To"]\n' in text
    assert "This fits" not in terminal.call("check", "--connect").out


@pytest.mark.dovecot
def test_init_tries_the_way_to_a_mailbox_that_a_person_has_to_log_in_for(
    terminal: Terminal, dovecot: Dovecot
) -> None:
    mailbox = fresh_mailbox(dovecot)

    code, said, text = init(
        terminal, mailbox, "--preset", "microsoft365", "--tenant", "acme.example", "--client-id", "0f1e",
        "--org", "acme",
    )  # fmt: skip

    assert code == 0
    assert [line.split()[1] for line in said.splitlines() if line.startswith(" ok ")] == ["DNS", "TCP", "TLS"]
    assert " oauth login inbox " in said
    assert 'oauth = { flow = "device_code", tenant = "acme.example", client_id = "0f1e" }\n' in text
