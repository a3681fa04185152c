"""The keys of OAuth 2.0: how a mailbox gets its tokens, and with what they are encrypted."""

from __future__ import annotations

from postroom.config import net_values as net
from postroom.config import values as v
from postroom.config.config_key import Key
from postroom.config.dates import day
from postroom.config.oauth_presets import PRESETS
from postroom.config.oauth_settings import Flow, Mechanism
from postroom.config.secrets import secret

ENCRYPTION_KEY = Key(
    "oauth.key",
    v.optional(secret(many_lines=True)),
    None,
    "what tokens are encrypted with: the first key; older ones behind it still open them",
)
PRESET = Key(
    "mailbox.*.preset", v.optional(v.word(PRESETS)), None, "the provider: fills the host and what oauth needs"
)
FLOW = Key("mailbox.*.oauth.flow", v.optional(v.choice(Flow)), None, "by which grant tokens are got")
TENANT = Key("mailbox.*.oauth.tenant", v.optional(v.text("a tenant")), None, "Microsoft's tenant")
CLIENT_ID = Key("mailbox.*.oauth.client_id", v.optional(v.text("a client id")), None, "the program's own id")
CLIENT_SECRET = Key("mailbox.*.oauth.client_secret", v.optional(secret()), None, "the secret of that id")
SECRET_EXPIRES = Key("mailbox.*.oauth.secret_expires", v.optional(day()), None, "the last day of that secret")
SERVICE_ACCOUNT = Key(
    "mailbox.*.oauth.service_account",
    v.optional(secret(many_lines=True)),
    None,
    "the key file (JSON) of a Google service account",
)
TOKEN_URL = Key("mailbox.*.oauth.token_url", v.optional(net.web_address()), None, "where tokens are got")
AUTHORIZE_URL = Key(
    "mailbox.*.oauth.authorize_url", v.optional(net.web_address()), None, "where a person logs in"
)
DEVICE_URL = Key(
    "mailbox.*.oauth.device_url", v.optional(net.web_address()), None, "where a device's code is asked for"
)
SCOPE = Key(
    "mailbox.*.oauth.scope",
    v.optional(v.listing(v.text("a scope"), "scopes")),
    None,
    "what the tokens shall be good for",
)
MECHANISM = Key(
    "mailbox.*.oauth.mechanism", v.choice(Mechanism), "auto", "how a token is shown to the mail server"
)
TLS_CA = Key("mailbox.*.oauth.tls_ca", v.path(), None, "PEM file of the CA of the token server")

OF_A_MAILBOX = (
    *(FLOW, TENANT, CLIENT_ID, CLIENT_SECRET, SECRET_EXPIRES, SERVICE_ACCOUNT),
    *(TOKEN_URL, AUTHORIZE_URL, DEVICE_URL, SCOPE, MECHANISM, TLS_CA),
)
