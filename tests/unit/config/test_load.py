from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from postroom.config import find
from postroom.config.load import Shown, load, show
from postroom.config.settings import (
    Action,
    After,
    Database,
    Jobs,
    Log,
    Mailbox,
    MaildirFolder,
    Org,
    Orgs,
    Recipients,
    Storage,
    Tls,
    Unknown,
    Zone,
)
from postroom.core.limits import DEFAULT_LIMITS
from postroom.errors import ConfigFault
from tests.unit.config.desk import Desk

BOX = '[mailbox.orders]\nhost = "imap.example"\nuser = "u"\npassword = "p"\n'


def test_an_empty_file_is_valid(desk: Desk) -> None:
    found = desk.load("").settings

    state_dir = desk.home / ".local/state/postroom"
    assert found.state_dir == state_dir
    assert found.orgs == Orgs(Unknown.QUARANTINE, "*+{org}@*")
    assert found.db == Database(f"sqlite:///{state_dir}/postroom.db", None)
    assert found.storage == Storage(f"file://{state_dir}/archive")
    assert found.jobs == Jobs(4, None, 3, 30.0, 21_600.0, 30.0, 100)
    assert found.log == Log("info", "auto")
    assert (found.org, found.mailbox, found.maildir) == ({}, {}, {})


def test_the_limits_of_the_schema_are_those_of_the_core(desk: Desk) -> None:
    assert desk.load("").settings.limits == DEFAULT_LIMITS


def test_no_file_at_all_is_valid_and_root_has_its_own_state_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "ETC", tmp_path / "etc/postroom.toml")  # this machine may have one

    loaded = load(None, environ={}, cwd=tmp_path, home=tmp_path, is_root=True)

    assert loaded.settings.state_dir == Path("/var/lib/postroom")
    assert loaded.files == ()


def test_a_mailbox_needs_a_host_and_a_user_only(desk: Desk) -> None:
    found = desk.load('[mailbox.orders]\nhost = "imap.example"\nuser = "u"\n').settings.mailbox

    assert found == {
        "orders": Mailbox(
            name="orders",
            host="imap.example",
            port=993,
            user="u",
            password=None,
            tls=Tls.IMPLICIT,
            tls_ca=None,
            tls_verify=True,
            folders=("INBOX",),
            since_seconds=604_800.0,
            poll_seconds=60.0,
            max_per_poll=200,
            after=After(Action.SEEN),
            recipients=Recipients(None, ("Delivered-To",), 0, Zone.RECEIVED, False),
        )
    }


def test_a_maildir_needs_a_path_only(desk: Desk) -> None:
    found = desk.load('[maildir.intake]\npath = "mail"\n').settings.maildir

    assert found == {
        "intake": MaildirFolder(
            name="intake",
            path=desk.folder / "mail",
            cur=False,
            watch="auto",
            poll_seconds=30.0,
            max_per_poll=1_000,
            after=After(Action.DELETE),
            recipients=Recipients(None, ("X-Original-To", "Delivered-To"), 0, Zone.RECEIVED, False),
        )
    }


def test_an_org_is_called_by_its_slug_unless_it_has_a_name(desk: Desk) -> None:
    text = '[org.acme]\n[org.beta]\nname = "Beta"\naliases = ["bta"]\nallow_from = ["*@beta.example"]\n'

    found = desk.load(text).settings.org

    assert found == {
        "acme": Org("acme", "acme", (), ()),
        "beta": Org("beta", "Beta", ("bta",), ("*@beta.example",)),
    }


def test_a_source_may_be_pinned_to_an_org_that_only_the_database_knows(desk: Desk) -> None:
    assert desk.load(f'{BOX}org = "later"\n').settings.mailbox["orders"].recipients.org == "later"


@pytest.mark.parametrize(
    ("key", "port"),
    [('tls = "starttls"', 143), ('tls = "implicit"', 993), ('tls = "starttls"\nport = 1143', 1143)],
)
def test_the_port_follows_the_encryption(desk: Desk, key: str, port: int) -> None:
    assert desk.load(BOX + key).settings.mailbox["orders"].port == port


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_a_password_may_go_unencrypted_to_this_machine_only(desk: Desk, host: str) -> None:
    text = f'[mailbox.a]\nhost = "{host}"\nuser = "u"\npassword = "p"\ntls = "off"\n'

    assert desk.load(text).settings.mailbox["a"].port == 143


def test_one_folder_or_many(desk: Desk) -> None:
    text = (
        f'{BOX}folder = "Rechnungen"\n[mailbox.b]\nhost = "b.example"\nuser = "u"\nfolders = ["INBOX", "A/B"]'
    )

    found = desk.load(text).settings.mailbox

    assert (found["orders"].folders, found["b"].folders) == (("Rechnungen",), ("INBOX", "A/B"))


def test_to_cc_is_allowed_where_the_domain_is_ones_own(desk: Desk) -> None:
    text = f'[orgs]\naddress = "orders+{{org}}@intake.example"\n{BOX}to_cc = true\n'

    assert desk.load(text).settings.mailbox["orders"].recipients.to_cc is True


def test_relative_paths_start_at_the_file_and_a_tilde_at_the_home(desk: Desk) -> None:
    text = 'state_dir = "state"\n[db]\nurl = "sqlite:///rows.db"\n[maildir.a]\npath = "~/Maildir"\n'

    found = desk.load(text).settings

    assert found.state_dir == desk.folder / "state"
    assert found.db.url == f"sqlite:///{desk.folder}/rows.db"
    assert found.storage.url == f"file://{desk.folder}/state/archive"
    assert found.maildir["a"].path == desk.home / "Maildir"


def test_each_value_has_its_origin(desk: Desk) -> None:
    desk.write('[jobs]\nworkers = 2\n\n[log]\nlevel = "debug"\n', "conf.d/10-log.toml")

    origins = desk.load('state_dir = "/x"\n[jobs]\nworkers = 1\n', {"POSTROOM_LOG__LEVEL": "error"}).origins

    assert origins["state_dir"] == "postroom.toml:1"
    assert origins["jobs.workers"] == "conf.d/10-log.toml:2"
    assert origins["jobs.attempts"] == "default"
    assert origins["log.level"] == "env POSTROOM_LOG__LEVEL"


def test_what_is_shown_masks_every_literal_secret(desk: Desk) -> None:
    text = BOX + '[mailbox.b]\nhost = "b.example"\nuser = "u"\npassword = { command = ["pass", "hunter2"] }\n'

    shown = {each.key: each for each in show(desk.load(text))}

    assert shown["mailbox.orders.password"] == Shown(
        "mailbox.orders.password", '"********"', "postroom.toml:4"
    )
    assert shown["mailbox.b.password"].value == '{ command = ["pass", "..."] }'
    assert "hunter2" not in repr(shown)


def test_what_is_shown_is_in_the_order_of_the_schema(desk: Desk) -> None:
    keys = [each.key for each in show(desk.load(f"{BOX}[org.acme]\n"))]

    assert keys[:4] == ["state_dir", "orgs.unknown", "orgs.address", "org.acme.name"]
    assert keys[6:8] == ["mailbox.orders.host", "mailbox.orders.port"]
    assert keys[-1] == "log.format"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            f"{BOX}tls_verify = false",
            "postroom.toml:5: mailbox.orders.tls_verify: "
            "whoever sits between can pass for imap.example and read the password",
        ),
        (
            '[mailbox.a]\nhost = "h"\nuser = "u"',
            "postroom.toml:1: mailbox.a.password: is not set, so the login will be refused",
        ),
        (
            "[db]\npassword = 'x'",
            "postroom.toml:2: db.password: is not used: SQLite has no passwords",
        ),
    ],
)
def test_what_is_risky_warns_at_every_start(desk: Desk, text: str, warning: str) -> None:
    assert desk.load(text).warnings == (warning,)


def test_a_literal_password_in_a_file_for_everybody_warns(desk: Desk) -> None:
    path = desk.write(BOX, mode=0o644)

    loaded = load(path, environ={}, cwd=desk.folder, home=desk.home, is_root=False)

    assert loaded.warnings == (
        "postroom.toml:4: mailbox.orders.password: stands in a file that everybody on this machine can read: "
        "chmod o= postroom.toml",
    )


def test_the_file_named_comes_first_then_the_variable_then_the_folder_then_the_home(desk: Desk) -> None:
    named, variable = desk.write("", "named.toml"), desk.write("", "variable.toml")
    here = desk.write("")
    home = desk.home / ".config/postroom/postroom.toml"
    home.parent.mkdir(parents=True)
    home.write_text("")
    environ = {"POSTROOM_CONFIG": "variable.toml"}

    def files(explicit: Path | None, environ: dict[str, str]) -> tuple[Path, ...]:
        return load(explicit, environ=environ, cwd=desk.folder, home=desk.home, is_root=False).files

    assert files(Path("named.toml"), environ) == (named,)
    assert files(None, environ) == (variable,)
    assert files(None, {}) == (here,)
    here.unlink()
    assert files(None, {}) == (home,)


def test_additions_are_merged_in_the_order_of_their_names(desk: Desk) -> None:
    desk.write("[jobs]\nworkers = 2\nattempts = 2\n", "conf.d/20-b.toml")
    desk.write("[jobs]\nworkers = 9\nattempts = 9\nlease = '9s'\n", "conf.d/10-a.toml")
    desk.write("no toml at all", "conf.d/.hidden.toml")
    desk.write("no toml at all", "conf.d/20-b.toml.bak")

    jobs = desk.load("[jobs]\nattempts = 1\nbackoff = '1s..2s'\nconnections = 7\n").settings.jobs

    assert jobs == Jobs(2, None, 2, 1.0, 2.0, 9.0, 7)


def test_a_file_that_is_there_and_cannot_be_read_is_a_fault_and_not_passed_over(desk: Desk) -> None:
    path = desk.folder / "postroom.toml"
    path.symlink_to(path)

    with pytest.raises(ConfigFault) as caught:
        load(None, environ={}, cwd=desk.folder, home=desk.home, is_root=False)

    assert str(caught.value) == (
        "postroom.toml: cannot be read: Too many levels of symbolic links; or name another file with -c"
    )


WORDS = [
    "[mailbox.a]",
    "[mailbox]",
    "[[org]]",
    "[log]",
    "mailbox.a.host",
    "host",
    "after",
    "password",
    "level",
    "=",
    "'x'",
    '"""',
    "{ file = 1 }",
    "{ env = 'X' }",
    "[1, {}]",
    "1979-05-27",
    "nan",
    "0x" + "f" * 9000,
    "{}",
    "\n",
    "a.b",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("password = { file = '\\u0000' }")
@given(st.text() | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_no_file_whatever_raises_anything_but_a_config_fault(desk: Desk, text: str) -> None:
    with suppress(ConfigFault):
        load(desk.write(text), environ={}, cwd=desk.folder, home=desk.home, is_root=False, secrets=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["MAILBOX__A__", "ORG__", "LIMITS__", "", "__"]).flatmap(
            lambda head: st.sampled_from(["HOST", "PASSWORD_FILE", "AFTER", "MESSAGE", "STATE_DIR", "X"]).map(
                lambda leaf: f"POSTROOM_{head}{leaf}"
            )
        ),
        st.text(st.characters(exclude_characters="\0", codec=None)),
        max_size=4,
    )
)
def test_no_variable_whatever_raises_anything_but_a_config_fault(desk: Desk, environ: dict[str, str]) -> None:
    with suppress(ConfigFault):
        desk.load("", environ, secrets=True)
