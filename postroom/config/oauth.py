"""Building a mailbox's OAuth settings out of its keys and its preset, and the key that encrypts tokens."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from postroom.config import oauth_keys as o
from postroom.config.config_key import Key
from postroom.config.masked import Secret
from postroom.config.oauth_presets import PRESETS, Preset
from postroom.config.oauth_settings import Flow, Mechanism, OAuth
from postroom.config.reader import Table

_KEY_BYTES = 32
_NEEDED = {
    Flow.CLIENT_CREDENTIALS: (o.CLIENT_ID, o.CLIENT_SECRET),
    Flow.DEVICE_CODE: (o.CLIENT_ID,),
    Flow.AUTHORIZATION_CODE: (o.CLIENT_ID,),
    Flow.SERVICE_ACCOUNT: (o.SERVICE_ACCOUNT,),
}


def preset_of(table: Table) -> Preset | None:
    """Return the preset that a mailbox names, if it names one."""
    name = table.take(o.PRESET)
    return PRESETS[name] if name else None


def uses_oauth(table: Table) -> bool:
    """Return whether a mailbox has any key of its oauth table."""
    return any(table.has(key) for key in o.OF_A_MAILBOX)


def oauth(table: Table, preset: Preset | None) -> OAuth | None:
    """Return how a mailbox gets its tokens, None where it has no oauth table."""
    if not uses_oauth(table):
        return None
    flow = table.take(o.FLOW)
    if flow is None:
        table.fault(o.FLOW, "is missing", f"one of {', '.join(Flow)}")
        flow = Flow.CLIENT_CREDENTIALS
    else:
        _require(table, flow, preset)
    return OAuth(
        flow=flow,
        client_id=table.take(o.CLIENT_ID) or "",
        client_secret=table.take_secret(o.CLIENT_SECRET),
        secret_expires=table.take(o.SECRET_EXPIRES),
        service_account=_service_account(table),
        token_url=_address(table, o.TOKEN_URL, preset.token_url if preset else "", flow),
        authorize_url=_address(table, o.AUTHORIZE_URL, preset.authorize_url if preset else "", flow),
        device_url=_address(table, o.DEVICE_URL, preset.device_url if preset else "", flow),
        scope=_scope(table, preset, flow),
        mechanism=_mechanism(table, preset),
        tls_ca=table.take_file(o.TLS_CA),
        login_days=preset.login_days if preset and flow.needs_a_person else None,
        redirect_host=preset.redirect_host if preset else "127.0.0.1",
        authorize_extras=preset.authorize_extras if preset else (),
    )


def encryption_key(table: Table) -> Secret | None:
    """Return the keys that tokens are encrypted with, as one text; None where there is none."""
    found = table.take_secret(o.ENCRYPTION_KEY)
    if found is not None and not (keys_in(found) and all(map(_is_key, keys_in(found)))):
        table.fault(o.ENCRYPTION_KEY, "is no key of ours", "postroom oauth key prints a new one")
    return found


def keys_in(text: Secret) -> list[str]:
    """Return the single keys: commas, blanks and line ends are between them."""
    return text.reveal().replace(",", " ").split()


def _is_key(text: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(text.encode())) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def _require(table: Table, flow: Flow, preset: Preset | None) -> None:
    """Note what the flow needs and does not have, and that the provider has no such flow."""
    if preset is not None and flow in preset.refusals:
        table.fault(o.FLOW, f'"{flow}" is no way into this mailbox', preset.refusals[flow])
        return
    for key in _NEEDED[flow]:
        if not table.has(key):
            leaf = key.leaf.removeprefix("oauth.")
            table.fault(key, "is missing", f'the flow "{flow}" needs {leaf}: {key.meaning}')


def _service_account(table: Table) -> Secret | None:
    found = table.take_secret(o.SERVICE_ACCOUNT)
    if found is not None and not _is_key_file(found.reveal()):
        hint = "the JSON file that Google let you download when the key was made, not its content in parts"
        table.fault(o.SERVICE_ACCOUNT, "is no key file of a service account", hint)
    return found


def _is_key_file(text: str) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    wanted = ("client_email", "private_key")
    return isinstance(found, dict) and all(isinstance(found.get(name), str) for name in wanted)


def _scope(table: Table, preset: Preset | None, flow: Flow) -> tuple[str, ...]:
    found = table.take(o.SCOPE)
    if found is None:
        return preset.scope.get(flow, ()) if preset else ()
    return found


def _mechanism(table: Table, preset: Preset | None) -> Mechanism:
    return table.take(o.MECHANISM, preset.mechanism if preset else None)


def _address(table: Table, key: Key[Any], preset: str, flow: Flow) -> str:
    """Return an address with the tenant filled in; one that the flow needs and nobody knows is a fault."""
    address: str = table.take(key) or preset
    wanted = {o.TOKEN_URL: True, o.AUTHORIZE_URL: flow is Flow.AUTHORIZATION_CODE}
    if not address and wanted.get(key, flow is Flow.DEVICE_CODE):
        table.fault(key, "is missing", f"{key.meaning}; or name a preset: {', '.join(PRESETS)}")
    if "{tenant}" not in address:
        return address
    tenant = table.take(o.TENANT)
    if tenant is None and flow is Flow.CLIENT_CREDENTIALS:
        hint = "the Directory (tenant) ID, or a domain of the tenant such as acme.example"
        table.fault(o.TENANT, "is missing", hint)
    return address.replace("{tenant}", tenant or "organizations")
