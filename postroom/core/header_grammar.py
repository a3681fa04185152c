"""How the lines of a header end, and what its fields look like then."""

from __future__ import annotations

import re


class Grammar:
    """The patterns of a header whose lines end in one way; all of them take time linear in what they read."""

    def __init__(self, end: bytes, rest: bytes, before_end: bytes) -> None:
        # RFC 5322 2.2: printable ASCII but ":"; 4.5.1 allows blanks before the colon.
        name = rb"([!-9;-~]{1,255})[ \t]*:"
        field = name + rb"(" + rest + rb"(?>(?:" + end + rb"[ \t]" + rest + rb")*))"
        # A parameter at the start of a line is a fold whose blank was lost.
        fold = rb"(?:[ \t]|[A-Za-z0-9*_-]{1,80}[ \t]?=)"
        content = name + rb"(" + rest + rb"(?>(?:" + end + fold + rest + rb")*))"
        # Nearly all are such: another field or a blank line behind them leaves no doubt where they end.
        behind = end + rb"(?:(?=[!-,.-9;-~])|(" + before_end + end + rb"))"
        self.field, self.sound_field = re.compile(field), re.compile(field + behind)
        self.content, self.sound_content = re.compile(content), re.compile(content + behind)
        self.line = re.compile(rest + rb"(?:" + end + rb")?")
        self.blank = re.compile(rb"[ \t]*+" + before_end + rb"(?:" + end + rb"|\Z)")
        self.body = re.compile(end + rb"(?:(?=--)|" + before_end + end + rb")")


# Bare CR ends a line only where the first line ends so; in a mail with LF it is content, or else a sender
# could start a field where the server that wrote the field saw none (RFC 5322 2.3).
_WITH_LF = Grammar(rb"\n", rb"[^\n]*+", rb"\r*+")
_WITH_CR = Grammar(rb"(?:\r\n?+|\n)", rb"[^\r\n]*+", rb"")
_FIRST_BREAK = re.compile(rb"[\r\n]")
_LONE_CR = re.compile(rb"\r++(?!\n)")


def lines_end_in_cr(head: bytes) -> bool:
    """Return whether the first line ends in a CR that no LF follows, as old Macintosh files do."""
    found = _FIRST_BREAK.search(head)
    return found is not None and _LONE_CR.match(head, found.start()) is not None


def grammar_of(head: bytes) -> Grammar:
    """Return the patterns for a header that begins with `head`."""
    return _WITH_CR if lines_end_in_cr(head) else _WITH_LF
