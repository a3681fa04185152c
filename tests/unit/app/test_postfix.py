"""What `postroom setup postfix` prints: the lines that the how-to pages show, and none that cannot work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from postroom.app.postfix import (
    Handover,
    Home,
    Machine,
    Recipe,
    lmtp_place,
    main_cf,
    require_nothing_lost,
    script,
)
from postroom.config.load import load
from postroom.config.settings import Relay
from postroom.errors import ConfigFault, UsageFault

DOCS = Path(__file__).parents[3] / "docs" / "how-to"
HOME = Home(Path("/srv/mail/intake/orders"), "postroom", 995, 995)
MACHINE = Machine(
    program=("/opt/postroom/bin/postroom",),
    config=("-c", "/etc/postroom/postroom.toml"),
    user="postroom",
    postfix_folder=Path("/etc/postfix"),
    map_type="hash",
    present={},
)


def printed(recipe: Recipe, machine: Machine = MACHINE) -> str:
    settings = load(None, environ={}, cwd=Path("/"), home=Path("/"), is_root=True).settings
    home = None if recipe is Recipe.LMTP else HOME
    handover = Handover(recipe, "intake.example.com", home, "inet:127.0.0.1:2525")
    return script(handover, machine, main_cf(handover, settings, machine))


@pytest.mark.parametrize(
    ("page", "recipe"),
    [
        ("postfix-maildir.md", Recipe.MAILDIR),
        ("postfix-lmtp.md", Recipe.LMTP),
        ("postfix-pipe.md", Recipe.PIPE),
    ],
)
def test_a_page_shows_what_is_printed(page: str, recipe: Recipe) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")

    assert f"```\n{printed(recipe)}```\n" in text


def test_who_owns_the_state_folder_exports_the_orgs() -> None:
    for_root = printed(Recipe.MAILDIR, replace(MACHINE, user="root"))

    assert "runuser" not in for_root
    assert "runuser -u postroom -- /opt/postroom/bin/postroom" in printed(Recipe.MAILDIR)


def test_blanks_that_a_pipe_would_part_are_refused() -> None:
    with pytest.raises(UsageFault, match="parts words at blanks"):
        printed(Recipe.PIPE, replace(MACHINE, program=("/opt/post room/postroom",)))


def test_a_parameter_with_another_value_is_named_and_the_same_value_is_fine() -> None:
    machine = replace(MACHINE, present={"virtual_transport": "lmtp:elsewhere", "biff": "no", "a": "b"})

    require_nothing_lost({"a": "b", "c": "d"}, machine)
    with pytest.raises(UsageFault, match="virtual_transport = lmtp:elsewhere") as refused:
        require_nothing_lost({"a": "b", "virtual_transport": "postroom"}, machine)

    assert "--dry-run" in refused.value.fix


def relay(listen: str, protocol: str = "lmtp") -> Relay | None:
    environ = {
        "POSTROOM_RELAY__LISTEN": listen,
        "POSTROOM_RELAY__PROTOCOL": protocol,
        "POSTROOM_STATE_DIR": "/var/lib/postroom",
    }
    return load(None, environ=environ, cwd=Path("/"), home=Path("/"), is_root=True).settings.relay


@pytest.mark.parametrize(
    ("listen", "place"),
    [
        ("127.0.0.1:2525", "inet:127.0.0.1:2525"),
        ("[::1]:2525", "inet:[::1]:2525"),
        ("unix:/run/postroom/lmtp.sock", "unix:/run/postroom/lmtp.sock"),
    ],
)
def test_postfix_is_sent_where_the_relay_listens(listen: str, place: str) -> None:
    assert lmtp_place(relay(listen)) == place


def test_postfix_is_not_sent_to_a_relay_that_speaks_no_lmtp() -> None:
    with pytest.raises(ConfigFault, match="speaks SMTP"):
        lmtp_place(relay("127.0.0.1:2525", "smtp"))
