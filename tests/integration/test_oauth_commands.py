"""From `postroom oauth login` to the first mail, as a person goes it; and nothing secret on the way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from postroom.oauth.sealing import new_key
from tests.command import ENVIRONMENT, Done, postroom
from tests.databases import furnish
from tests.mailbox import mail
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.identity import CLIENT, CLIENT_SECRET, IdentityProvider

# Each test runs a handful of processes, one after the other.
pytestmark = [pytest.mark.dovecot, pytest.mark.timeout(240)]

KEY = new_key()


@dataclass(frozen=True)
class Desk:
    """A postroom.toml with one mailbox, which holds one mail."""

    folder: Path
    provider: IdentityProvider
    user: str
    config: Path

    def call(self, *arguments: str, answer: int | None = 0) -> Done:
        done = postroom(self.config, *arguments, answer=answer)
        self.require_silence(done.out + done.err)
        return done

    def status(self) -> dict[str, Any]:
        (found,) = self.call("status", "--json").objects()
        (source,) = found["sources"]
        return dict(source)

    def require_silence(self, printed: str) -> None:
        """Fail where a secret was printed, or lies in the state_dir as it is."""
        known = [KEY, CLIENT_SECRET, *self.provider.access, *self.provider.refresh, *self.provider.used_up]
        files = [path for path in (self.folder / "state").rglob("*") if path.is_file()]
        kept = b"".join(path.read_bytes() for path in files)
        assert [secret for secret in known if secret in printed or secret.encode() in kept] == []


def desk(token_dovecot: Dovecot, provider: IdentityProvider, folder: Path, flow: str, more: str = "") -> Desk:
    box = fresh_mailbox(token_dovecot)
    token_dovecot.deliver(box.user, mail())
    provider.app_user = box.user
    config = folder / "postroom.toml"
    furnish(folder / "state")
    config.write_text(
        f'state_dir = "{folder}/state"\n[log]\nlevel = "debug"\n[oauth]\nkey = "{KEY}"\n[org.acme]\n'
        f'[mailbox.orders]\norg = "acme"\nhost = "localhost"\nport = {box.port}\nuser = "{box.user}"\n'
        f'tls_ca = "{box.tls_ca}"\nsince = "all"\n[mailbox.orders.oauth]\nflow = "{flow}"\n'
        f'client_id = "{CLIENT}"\nclient_secret = "{CLIENT_SECRET}"\nscope = ["mail"]\n'
        f'token_url = "{provider.url}/token"\nauthorize_url = "{provider.url}/authorize"\n'
        f'device_url = "{provider.url}/device"\n{more}'
    )
    config.chmod(0o600)
    return Desk(folder, provider, box.user, config)


def test_a_program_needs_no_login(token_dovecot: Dovecot, provider: IdentityProvider, tmp_path: Path) -> None:
    here = desk(token_dovecot, provider, tmp_path, "client_credentials")

    first = here.call("fetch", "--once", "--json").objects()
    second = here.call("fetch", "--once", "--json").objects()

    assert [round_["taken"] for round_ in (*first, *second)] == [1, 0]
    assert provider.grants() == ["client_credentials"]
    assert here.status()["token"]["expires_at"] is not None


def test_a_code_entered_elsewhere_opens_the_mailbox(
    token_dovecot: Dovecot, provider: IdentityProvider, tmp_path: Path
) -> None:
    here = desk(token_dovecot, provider, tmp_path, "device_code")
    refused = here.call("fetch", "--once", answer=77)
    needed = here.status()
    provider.devices["next"] = ["authorization_pending", f"user:{here.user}"]

    login = here.call("oauth", "login", "orders")
    fetched = here.call("fetch", "--once", "--json").objects()

    assert "[E-OAUTH-LOGIN]" in refused.err
    assert needed["token"] == {"expires_at": None, "ends_at": None, "ends_soon": False, "needs_login": True}
    assert f"Open      {provider.url}/enter\nenter     ABCD-EFGH\nlog in as {here.user}\n" in login.out
    assert f" ok   login    {here.user}\n" in login.out
    assert fetched[0]["taken"] == 1
    assert here.status()["token"]["needs_login"] is False


def test_a_browser_on_this_machine_opens_the_mailbox(
    token_dovecot: Dovecot, provider: IdentityProvider, tmp_path: Path
) -> None:
    here = desk(token_dovecot, provider, tmp_path, "authorization_code")
    command = [sys.executable, "-m", "postroom", "-c", str(here.config), "oauth", "login", "orders"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

    with subprocess.Popen(command, env=ENVIRONMENT | {"PYTHONUNBUFFERED": "1"}, **pipes) as login:
        assert login.stdout is not None
        url = next(line.strip() for line in login.stdout if line.startswith("http"))
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310  (http, of our own)
            seen = answer.read().decode()
        out, err = login.communicate(timeout=50)

    here.require_silence(out + err)
    assert (login.returncode, seen.partition(".")[0]) == (0, "postroom has its answer")
    assert f" ok   login    {here.user}\n" in out
    assert here.call("fetch", "--once", "--json").objects()[0]["taken"] == 1


def test_a_browser_elsewhere_ends_at_an_address_that_is_pasted(
    token_dovecot: Dovecot, provider: IdentityProvider, tmp_path: Path
) -> None:
    here = desk(token_dovecot, provider, tmp_path, "authorization_code")
    command = [
        sys.executable,
        "-m",
        "postroom",
        "-c",
        str(here.config),
        "oauth",
        "login",
        "orders",
        "--paste",
    ]
    pipe = subprocess.PIPE
    pipes: dict[str, Any] = {"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True}
    pipes["start_new_session"] = True  # without a terminal that it could ask instead

    with subprocess.Popen(command, env=ENVIRONMENT | {"PYTHONUNBUFFERED": "1"}, **pipes) as login:
        assert login.stdout is not None
        url = next(line.strip() for line in login.stdout if line.startswith("http"))
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        address = provider.authorize(query)
        out, err = login.communicate(f"{address}\n", timeout=50)

    here.require_silence(out + err)
    assert login.returncode == 0, err
    assert address not in out + err
    assert f" ok   login    {here.user}\n" in out


def test_the_login_of_somebody_else_is_told_at_once(
    token_dovecot: Dovecot, provider: IdentityProvider, tmp_path: Path
) -> None:
    here = desk(token_dovecot, provider, tmp_path, "device_code")
    provider.devices["next"] = ["user:somebody-else"]

    login = here.call("oauth", "login", "orders", answer=77)

    assert " FAIL login    localhost:" in login.out
    assert "[E-IMAP-AUTH]" in login.out
    assert f"the login must be that of {here.user}" in login.out


def test_the_three_failures_are_three(
    token_dovecot: Dovecot, provider: IdentityProvider, tmp_path: Path
) -> None:
    here = desk(token_dovecot, provider, tmp_path, "client_credentials")

    provider.mood.says = (401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid"})
    rejected = here.call("fetch", "--once", answer=77)
    provider.mood.says = (503, {})
    broken = here.call("fetch", "--once", answer=69)
    text = here.config.read_text().replace(f"{provider.url}/token", "http://127.0.0.1:9/token")
    here.config.write_text(text)
    unreachable = here.call("fetch", "--once", answer=69)

    assert "[E-OAUTH-REJECTED]" in rejected.err
    assert "Fix: client_secret is not the secret's Value" in rejected.err
    assert "[E-OAUTH-SERVER]" in broken.err
    assert "[E-OAUTH-NET]" in unreachable.err
    assert here.status()["error"]["code"] == "E-OAUTH-NET"


def test_check_goes_the_same_way_and_names_the_step(
    token_dovecot: Dovecot, provider: IdentityProvider, tmp_path: Path
) -> None:
    here = desk(token_dovecot, provider, tmp_path, "client_credentials")
    before = here.call("check", "--connect")
    here.call("fetch", "--once")

    there = here.call("check", "--connect")
    provider.mood.says = (400, {"error": "invalid_client"})
    text = here.config.read_text().replace('scope = ["mail"]', 'scope = ["other"]')
    here.config.write_text(text)
    refused = here.call("check", "--connect", answer=77)

    assert " ok   token    there is one that is good\n" in before.out
    assert " ok   token    there is one that is good\n" in there.out
    assert (
        " FAIL token    the token server refused orders: invalid_client  [E-OAUTH-REJECTED]\n" in refused.out
    )


@pytest.mark.usefixtures("own_places")  # on the cluster leg there is a database already
def test_before_the_first_login_check_says_what_to_do(
    token_dovecot: Dovecot, provider: IdentityProvider, tmp_path: Path
) -> None:
    here = desk(token_dovecot, provider, tmp_path, "device_code")
    shutil.rmtree(tmp_path / "state")  # as before any command

    answer = here.call("check", "--connect", answer=77)

    assert " FAIL token    there is no database yet" in answer.out
    assert "      Fix: postroom oauth login orders\n" in answer.out
    assert not (tmp_path / "state").exists()


def test_an_end_that_is_near_is_told(
    token_dovecot: Dovecot, provider: IdentityProvider, tmp_path: Path
) -> None:
    here = desk(token_dovecot, provider, tmp_path, "client_credentials", "secret_expires = 2020-01-31\n")

    fetched = here.call("fetch", "--once")
    status = here.call("status")

    (alarm,) = [json.loads(line) for line in fetched.err.splitlines() if '"login ends"' in line]
    assert (alarm["level"], alarm["source"], alarm["days"]) == ("warning", "orders", 0)
    assert alarm["ends_at"] == "2020-02-01T00:00:00+00:00"
    assert status.out.startswith("1 login ends within 14 days.\n")
    assert "\ntoken orders: good until " in status.out
    assert ", a person is needed by 2020-02-01 00:00:00Z\n" in status.out


def test_a_mailbox_without_an_oauth_table_has_no_login(
    token_dovecot: Dovecot, provider: IdentityProvider, tmp_path: Path
) -> None:
    here = desk(token_dovecot, provider, tmp_path, "client_credentials")

    refused = here.call("oauth", "login", "nobody", answer=64)

    assert 'there is no mailbox "nobody" with an oauth table' in refused.err
    assert "Fix: one of: orders" in refused.err


def test_every_key_is_a_new_one(tmp_path: Path) -> None:
    empty = tmp_path / "postroom.toml"
    empty.touch(0o600)

    one, other = postroom(empty, "oauth", "key").out, postroom(empty, "oauth", "key").out

    assert len(one) == len(other) == 45
    assert one != other
