from __future__ import annotations

from pathlib import Path

import pytest

from postroom.config.load import load
from postroom.errors import ConfigFault, Exit, Fault
from tests.unit.config.desk import Desk

MANY_FAULTS = """\
stat_dir = "x"
[orgs]
unknown = "quarantines"

[mailbox.orders]
hots = "imap.example"
user = "u"
poll = 60
webhook = 1
after = { action = "move", foldr = "Done" }

[maildir.intake]

[webhook]
url = "https://x"

[limits]
message = "big"
nesting = "30"
"""


def test_all_faults_are_told_at_once_each_with_its_line(desk: Desk) -> None:
    faults = desk.faults(MANY_FAULTS)

    assert faults == [
        'postroom.toml:1: stat_dir: unknown key; did you mean "state_dir"?',
        'postroom.toml:3: orgs.unknown: "quarantines" is not known; did you mean "quarantine"?',
        'postroom.toml:5: mailbox.orders.host: is missing; add host = "...": the IMAP server\'s name',
        'postroom.toml:6: mailbox.orders.hots: unknown key; did you mean "host"?',
        'postroom.toml:8: mailbox.orders.poll: must be a duration such as "90s", not a number',
        "postroom.toml:9: mailbox.orders.webhook: unknown key; not in this release",
        'postroom.toml:10: mailbox.orders.after.foldr: unknown key; did you mean "folder"?',
        "postroom.toml:12: maildir.intake.path: is missing; "
        'add path = "...": the folder that holds new, cur and tmp',
        "postroom.toml:14: webhook: unknown key; not in this release",
        'postroom.toml:18: limits.message: "big" is no size; write "512KiB", "25MB" or "1GiB"',
        "postroom.toml:19: limits.nesting: must be a whole number from 1 to 200, not text",
    ]


def test_the_error_carries_its_faults_and_its_exit_code(desk: Desk) -> None:
    with pytest.raises(ConfigFault) as caught:
        desk.load("[log]\nlevels = 1\n")

    assert caught.value.faults == (
        Fault("postroom.toml", 2, "log.levels", "unknown key", 'did you mean "level"?'),
    )
    assert (caught.value.code, caught.value.exit) == ("E-CONFIG", Exit.CONFIG)


HOST = 'host = "h"\nuser = "u"\npassword = "p"\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param(
            "mailbox = 3",
            "1: mailbox: must be a table of tables; write [mailbox.NAME], the name being your own",
            id="a family that is a number",
        ),
        pytest.param(
            '[[mailbox]]\nhost = "h"',
            "1: mailbox: must be a table of tables; write [mailbox.NAME], the name being your own",
            id="an array of tables",
        ),
        pytest.param(
            '[mailbox]\nhost = "h"',
            "2: mailbox.host: must be a table; it belongs in a table with a name of your own: [mailbox.NAME]",
            id="a mailbox without name",
        ),
        pytest.param(
            "[org]\nacme = true",
            "2: org.acme: must be a table; write [org.acme] and its keys below",
            id="an org that is no table",
        ),
        pytest.param(
            "limits = 3",
            "1: limits: must be a table; write [limits] and its keys below",
            id="a section that is a number",
        ),
        pytest.param(
            '[log]\nstate_dir = "/x"',
            "2: log.state_dir: unknown key; it belongs at the top of the file, above the first [table]",
            id="state_dir in a table",
        ),
        pytest.param(
            'level = "info"', "1: level: unknown key; it belongs in [log]", id="a key outside its table"
        ),
        pytest.param(
            "[log]\nwebhook = 1",
            "2: log.webhook: unknown key; not in this release",
            id="a key of a later release",
        ),
        pytest.param(
            '[mailbox.a]\nhost = "h"\nuser = "u"\nafter = "webhook"',
            '4: mailbox.a.after: "webhook" is not known; not in this release',
            id="a word of a later release",
        ),
        pytest.param(
            "[db]\nurl = 'postgresql://u:secret@h/d'",
            "2: db.url: has a password in it; it is shown to anybody; write it to db.password",
            id="a password in a URL",
        ),
        pytest.param(
            "[db]\nurl = 'postgresql://u@h/d?password=secret'",
            "2: db.url: has a password in it; it is shown to anybody; write it to db.password",
            id="a password among the options of a URL",
        ),
        pytest.param(
            "[db]\nurl = 'postgresql://u@h:port/d'",
            "2: db.url: must name a user, a server and a database; "
            'write "postgresql://postroom@db.example/postroom"',
            id="a server without a proper port",
        ),
        pytest.param(
            "[db]\nurl = 'mysql://u@h/d'",
            '2: db.url: is neither SQLite nor PostgreSQL; write "postgresql://postroom@db.example/postroom"',
            id="another database",
        ),
        pytest.param(
            "[db]\nurl = 'sqlite:///:memory:'",
            "2: db.url: must name a file, without options; "
            'the default is "sqlite:///{state_dir}/postroom.db"',
            id="a database in memory",
        ),
        pytest.param(
            "[db]\nurl = 'sqlite:///{state}/x'",
            "2: db.url: has a { that is not {state_dir}",
            id="an unknown brace",
        ),
        pytest.param(
            "[storage]\nurl = '/srv/archive'",
            '2: storage.url: must begin with file:// or s3://; write "file:///var/lib/postroom/archive", '
            'or "s3://BUCKET/PREFIX?endpoint=https://s3.example.com"',
            id="an archive that is no URL",
        ),
        pytest.param(
            "[storage]\nurl = 'file://x'",
            '2: storage.url: must name an absolute folder; write "file:///var/lib/postroom/archive"',
            id="a relative archive",
        ),
        pytest.param(
            "[org.Acme]",
            '1: org.Acme: "Acme" is no slug; lower-case letters, digits and "-", '
            "at most 63, a letter or digit first",
            id="a slug in capitals",
        ),
        pytest.param(
            f"[mailbox.a__b]\n{HOST}",
            '1: mailbox.a__b: "a__b" is no source name; lower-case letters, '
            'digits, "-" and single "_", at most 63, a letter or digit first',
            id="a source name",
        ),
        pytest.param(
            f"[mailbox.a-b]\n{HOST}[maildir.a_b]\npath = 'x'",
            "5: maildir.a_b: has the name of mailbox.a-b; a source's name is its own",
            id="one name, two sources",
        ),
        pytest.param(
            "[org.a]\n[org.b]\naliases = ['a']",
            '3: org.b.aliases: "a" is the slug of an org itself',
            id="an alias that is a slug",
        ),
        pytest.param(
            "[org.a]\naliases = ['x']\n[org.b]\naliases = ['x']",
            '4: org.b.aliases: "x" is an alias of a too',
            id="an alias twice",
        ),
        pytest.param(
            f"[mailbox.a]\n{HOST}[mailbox.b]\n{HOST}folder = 'inbox'\nport = 1993",
            '6: mailbox.b.host: mailbox.a polls "inbox" of this user too',
            id="one folder, two mailboxes",
        ),
        pytest.param(
            "[maildir.a]\npath = '/x'\n[maildir.b]\npath = '/x/'",
            "4: maildir.b.path: maildir.a takes mail from the same folder",
            id="one path, two Maildirs",
        ),
        pytest.param(
            f"[mailbox.a]\n{HOST}folder = 'A'\nfolders = ['B']",
            "5: mailbox.a.folder: stands beside folders; keep one of the two",
            id="folder and folders",
        ),
        pytest.param(
            f"[mailbox.a]\n{HOST}folders = ['INBOX', 'inbox']",
            '5: mailbox.a.folders: names "INBOX" twice',
            id="a folder twice",
        ),
        pytest.param(
            f"[mailbox.a]\n{HOST}folders = []",
            "5: mailbox.a.folders: must name at least one folder",
            id="no folder",
        ),
        pytest.param(
            f"[mailbox.a]\n{HOST}after = {{ action = 'seen', failed = 'INBOX' }}",
            '5: mailbox.a.after: moves mail to "INBOX", which is polled itself',
            id="failures moved to itself",
        ),
        pytest.param(
            f"[mailbox.a]\n{HOST}after = {{ action = 'move', folder = 'Inbox' }}",
            '5: mailbox.a.after: moves mail to "Inbox", which is polled itself',
            id="moved to itself",
        ),
        pytest.param(
            "[maildir.a]\npath = 'x'\nafter = { action = 'move', folder = '/srv/x' }",
            '3: maildir.a.after: "/srv/x" is no folder of the Maildir; '
            'write a name such as "Processed": it is made as the folder .Processed in it',
            id="a path to move to",
        ),
        pytest.param(
            f"[mailbox.a]\n{HOST}tls = 'off'",
            "5: mailbox.a.tls: would send the password to h "
            'unencrypted; tls = "implicit" or "starttls"; "off" is for this machine only',
            id="a password in the clear",
        ),
        pytest.param(
            "[maildir.a]\npath = 'x'\nto_cc = true",
            "3: maildir.a.to_cc: "
            "needs orgs.address with a domain of your own; write it like "
            '"orders+{org}@intake.example.com": To and Cc hold strangers\' addresses too',
            id="to_cc without a domain",
        ),
        pytest.param("a = 1\nb =", "2: no TOML: Invalid value; text stands in quotes", id="no value"),
        pytest.param(
            "a = 1\na = 2", "2: no TOML: Cannot overwrite a value; the key is there twice", id="a key twice"
        ),
        pytest.param("a = '''\n\nb", "3: no TOML: Expected \"'''\"", id="an open string"),
        pytest.param("\n[a]\nb = \x00", "3: no TOML: Invalid value; text stands in quotes", id="a NUL"),
    ],
)
def test_a_fault_names_its_line_and_the_way_out(desk: Desk, text: str, fault: str) -> None:
    assert desk.faults(text) == [f"postroom.toml:{fault}"]


def test_a_missing_file_is_named(desk: Desk) -> None:
    with pytest.raises(ConfigFault) as caught:
        load(Path("other.toml"), environ={}, cwd=desk.folder, home=desk.home, is_root=False)

    assert str(caught.value) == "other.toml: there is no such file; postroom init writes one"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"a = 1\nb = '\xff'", "postroom.toml:2: is not UTF-8; save it as UTF-8", id="latin-1"),
        pytest.param(b"#" * 1_100_000, "postroom.toml: is over 1 MiB and so no configuration", id="too big"),
        pytest.param(
            b"a = " + b"[" * 50_000,
            "postroom.toml:1: no TOML: lists or tables are nested too deeply",
            id="too deep",
        ),
        pytest.param(
            b"a = " + b"9" * 50_000, "postroom.toml:1: no TOML: a number is too long", id="too long"
        ),
    ],
)
def test_a_file_that_is_no_configuration_is_a_fault(desk: Desk, content: bytes, fault: str) -> None:
    path = desk.write("")
    path.write_bytes(content)

    with pytest.raises(ConfigFault) as caught:
        load(path, environ={}, cwd=desk.folder, home=desk.home, is_root=False)

    assert str(caught.value) == fault


def test_a_folder_in_place_of_the_file_is_a_fault(desk: Desk) -> None:
    with pytest.raises(ConfigFault) as caught:
        load(desk.folder, environ={}, cwd=desk.home, home=desk.home, is_root=False)

    assert str(caught.value) == f"{desk.folder}: cannot be read: Is a directory"
