"""Nothing from a mail reaches a terminal as anything but text that can be seen."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.cli.tables import age, cell, shown, table
from postroom.cli.words import counted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("\x1b]0;owned\x07", r"\x1b]0;owned\x07", id="escape sequence"),
        pytest.param("\x9b31m", r"\x9b31m", id="eight-bit escape sequence"),
        pytest.param("a\r\n\tb", r"a\r\n\tb", id="line ends and tabs"),
        pytest.param("fdp\u202efdp.exe", r"fdp\u202efdp.exe", id="bidi override"),
        pytest.param("a\u200bb\ufeff", r"a\u200bb\ufeff", id="zero width"),
        pytest.param("\U000e0041", r"\U000e0041", id="tag letter"),
        pytest.param("Grüße 請求書 \U0001f600", "Grüße 請求書 \U0001f600", id="what can be seen stays"),
        pytest.param("[red]x[/red]", "[red]x[/red]", id="markup stays"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text: str, words: str) -> None:
    assert shown(text) == words


@given(st.text())
def test_no_text_whatever_reaches_the_terminal_with_a_control_in_it(text: str) -> None:
    assert all(letter.isprintable() or letter.isspace() for letter in shown(text))
    assert not set(shown(text)) & {chr(code) for code in (*range(32), *range(127, 160))}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(None, "-", id="nothing"),
        pytest.param("", "-", id="empty"),
        pytest.param(False, "no", id="no"),
        pytest.param(0, "0", id="zero"),
        pytest.param(datetime(2025, 3, 4, 9, 5, 6, 789, tzinfo=UTC), "2025-03-04 09:05:06Z", id="time"),
        pytest.param("x" * 61, "x" * 57 + "...", id="long text is cut"),
    ],
)
def test_a_cell_is_short_and_never_empty(value: object, words: str) -> None:
    assert cell(value) == words


def test_on_a_pipe_a_table_is_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    table(("id", "subject"), [(1, "\x1b[31mred"), (100, None)])

    assert capsys.readouterr().out == "id   subject\n1    \\x1b[31mred\n100  -\n"


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, *rows: tuple[object, ...]) -> str:
    """Return what a real terminal of that width gets for a table of an id and a subject."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    reading, writing = os.openpty()
    with os.fdopen(writing, "w", encoding="utf-8") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", terminal)
        table(("id", "subject"), rows)
    drawn = os.read(reading, 65536).decode()
    os.close(reading)
    return drawn


def test_on_a_terminal_markup_and_escape_sequences_stay_text(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = on_terminal(monkeypatch, 100, (1, "[red]\x1b[31m:smile:"))

    assert r"[red]\x1b[31m:smile:" in drawn
    assert "\x1b[31m" not in drawn


def test_on_a_narrow_terminal_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = on_terminal(
        monkeypatch, 20, ("01a20785-5c04-7bb1", "abcdefghijklmnopqrstuvwxyz0123456789-and-on")
    )

    first, *others = drawn.splitlines()[1:]
    assert first.split() == ["01a20785-5c04-7bb1", "abcdefghijklmnop"]
    assert "".join(other.strip() for other in others) == "qrstuvwxyz0123456789-and-on"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        pytest.param(None, "-", id="unknown"),
        pytest.param(59, "59 s", id="seconds"),
        pytest.param(7_199, "1 h", id="hours"),
        pytest.param(172_800, "2 d", id="days"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(seconds: int | None, words: str) -> None:
    assert age(seconds) == words


def test_a_count_has_its_noun() -> None:
    assert [counted(1, "mailbox", "mailboxes"), counted(2, "mailbox", "mailboxes"), counted(0, "mail")] == [
        "1 mailbox",
        "2 mailboxes",
        "0 mails",
    ]
