from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.config.schema import keys
from postroom.config.settings import Action, After, Tls
from postroom.config.template import Answers, template
from tests.unit.config.desk import Desk

PLUS_TAG = Answers("imap.example.com", "orders@intake.example", "p", address="orders+{org}@intake.example")


def test_the_answers_are_what_is_loaded(desk: Desk) -> None:
    answers = Answers(
        "imap.example.com",
        "orders@acme.example",
        {"env": "IMAP_PASSWORD"},
        org="acme",
        since="all",
        after={"action": "move", "folder": "Processed"},
        name="orders",
        more={"tls": "starttls", "port": 1143},
    )

    loaded = desk.load(template(answers), {"IMAP_PASSWORD": "x"}, secrets=True)

    box = loaded.settings.mailbox["orders"]
    assert loaded.warnings == ()
    assert (box.host, box.user, box.port, box.tls) == (
        "imap.example.com",
        "orders@acme.example",
        1143,
        Tls.STARTTLS,
    )
    assert (box.since_seconds, box.after) == (None, After(Action.MOVE, folder="Processed"))
    assert box.recipients.org == "acme"
    assert list(loaded.settings.org) == ["acme"]


def test_a_plus_tag_address_goes_to_the_orgs_table(desk: Desk) -> None:
    found = desk.load(template(PLUS_TAG)).settings

    assert found.orgs.address == "orders+{org}@intake.example"
    assert found.mailbox["inbox"].recipients.org is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1), st.text(min_size=1))
def test_no_answer_whatever_breaks_out_of_its_quotes(desk: Desk, user: str, password: str) -> None:
    text = template(Answers("imap.example.com", user, password))

    faults = desk.faults(text)

    assert [fault for fault in faults if not re.search(r"mailbox\.inbox\.(user|password): ", fault)] == []


def test_every_key_stands_in_it_as_a_comment_that_may_be_taken_off(desk: Desk) -> None:
    text = re.sub(r"(?m)^# (?=\[|\w+ = )", "", template(PLUS_TAG))
    text = re.sub(
        r"(?m)^folder = .*\n", "", text
    )  # it stands beside folders, and only one of them may be set

    loaded = desk.load(text)

    written = {key: origin for key, origin in loaded.origins.items() if "maildir.relay." not in key}
    generic = {re.sub(r"^(org|mailbox|maildir)\.[^.]+", r"\1.*", key) for key in written}
    once = {key for key in keys() if not re.search(r"\.\*\.(documents|oauth)\.", key)}
    assert generic == once - {"mailbox.*.folder"}
    assert {origin for origin in written.values() if not origin.startswith("postroom.toml:")} == set()
