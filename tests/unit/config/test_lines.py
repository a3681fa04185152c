from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.config.lines import Dotted, Lines

TEXT = '''\
# a comment with [table] and key = 1
state_dir = "/x"  # [not.a.table]

[limits]
message = """
nesting = 5
[log]
""\\"
"""

attachments = [
  1, # ] and nesting = 6
  "]",
  [2, 3],
] # the end
nesting = 7

[ mailbox . "orders" ]
host = 'a = """ b'
"user" = "q\\"[x]"
password = { file = "]", x = "}" }
after.action = "move"
after.folder = "Done"
mailbox.deep.er = {}
note = """"quoted""""
[mailbox."b\\u0031"] # with an escape
host = '''
TEXT += "'''\n[log]\nlevel = 1\n''''\nport = 1\n"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("state_dir",), 2),
        (("limits",), 4),
        (("limits", "message"), 5),
        (("limits", "attachments"), 11),
        (("limits", "nesting"), 16),
        (("mailbox",), 18),
        (("mailbox", "orders"), 18),
        (("mailbox", "orders", "host"), 19),
        (("mailbox", "orders", "user"), 20),
        (("mailbox", "orders", "password"), 21),
        (("mailbox", "orders", "after"), 22),
        (("mailbox", "orders", "after", "folder"), 23),
        (("mailbox", "orders", "mailbox", "deep", "er"), 24),
        (("mailbox", "orders", "note"), 25),
        (("mailbox", "b1"), 26),
        (("mailbox", "b1", "host"), 27),
        (("mailbox", "b1", "port"), 31),
    ],
)
def test_each_key_is_found_on_its_line(path: Dotted, line: int) -> None:
    tomllib.loads(TEXT)  # the text is TOML, or the table above proves nothing

    assert Lines(TEXT).of(path) == line


def test_a_key_inside_an_inline_table_is_on_the_line_of_the_table() -> None:
    lines = Lines('[mailbox.a]\nhost = "h"\nafter = { action = "move", foldr = "x" }\n')

    assert lines.of(("mailbox", "a", "after", "foldr")) == 3


def test_windows_line_ends_count_once() -> None:
    assert Lines("a = 1\r\n\r\n[b]\r\nc = 2\r\n").of(("b", "c")) == 4


keys = st.text("ab-_1", min_size=1, max_size=3)
words = st.text("x\"'\\[]{}#=\n\r\t", max_size=12)


def _literal(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r")
    return f'"""{escaped}"""'


@given(st.dictionaries(keys, st.lists(words, max_size=2), min_size=1, max_size=5), st.booleans())
def test_no_value_whatever_hides_the_line_of_the_next_key(
    values: dict[str, list[str]], in_lists: bool
) -> None:
    text, expected = "[table]\n", {}
    for key, found in values.items():
        expected[key] = text.count("\n") + 1
        strings = [_literal(word) for word in found] or ["0"]
        value = "[\n" + ", # ]\n".join(strings) + "\n]" if in_lists else strings[0]
        text += f"{key} = {value} # x\n"
    tomllib.loads(text)

    lines = Lines(text)

    assert {key: lines.of(("table", key)) for key in values} == expected


@given(st.text())
def test_no_text_whatever_breaks_the_scanner(text: str) -> None:
    assert Lines(text).of(("nothing",)) >= 1
