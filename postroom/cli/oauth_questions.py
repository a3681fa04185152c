"""What `postroom init` asks of a mailbox that is opened by OAuth 2.0: the provider, the program's id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from postroom.config.oauth_presets import PRESETS
from postroom.config.oauth_settings import Flow
from postroom.errors import UsageFault

_PAGES = {"microsoft365": "docs/how-to/microsoft-365.md", "gmail": "docs/how-to/gmail.md"}


@dataclass(frozen=True, slots=True)
class GivenOAuth:
    """The options about OAuth, None where one was not given."""

    preset: str | None = None
    flow: str | None = None
    tenant: str | None = None
    client_id: str | None = None
    client_secret_file: str | None = None
    service_account_file: str | None = None

    @property
    def is_wanted(self) -> bool:
        """Return whether a mailbox is to be opened with a token rather than a password."""
        return self.preset == "microsoft365" or any((self.flow, self.client_id, self.service_account_file))


def oauth_keys(given: GivenOAuth, *, yes: bool) -> Mapping[str, object]:
    """Return the keys of the oauth table as TOML holds them, asking for what is missing unless `yes`.

    Raises UsageFault.
    """
    if given.preset is None:
        raise UsageFault("--preset is missing", fix=f"one of: {', '.join(PRESETS)}")
    flow = _flow(given)
    keys: dict[str, object] = {"flow": str(flow)}
    if given.preset == "microsoft365":
        keys["tenant"] = _asked(
            given.tenant, "--tenant", "Tenant: a domain such as acme.example, or its id", yes
        )
    if flow is Flow.SERVICE_ACCOUNT:
        keys["service_account"] = _file(given.service_account_file, "--service-account-file", yes)
        return keys
    keys["client_id"] = _asked(
        given.client_id, "--client-id", f"Client id ({_PAGES[given.preset]} has every click)", yes
    )
    if given.client_secret_file or flow is Flow.CLIENT_CREDENTIALS:
        keys["client_secret"] = _file(given.client_secret_file, "--client-secret-file", yes)
    return keys


def _flow(given: GivenOAuth) -> Flow:
    """Return the flow that was named, else the one that fits what was given.  Raises UsageFault."""
    refusals = PRESETS[given.preset or ""].refusals
    if given.flow:
        flow = Flow(given.flow)
    elif given.service_account_file:
        flow = Flow.SERVICE_ACCOUNT
    elif given.preset == "microsoft365":
        flow = Flow.CLIENT_CREDENTIALS if given.client_secret_file else Flow.DEVICE_CODE
    else:
        flow = Flow.AUTHORIZATION_CODE
    if flow in refusals:
        raise UsageFault(f"--flow: {flow} is no way into this mailbox", fix=refusals[flow])
    return flow


def _asked(value: str | None, option: str, words: str, yes: bool) -> str:
    if value:
        return value
    if yes:
        raise UsageFault(f"{option} is missing", fix="--yes asks no questions")
    return str(click.prompt(f"   {words}"))


def _file(value: str | None, option: str, yes: bool) -> Mapping[str, object]:
    where = _asked(value, option, f"{option[2:].replace('-', ' ').capitalize()}", yes)
    return {"file": str(Path(where).expanduser().absolute())}
