"""What is a document: for all mail, for an org, for a source."""

from __future__ import annotations

import pytest

from postroom.core.rules import DEFAULT_RULES, Body, Changes, Inline, Rules
from tests.unit.config.desk import Desk

BOX = '[mailbox.orders]\nhost = "h"\nuser = "u"\npassword = "p"\n'


def test_an_empty_file_wants_everything(desk: Desk) -> None:
    found = desk.load("[org.acme]\n").settings

    assert found.documents == DEFAULT_RULES
    assert found.org["acme"].documents == Changes()


def test_every_key_finds_its_rule(desk: Desk) -> None:
    found = desk.load(
        """
        [documents]
        kinds = ["application/PDF", "application/xml; profile=ubl-*"]
        skip_kinds = ["image/*"]
        names = ["*.pdf"]
        skip_names = ["logo*"]
        min_size = "1KiB"
        max_size = "10MB"
        inline = "unshown"
        body = ["html", "text"]
        """
    ).settings

    assert found.documents == Rules(
        kinds=("application/pdf", "application/xml; profile=ubl-*"),
        skip_kinds=("image/*",),
        names=("*.pdf",),
        skip_names=("logo*",),
        min_bytes=1024,
        max_bytes=10_000_000,
        inline=Inline.UNSHOWN,
        body=(Body.HTML, Body.TEXT),
    )


def test_an_org_and_a_source_say_only_what_they_want_otherwise(desk: Desk) -> None:
    found = desk.load(
        f'{BOX}documents.inline = "keep"\n'
        '[org.acme.documents]\nbody = ["text"]\n'
        '[maildir.intake]\npath = "x"\n[maildir.intake.documents]\nkinds = ["image/*"]\n'
    ).settings

    assert found.org["acme"].documents == Changes(body=(Body.TEXT,))
    assert found.mailbox["orders"].documents == Changes(inline=Inline.KEEP)
    assert found.maildir["intake"].documents == Changes(kinds=("image/*",))


def test_a_later_file_changes_one_key_of_the_inner_table(desk: Desk) -> None:
    desk.write('[org.acme.documents]\nnames = ["*.xml"]\n', "conf.d/10.toml")

    found = desk.load('[org.acme.documents]\nnames = ["*.pdf"]\ninline = "keep"\n').settings

    assert found.org["acme"].documents == Changes(names=("*.xml",), inline=Inline.KEEP)


def test_a_variable_sets_a_key_of_the_inner_table(desk: Desk) -> None:
    environ = {
        "POSTROOM_ORG__ACME__DOCUMENTS__SKIP_NAMES": "*.vcf,*.ics",
        "POSTROOM_DOCUMENTS__BODY": "text",
    }

    loaded = desk.load("", environ)

    assert loaded.settings.org["acme"].documents == Changes(skip_names=("*.vcf", "*.ics"))
    assert loaded.settings.documents.body == (Body.TEXT,)
    assert loaded.origins["org.acme.documents.skip_names"].startswith("env ")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "[documents]\nkind = []",
            '2: documents.kind: unknown key; did you mean "kinds"?',
        ),
        (
            "[org.acme.documents]\nbodies = []",
            '2: org.acme.documents.bodies: unknown key; did you mean "body"?',
        ),
        (
            '[documents]\nkinds = ["pdf"]',
            '2: documents.kinds: "pdf" is no media type; write it like "application/pdf", "image/*" or '
            '"application/xml; profile=ubl-*"',
        ),
        (
            '[org.acme]\ndocuments = "all"',
            "2: org.acme.documents: must be a table; write [org.acme.documents] and its keys below",
        ),
        (
            '[documents]\ninline = "yes"',
            '2: documents.inline: "yes" is not known; known: skip, unshown, keep',
        ),
        (
            '[documents]\nmin_size = "2MB"\nmax_size = "1MB"',
            "3: documents.max_size: is less than min_size, so nothing would be a document",
        ),
        (
            '[limits]\nunpack = "rar"',
            '2: limits.unpack: "rar" is not known; known: off, zip',
        ),
    ],
)
def test_a_fault_names_the_key_the_line_and_the_way_out(desk: Desk, text: str, fault: str) -> None:
    assert f"postroom.toml:{fault}" in "\n".join(desk.faults(text))


def test_the_limits_of_containers_are_read(desk: Desk) -> None:
    found = desk.load(
        '[limits]\nunpack = "zip"\nunpack_files = 5\nunpack_total = "1MB"\nunpack_ratio = 9\n'
        'unpack_memory = "256MiB"\nunpack_time = "5s"\n'
    ).settings.limits

    assert (found.unpack_zip, found.unpack_files, found.unpack_total_bytes) == (True, 5, 1_000_000)
    assert (found.unpack_ratio, found.unpack_memory_bytes, found.unpack_seconds) == (9, 256 << 20, 5.0)
