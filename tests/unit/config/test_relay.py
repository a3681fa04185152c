"""[relay]: what an empty table means, and what cannot be."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from postroom.config.settings import Tls, Unknown
from tests.unit.config.desk import Desk


def test_without_the_table_there_is_no_relay(desk: Desk) -> None:
    found = desk.load("").settings

    assert found.relay is None
    assert found.maildir == {}


def test_an_empty_table_is_a_relay_on_loopback_with_a_maildir_of_its_own(desk: Desk) -> None:
    found = desk.load('state_dir = "/srv/postroom"\n[relay]\n').settings

    relay = found.relay
    assert relay is not None
    assert relay.listen == (("127.0.0.1", 2525),)
    assert (relay.protocol, relay.maildir, relay.tls, relay.tls_require) == ("smtp", "relay", Tls.OFF, False)
    assert relay.allow == (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    assert (relay.recipients, relay.sessions, relay.sessions_per_address) == (100, 2000, 100)
    assert relay.max_message_bytes == found.limits.message_bytes - 8192
    assert list(found.maildir) == ["relay"]
    assert found.maildir["relay"].path == Path("/srv/postroom/relay")


def test_it_fills_the_maildir_that_is_named(desk: Desk) -> None:
    found = desk.load('[relay]\nmaildir = "intake"\n[maildir.intake]\npath = "/srv/mail"\n').settings

    assert list(found.maildir) == ["intake"]


def test_it_listens_on_many_places(desk: Desk) -> None:
    found = desk.load('[relay]\nlisten = ["[::1]:25", "mx.example:25", "unix:/run/lmtp.sock"]\n').settings

    assert found.relay is not None
    assert found.relay.listen == (("::1", 25), ("mx.example", 25), Path("/run/lmtp.sock"))


def test_a_variable_sets_its_places_too(desk: Desk) -> None:
    found = desk.load("[relay]\n", {"POSTROOM_RELAY__LISTEN": "127.0.0.1:1,127.0.0.1:2"}).settings

    assert found.relay is not None
    assert found.relay.listen == (("127.0.0.1", 1), ("127.0.0.1", 2))


def test_unknown_orgs_can_be_rejected(desk: Desk) -> None:
    assert desk.load('[orgs]\nunknown = "reject"\n').settings.orgs.unknown is Unknown.REJECT


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ('listen = "2525"', '2: relay.listen: "2525" is no place; write "127.0.0.1:2525", "[::1]:2525"'),
        ('listen = "127.0.0.1:65536"', '2: relay.listen: "127.0.0.1:65536" is no place'),
        ("listen = 2525", '2: relay.listen: must be a place such as "127.0.0.1:2525", or a list of them'),
        ('listen = "unix:lmtp.sock"', '2: relay.listen: "unix:lmtp.sock" is no socket; an absolute path'),
        ("listen = []", "2: relay.listen: must name at least one place"),
        ('maildir = "intake"', "2: relay.maildir: there is no [maildir.intake]"),
        ('allow = ["192.0.2.1/24"]', '2: relay.allow: "192.0.2.1/24" is no network'),
        ('tls = "starttls"', 'relay.tls_cert: is missing: tls = "starttls" needs it'),
        ("tls_require = true", '2: relay.tls_require: cannot be with tls = "off"'),
        ('protocol = "esmtp"', '2: relay.protocol: "esmtp" is not known'),
        (
            'maildir = "x"\n[maildir.x]\npath = "/x"\ntrust = "exim"',
            '5: maildir.x.trust: the relay that fills it writes no "Envelope-To"',
        ),
    ],
)
def test_what_cannot_be_is_told(desk: Desk, table: str, fault: str) -> None:
    faults = desk.faults(f"[relay]\n{table}\n")

    assert any(fault in each for each in faults), faults


def test_a_limit_that_leaves_no_room_is_warned_about(desk: Desk) -> None:
    loaded = desk.load('[relay]\nmax_message = "50MiB"\n')

    assert any("relay.max_message: is more than limits.message leaves room for" in w for w in loaded.warnings)
