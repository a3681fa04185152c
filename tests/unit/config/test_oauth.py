"""How a mailbox gets its tokens: presets fill in what they know, and what cannot be is a fault."""

from __future__ import annotations

import json
from datetime import date

import pytest

from postroom.config.masked import Secret
from postroom.config.oauth import keys_in
from postroom.config.oauth_settings import Flow, Mechanism, OAuth
from postroom.config.settings import Mailbox
from tests.unit.config.desk import Desk

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
MICROSOFT = "https://login.microsoftonline.com/"
KEY_FILE = json.dumps({"client_email": "a@b.example", "private_key": "-----BEGIN"}, indent=2)


def box(desk: Desk, oauth: str, top: str = 'preset = "microsoft365"', *, secrets: bool = False) -> Mailbox:
    loaded = desk.load(text(oauth, top), secrets=secrets)
    assert loaded.warnings == ()
    return loaded.settings.mailbox["a"]


def text(oauth: str, top: str = 'preset = "microsoft365"', key: str = f'"{KEY}"') -> str:
    return f'[oauth]\nkey = {key}\n[mailbox.a]\nuser = "u@acme.example"\n{top}\n[mailbox.a.oauth]\n{oauth}\n'


def test_microsoft_for_a_program(desk: Desk) -> None:
    mailbox = box(
        desk,
        'flow = "client_credentials"\ntenant = "acme.example"\nclient_id = "id"\nclient_secret = "s"\n'
        "secret_expires = 2027-01-31",
        secrets=True,
    )

    assert (mailbox.host, mailbox.port) == ("outlook.office365.com", 993)
    assert mailbox.oauth == OAuth(
        flow=Flow.CLIENT_CREDENTIALS,
        client_id="id",
        client_secret=Secret("s"),
        secret_expires=date(2027, 1, 31),
        service_account=None,
        token_url=f"{MICROSOFT}acme.example/oauth2/v2.0/token",
        authorize_url=f"{MICROSOFT}acme.example/oauth2/v2.0/authorize",
        device_url=f"{MICROSOFT}acme.example/oauth2/v2.0/devicecode",
        scope=("https://outlook.office365.com/.default",),
        mechanism=Mechanism.XOAUTH2,
        tls_ca=None,
        login_days=None,
        redirect_host="localhost",
    )


def test_microsoft_for_a_person(desk: Desk) -> None:
    oauth = box(desk, 'flow = "device_code"\nclient_id = "id"').oauth

    assert oauth is not None
    assert oauth.device_url == f"{MICROSOFT}organizations/oauth2/v2.0/devicecode"
    assert oauth.scope == ("https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access")
    assert oauth.login_days == 90


def test_gmail_for_a_person(desk: Desk) -> None:
    mailbox = box(desk, 'flow = "authorization_code"\nclient_id = "id"', 'preset = "gmail"')

    assert mailbox.host == "imap.gmail.com"
    assert mailbox.oauth is not None
    assert mailbox.oauth.token_url == "https://oauth2.googleapis.com/token"
    assert mailbox.oauth.scope == ("https://mail.google.com/",)
    assert dict(mailbox.oauth.authorize_extras) == {"access_type": "offline", "prompt": "consent"}


def test_a_key_file_of_google_has_many_lines(desk: Desk) -> None:
    desk.write(KEY_FILE, "sa.json")

    mailbox = box(
        desk,
        'flow = "service_account"\nservice_account = { file = "sa.json" }',
        'preset = "gmail"',
        secrets=True,
    )

    assert mailbox.oauth is not None
    assert mailbox.oauth.service_account == Secret(KEY_FILE)


def test_a_provider_of_ones_own(desk: Desk) -> None:
    mailbox = box(
        desk,
        'flow = "device_code"\nclient_id = "id"\ntoken_url = "https://id.example/token"\n'
        'device_url = "https://id.example/device"\nscope = ["imap", "offline_access"]\n'
        'mechanism = "oauthbearer"',
        'host = "imap.example"',
    )

    assert mailbox.oauth is not None
    assert mailbox.oauth.token_url == "https://id.example/token"
    assert mailbox.oauth.scope == ("imap", "offline_access")
    assert mailbox.oauth.mechanism is Mechanism.OAUTHBEARER


def test_a_preset_alone_is_a_host_and_takes_a_password(desk: Desk) -> None:
    loaded = desk.load('[mailbox.a]\nuser = "u"\npassword = "p"\npreset = "gmail"')

    assert loaded.settings.mailbox["a"].host == "imap.gmail.com"
    assert loaded.warnings == ()


def test_a_password_at_microsoft_is_warned_of(desk: Desk) -> None:
    (warning,) = desk.load('[mailbox.a]\nuser = "u"\npassword = "p"\npreset = "microsoft365"').warnings

    assert warning.endswith(
        "mailbox.a.preset: Microsoft 365 takes no passwords over IMAP: add an oauth table"
    )


def test_an_inline_table_and_a_variable_do_as_well(desk: Desk) -> None:
    inline = 'oauth = { flow = "device_code", client_id = "id" }'
    variables = {"POSTROOM_MAILBOX__A__OAUTH__CLIENT_SECRET": "hush", "POSTROOM_OAUTH__KEY": KEY}

    loaded = desk.load(f'[mailbox.a]\nuser = "u"\npreset = "microsoft365"\n{inline}', variables, secrets=True)

    oauth = loaded.settings.mailbox["a"].oauth
    assert oauth is not None
    assert oauth.client_secret == Secret("hush")
    assert loaded.settings.oauth_key == Secret(KEY)
    assert "hush" not in str(loaded.shown.values()) + repr(loaded.settings)


PERSON = 'flow = "device_code"\nclient_id = "id"'
PROGRAM = 'flow = "client_credentials"\nclient_id = "id"'
OWN, MICROSOFT_365, GMAIL = 'host = "imap.example"', 'preset = "microsoft365"', 'preset = "gmail"'
FAULTS = {
    "no flow": ('client_id = "id"', OWN, "oauth.flow: is missing"),
    "an unknown flow": ('flow = "password"', OWN, '"password" is not known'),
    "no secret": (PROGRAM, MICROSOFT_365, 'client_secret: is missing; the flow "client_credentials" needs'),
    "no tenant": (PROGRAM + '\nclient_secret = "s"', MICROSOFT_365, "oauth.tenant: is missing"),
    "a device at Google": (PERSON, GMAIL, "Google lets no device read mail"),
    "a service account at Microsoft": (
        'flow = "service_account"',
        MICROSOFT_365,
        "is no way into this mailbox",
    ),
    "no token_url": (PERSON, OWN, "oauth.token_url: is missing"),
    "no device_url": (PERSON, OWN, "oauth.device_url: is missing"),
    "in the clear": (PERSON + '\ntoken_url = "http://id.example/t"', OWN, "would send a secret unencrypted"),
    "no address": (PERSON + '\ntoken_url = "id.example"', OWN, "is no web address"),
    "a user in it": (PERSON + '\ntoken_url = "https://u:p@id.example/"', OWN, "holds a user"),
    "no day": (PERSON + '\nsecret_expires = "soon"', OWN, "is no day"),
    "a password too": (PERSON, MICROSOFT_365 + '\npassword = "p"', "password: stands beside oauth"),
    "a slip of the pen": (PERSON, 'preset = "microsoft356"', 'did you mean "microsoft365"'),
    "no TLS": (PERSON, MICROSOFT_365 + '\ntls = "off"', "would send the token to"),
    "no host": (PERSON, "", "host: is missing"),
}


@pytest.mark.parametrize(("oauth", "top", "words"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_is_a_fault(desk: Desk, oauth: str, top: str, words: str) -> None:
    assert words in "\n".join(desk.faults(text(oauth, top)))


def test_tokens_are_not_kept_without_a_key(desk: Desk) -> None:
    (fault,) = desk.faults(f'[mailbox.a]\nuser = "u"\npreset = "microsoft365"\n[mailbox.a.oauth]\n{PERSON}')

    assert "mailbox.a.oauth.flow: needs oauth.key, which encrypts the tokens" in fault
    assert "postroom oauth key makes one" in fault


@pytest.mark.parametrize("key", ['"short"', '"not base64 at all!"', f'"{KEY} short"', '"  "'])
def test_a_key_that_is_none_is_a_fault_that_does_not_show_it(desk: Desk, key: str) -> None:
    faults = "\n".join(desk.faults(text(PERSON, key=key), secrets=True))

    assert "oauth.key: is no key of ours; postroom oauth key prints a new one" in faults
    assert "short" not in faults


def test_a_key_file_that_is_none_is_a_fault_that_does_not_show_it(desk: Desk) -> None:
    desk.write('{"client_email": "a", "private_kez": "hush"}', "sa.json")

    oauth = 'flow = "service_account"\nservice_account = { file = "sa.json" }'
    (fault,) = desk.faults(text(oauth, 'preset = "gmail"'), secrets=True)

    assert "oauth.service_account: is no key file of a service account" in fault
    assert "hush" not in fault


@pytest.mark.parametrize("between", [",", " ", "\n", ", \r\n"])
def test_keys_stand_one_after_the_other(between: str) -> None:
    assert keys_in(Secret(f"{KEY}{between}OLD=")) == [KEY, "OLD="]
