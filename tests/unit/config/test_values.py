from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.config import mail_values as mail
from postroom.config import values as v
from postroom.config.secrets import secret
from postroom.config.settings import Action, After, Tls

KINDS: dict[str, v.Kind[Any]] = {
    "text": v.text("a name"),
    "boolean": v.boolean(),
    "whole": v.whole(1, 65535),
    "duration": v.duration("1s", "30d"),
    "size": v.size("1KiB", "2GiB"),
    "since": v.since(),
    "pause": v.pause_range(),
    "tls": v.choice(Tls),
    "level": v.word(("debug", "info")),
    "slugs": v.listing(mail.slug(), "slugs"),
    "path": v.path(),
    "host": mail.host(),
    "sender": mail.sender_pattern(),
    "address": mail.org_address(),
    "folder": mail.folder(),
    "trust": mail.trust(),
    "mailbox after": mail.after(
        (Action.KEEP, Action.SEEN, Action.FLAG, Action.MOVE, Action.LABEL, Action.DELETE)
    ),
    "maildir after": mail.after((Action.DELETE, Action.CUR, Action.MOVE)),
    "secret": secret(),
}


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("duration", "90s", 90.0),
        ("duration", "5m", 300.0),
        ("duration", "12h", 43_200.0),
        ("duration", "30d", 2_592_000.0),
        ("size", "1KiB", 1_024),
        ("size", "25MB", 25_000_000),
        ("size", "25 MB", 25_000_000),
        ("size", "1GiB", 1_073_741_824),
        ("size", "2048B", 2_048),
        ("since", "7d", 604_800.0),
        ("since", "all", None),
        ("pause", "30s..6h", (30.0, 21_600.0)),
        ("pause", "30s .. 30s", (30.0, 30.0)),
        ("tls", "starttls", Tls.STARTTLS),
        ("host", "imap.example.com", "imap.example.com"),
        ("host", "2001:db8::1", "2001:db8::1"),
        ("slugs", ["acme", "a", "0-1"], ("acme", "a", "0-1")),
        ("sender", "*@beta.example", "*@beta.example"),
        ("address", "*+{org}@*", "*+{org}@*"),
        ("address", "{org}@intake.example", "{org}@intake.example"),
        ("trust", "postfix", ("X-Original-To", "Delivered-To")),
        ("trust", "exim", ("Envelope-To",)),
        ("trust", "gmail", ("Delivered-To",)),
        ("trust", ["X-Envelope-To"], ("X-Envelope-To",)),
        ("mailbox after", "keep", After(Action.KEEP)),
        ("mailbox after", "flag", After(Action.FLAG, flag="\\Flagged")),
        ("mailbox after", {"action": "flag", "flag": "$Done"}, After(Action.FLAG, flag="$Done")),
        ("mailbox after", {"action": "move", "folder": "Done"}, After(Action.MOVE, folder="Done")),
        ("mailbox after", {"action": "label", "name": "taken"}, After(Action.LABEL, label="taken")),
        ("mailbox after", {"action": "seen", "failed": "Odd"}, After(Action.SEEN, failed="Odd")),
        (
            "mailbox after",
            {"action": "move", "folder": "Done", "failed": "Odd"},
            After(Action.MOVE, folder="Done", failed="Odd"),
        ),
        ("mailbox after", {"delete_after": "30d"}, After(Action.SEEN, delete_after_seconds=2_592_000.0)),
        (
            "mailbox after",
            {"action": "flag", "delete_after": "1h"},
            After(Action.FLAG, flag="\\Flagged", delete_after_seconds=3_600.0),
        ),
        ("maildir after", "cur", After(Action.CUR)),
    ],
)
def test_a_value_is_read_as_its_kind(kind: str, raw: object, value: object) -> None:
    assert KINDS[kind].parse(raw) == value


@pytest.mark.parametrize(
    ("kind", "raw", "message", "hint"),
    [
        ("text", "", "must be a name, but is empty", ""),
        ("text", "a\nb", "must be a name, without line ends or control characters", ""),
        ("boolean", "yes", "must be true or false, not text", ""),
        ("whole", True, "must be a whole number from 1 to 65535, not true or false", ""),
        ("whole", "993", "must be a whole number from 1 to 65535, not text", ""),
        ("whole", 65536, "must be a whole number from 1 to 65535", ""),
        ("duration", 60, 'must be a duration such as "90s", not a number', ""),
        ("duration", "5 minutes", '"5 minutes" is no duration', 'write "90s", "5m", "12h" or "30d"'),
        ("duration", "0s", '"0s" is out of bounds', 'at least "1s", at most "30d"'),
        ("size", "25 megabytes", '"25 megabytes" is no size', 'write "512KiB", "25MB" or "1GiB"'),
        ("size", "3GiB", '"3GiB" is out of bounds', 'at least "1KiB", at most "2GiB"'),
        ("since", "ever", '"ever" is no duration', 'write a duration such as "7d", or "all"'),
        ("pause", "30s", '"30s" is no range', 'write two durations such as "30s..6h"'),
        ("pause", "6h..30s", '"6h..30s" is no range', "the first pause is the shorter one, and not 0"),
        ("tls", "startls", '"startls" is not known', 'did you mean "starttls"?'),
        ("level", "zzz", '"zzz" is not known', "known: debug, info"),
        ("slugs", "acme", "must be a list of slugs, not text", ""),
        ("slugs", ["A", "ok", "b c"], '"A" is no slug; "b c" is no slug', mail.SLUG_RULE),
        (
            "host",
            "imap.example:993",
            '"imap.example:993" holds a port',
            'write host = "imap.example" and port = 993',
        ),
        (
            "host",
            "imaps://imap.example",
            '"imaps://imap.example" is no host name',
            "a name or an address only, no URL",
        ),
        (
            "sender",
            "beta.example",
            '"beta.example" is no sender',
            'write "*@beta.example" or "scan@beta.example"',
        ),
        ("address", "orders@x", '"orders@x" needs {org} exactly once', "it stands where the slug is"),
        ("address", "{org}{org}@x", '"{org}{org}@x" needs {org} exactly once', "it stands where the slug is"),
        ("address", "{org}", '"{org}" is no address', 'write it like "*+{org}@intake.example.com"'),
        ("trust", "postfx", '"postfx" is no profile', 'did you mean "postfix"?'),
        (
            "trust",
            ["Cc"],
            '"Cc" is written by the sender and proves nothing',
            "to_cc = true is the way to read To and Cc",
        ),
        ("trust", ["A B"], '"A B" is no header name', 'write it like "Delivered-To"'),
        ("trust", [], "must name at least one header", ""),
        (
            "mailbox after",
            "label",
            "label needs a name",
            'write after = { action = "label", name = "postroom/done" }',
        ),
        ("mailbox after", {"action": "seen", "name": "x"}, 'goes with action = "label" only', ""),
        (
            "mailbox after",
            {"action": "keep", "failed": "x"},
            "keep changes nothing in the mailbox",
            "leave out failed, or choose an action",
        ),
        (
            "mailbox after",
            {"action": "delete", "delete_after": "30d"},
            "goes with seen, flag and label only",
            'write after = { action = "seen", delete_after = "30d" }',
        ),
        ("maildir after", "label", '"label" is not known', "known: delete, cur, move"),
        ("maildir after", {"action": "cur", "failed": "x"}, "unknown key", ""),
        (
            "mailbox after",
            "move",
            "move needs a folder",
            'write after = { action = "move", folder = "Processed" }',
        ),
        ("mailbox after", {"action": "seen", "folder": "x"}, 'goes with action = "move" only', ""),
        ("mailbox after", {"action": "move", "foldr": "x"}, "unknown key", 'did you mean "folder"?'),
        ("mailbox after", {"folder": "x"}, "needs an action", "known: keep, seen, flag, move, label, delete"),
        (
            "mailbox after",
            {"action": "flag", "flag": "a b"},
            '"a b" is no IMAP flag',
            'write it like "$Processed" or "\\\\Flagged"',
        ),
        (
            "mailbox after",
            {"action": "flag", "flag": "\\deleted"},
            "\\Deleted lets the next client remove the mail",
            'write after = "delete"',
        ),
        ("maildir after", "seen", '"seen" is not known', "known: delete, cur, move"),
    ],
)
def test_a_wrong_value_says_what_was_wanted(kind: str, raw: object, message: str, hint: str) -> None:
    with pytest.raises(v.ValueFault) as fault:
        KINDS[kind].parse(raw)

    assert (fault.value.message, fault.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("kind", "text", "raw"),
    [
        ("boolean", "Yes", True),
        ("boolean", "0", False),
        ("boolean", "perhaps", "perhaps"),
        ("whole", "993", 993),
        ("whole", "-1", "-1"),
        ("slugs", "a, b", ["a", "b"]),
        ("slugs", '["a", "b"]', ["a", "b"]),
        ("slugs", "[a", "[a"),
        ("trust", "exim", "exim"),
        ("trust", "Envelope-To,Delivered-To", ["Envelope-To", "Delivered-To"]),
        ("mailbox after", "seen", "seen"),
        (
            "mailbox after",
            '{ action = "move", folder = "Done" }',
            {"action": "move", "folder": "Done"},
        ),
        ("secret", '{ file = "literal all the same" }', '{ file = "literal all the same" }'),
    ],
)
def test_a_variables_text_becomes_what_toml_would_hold(kind: str, text: str, raw: object) -> None:
    assert KINDS[kind].from_text(text) == raw


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes()
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.sampled_from(sorted(KINDS)), anything)
def test_no_value_whatever_raises_anything_but_a_fault(kind: str, raw: object) -> None:
    with suppress(v.ValueFault):
        KINDS[kind].parse(raw)


@given(st.sampled_from(sorted(KINDS)), st.text())
def test_no_variables_text_whatever_raises_anything_but_a_fault(kind: str, text: str) -> None:
    with suppress(v.ValueFault):
        KINDS[kind].parse(KINDS[kind].from_text(text))
