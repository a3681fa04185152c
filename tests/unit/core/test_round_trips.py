"""Mails written with known truth, read again: the truth comes back, exactly."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from postroom.core.mime import walk
from tests.decoding import read


@dataclass(frozen=True)
class Leaf:
    """A document as it was put in."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Branch:
    """A multipart, or an attached message where `boundary` is empty."""

    boundary: str
    children: tuple[Leaf | Branch, ...]


Category: TypeAlias = Literal["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"]
UNSEEN: tuple[Category, ...] = ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=UNSEEN), min_size=1, max_size=60).filter(
    lambda name: "=?" not in name
)
# Prefixes of each other on purpose, with what a careless reader takes for the end.
BOUNDARIES = st.text("b-", min_size=1, max_size=4).map(lambda text: f"={text}x") | st.sampled_from(
    ["b", "bb", "b--", "--b", "b-1", "=_b", "b:c", "a b"]
)
LEAVES = st.builds(Leaf, NAMES, st.binary(max_size=300))
TREES = st.recursive(
    st.builds(Branch, BOUNDARIES, st.lists(LEAVES, min_size=1, max_size=3).map(tuple)),
    lambda inner: st.builds(
        Branch, BOUNDARIES | st.just(""), st.lists(inner | LEAVES, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=8,
)


def as_words(name: str) -> str:
    """Write a name in RFC 2047 words, cut within characters as senders do."""
    letters = name.encode()
    pieces = [letters[at : at + 7] for at in range(0, len(letters), 7)]
    words = " ".join(f"=?utf-8?B?{base64.b64encode(piece).decode()}?=" for piece in pieces)
    return f'Content-Disposition: attachment; filename="{words}"'


def as_pieces(name: str) -> str:
    """Write a name by RFC 2231, in pieces that are folded."""
    escaped = [f"%{code:02X}" for code in name.encode()]
    pieces = ["".join(escaped[at : at + 9]) for at in range(0, len(escaped), 9)]
    first = f"filename*0*=UTF-8''{pieces[0]}"
    rest = "".join(f";\n filename*{number}*={piece}" for number, piece in enumerate(pieces[1:], 1))
    return f"Content-Disposition: attachment; {first}{rest}"


def as_quoted(name: str) -> str:
    """Write a name in 8-bit bytes, as RFC 6532 allows."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'content-disposition:attachment ;\n\tFILENAME="{escaped}"'


def as_base64(content: bytes) -> tuple[str, bytes]:
    return "BASE64 ", base64.encodebytes(content)


def as_quoted_printable(content: bytes) -> tuple[str, bytes]:
    letters = [bytes((code,)) if 33 <= code <= 126 and code != 61 else b"=%02X" % code for code in content]
    lines = (b"".join(letters[at : at + 20]) for at in range(0, len(letters), 20))
    return "quoted-printable", b"=\n".join(lines)


def as_uuencode(content: bytes) -> tuple[str, bytes]:
    lines = [binascii.b2a_uu(content[at : at + 45], backtick=True) for at in range(0, len(content), 45)]
    return "x-uuencode", b"begin 644 x\n" + b"".join(lines) + b"`\nend\n"


HEADERS: list[Callable[[str], str]] = [as_words, as_pieces, as_quoted]
ENCODINGS: list[Callable[[bytes], tuple[str, bytes]]] = [as_base64, as_quoted_printable, as_uuencode]


@dataclass
class Writer:
    """Writes a tree; every choice is drawn."""

    draw: Callable[[st.SearchStrategy[int]], int]
    numbers: Iterator[int]

    def choose(self, among: list[Callable[..., object]]) -> Callable[..., object]:
        return among[self.draw(st.integers(0, len(among) - 1))]

    def leaf(self, leaf: Leaf) -> bytes:
        encoding, body = ENCODINGS[self.draw(st.integers(0, 2))](leaf.content)
        disposition = HEADERS[self.draw(st.integers(0, 2))](leaf.name)
        lies = ["", "Content-Length: 3\n", "Content-Type: text/html; charset=no-such\n", "X: \u00ff\n"]
        lie = lies[self.draw(st.integers(0, 3))]
        head = f"{lie}{disposition}\nContent-Transfer-Encoding: {encoding}\n\n"
        return head.encode() + body

    def branch(self, branch: Branch, within: tuple[str, ...]) -> bytes:
        if not branch.boundary:
            inner = branch.children[0]
            whole = self.part(inner, within)
            return b"Content-Type: message/rfc822\n\n" + whole
        # One that is open already, or is with "--" behind it, would end the outer one: a number is added.
        ends = {branch.boundary, f"{branch.boundary}--", branch.boundary.removesuffix("--")}
        boundary = f"{branch.boundary}{next(self.numbers)}" if ends & set(within) else branch.boundary
        line = b"\n--" + boundary.encode()
        parts = (line + b"\n" + self.part(child, (*within, boundary)) for child in branch.children)
        head = f'Content-Type: multipart/mixed; boundary="{boundary}"\n\npreamble'
        return head.encode() + b"".join(parts) + line + b"--\nepilogue"

    def part(self, node: Leaf | Branch, within: tuple[str, ...]) -> bytes:
        return self.leaf(node) if isinstance(node, Leaf) else self.branch(node, within)


def leaves(node: Leaf | Branch) -> list[Leaf]:
    if isinstance(node, Leaf):
        return [node]
    children = node.children if node.boundary else node.children[:1]
    return [leaf for child in children for leaf in leaves(child)]


@given(tree=TREES, data=st.data(), end=st.sampled_from([b"\n", b"\r\n"]))
def test_what_was_put_into_a_mail_comes_out_of_it(tree: Branch, data: st.DataObject, end: bytes) -> None:
    writer = Writer(data.draw, count(1))
    raw = b"Subject: x\n" + writer.branch(tree, ())
    raw = raw.replace(b"\n", end)

    message = walk(raw)

    found = [(part.filename, read(raw, part).content) for part in message.leaves]
    assert found == [(leaf.name, leaf.content) for leaf in leaves(tree)]
    assert message.limits == ()
