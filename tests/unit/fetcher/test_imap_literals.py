"""What is read past the library: one section of many mails, whatever else the server says in between."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from postroom.fetcher.imap_literals import Overlong, Sections, uid_set

LIMIT = 1_000


class Script:
    """A connection whose server says these bytes, whatever it is sent."""

    def __init__(self, said: bytes) -> None:
        self._said = io.BytesIO(said)
        self.sent: list[bytes] = []
        self.read = self._said.read
        self.readline = self._said.readline

    def send(self, data: bytes) -> None:
        self.sent.append(data)


def sections(script: Script) -> Sections[bytes]:
    return Sections(script, "BODY.PEEK[]", LIMIT, b"".join)


def given(said: bytes, *uids: int) -> dict[int, bytes | Overlong]:
    asked = sections(Script(said))
    asked.ask(uids)
    return asked.given


def fault(said: bytes, *uids: int) -> tuple[str, dict[int, bytes | Overlong]]:
    asked = sections(Script(said))
    with pytest.raises(IMAPClientAbortError) as raised:
        asked.ask(uids)
    return str(raised.value), asked.given


def test_two_commands_may_be_answered_before_either_is_done() -> None:
    script = Script(
        b"* 3 FETCH (UID 9 BODY[] {3}\r\nend)\r\n* 1 FETCH (UID 4 BODY[] {3}\r\nfou)\r\n"
        b"* 2 FETCH (UID 5 BODY[] {3}\r\nfiv)\r\nL2 OK done\r\nL1 OK done\r\n"
    )
    asked = sections(script)

    asked.ask([4, 5, 9])

    assert asked.given == {4: b"fou", 5: b"fiv", 9: b"end"}
    assert script.sent == [
        b"L1 UID FETCH 4:5 (UID BODY.PEEK[])\r\n",
        b"L2 UID FETCH 9 (UID BODY.PEEK[])\r\n",
    ]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"* 1 FETCH (BODY[] {2}\r\nab UID 4)\r\n", id="the UID comes last"),
        pytest.param(b"* 1 FETCH (FLAGS (\\Seen $x) UID 4 BODY[] {2}\r\nab)\r\n", id="flags come along"),
        pytest.param(b"* 1 fetch (uid 4 body[] {2}\r\nab)\r\n", id="small letters"),
        pytest.param(b'* 1 FETCH (UID 4 BODY[] "ab")\r\n', id="a quoted string"),
        pytest.param(b"* 9 EXISTS\r\n* OK hello\r\n* 1 FETCH (UID 4 BODY[] {2}\r\nab)\r\n", id="news"),
        pytest.param(
            b"* 2 FETCH (FLAGS () UID 7)\r\n* 1 FETCH (UID 4 BODY[] {2}\r\nab)\r\n", id="another's flags"
        ),
        pytest.param(
            b"* 2 FETCH (UID 7 BODY[] {2}\r\nno)\r\n* 1 FETCH (UID 4 BODY[] {2}\r\nab)\r\n",
            id="a body that nobody wanted",
        ),
        pytest.param(
            b'* 1 FETCH (UID 4 ENVELOPE (NIL {3}\r\n)\r\n "UID 7") BODY[] {2}\r\nab)\r\n',
            id="a literal elsewhere",
        ),
        pytest.param(
            b"* 1 FETCH (UID 4 BODY[] {2}\r\nab)\r\n* 1 FETCH (UID 4 BODY[] {2}\r\nno)\r\n", id="twice"
        ),
        pytest.param(b"* OK [X {3}\r\nabc\r\n* 1 FETCH (UID 4 BODY[] {2}\r\nab)\r\n", id="a literal in news"),
    ],
)
def test_the_body_is_found_however_it_is_told(said: bytes) -> None:
    assert given(said + b"L1 OK done\r\n", 4) == {4: b"ab"}


@pytest.mark.parametrize("word", [b"NIL", b"nil"])
def test_no_body_is_none(word: bytes) -> None:
    assert given(b"* 1 FETCH (UID 4 BODY[] " + word + b")\r\nL1 OK done\r\n", 4) == {}


def test_an_empty_body_is_one() -> None:
    assert given(b"* 1 FETCH (UID 4 BODY[] {0}\r\n)\r\nL1 OK done\r\n", 4) == {4: b""}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"* 1 FETCH (UID 4 BODY[] {2}\r\nabcd)\r\n", id="longer than announced"),
        pytest.param(b"* 1 FETCH (UID 4 BODY[] {2}\r\nab cd ef)\r\n", id="longer, in words"),
        pytest.param(b"* 1 FETCH (UID 4 BODY[] {2}\r\nab\r\ncd)\r\n", id="longer by a line"),
        pytest.param(b"* 1 FETCH (UID 4 BODY[] {5}\r\nab)\r\n", id="shorter than announced"),
        pytest.param(b"* 1 FETCH (UID 4 BODY[] {-2}\r\nab)\r\n", id="a negative size"),
        pytest.param(b"* 1 FETCH (UID four BODY[] {2}\r\nab)\r\n", id="a UID that is no number"),
        pytest.param(b"* 1 FETCH ((UID 4) BODY[] {2}\r\nab)\r\n", id="a list for a key"),
        pytest.param(b"* 1 FETCH (UID 4 BODY[] {2}\r\nab BODY[])\r\n", id="a key without value"),
        pytest.param(b"* 1 FETCH UID 4\r\n", id="no list"),
        pytest.param(b"* BYE enough\r\n", id="a farewell"),
        pytest.param(b"+ go on\r\n", id="an invitation"),
        pytest.param(b"L7 OK done\r\n", id="the end of what was not asked"),
        pytest.param(b"", id="the end"),
    ],
)
def test_nonsense_ends_the_connection_and_gives_nothing(said: bytes) -> None:
    _words, read = fault(said + b"L1 OK done\r\n" if said else b"", 4)

    assert read == {}


def test_a_body_over_the_limit_is_named_and_not_read() -> None:
    words, read = fault(b"* 1 FETCH (UID 4 BODY[] {1001}\r\n", 4, 5)

    assert words == "the server announces 1001 bytes where 1000 are taken"
    assert read == {4: Overlong(1001)}


def test_what_came_whole_before_a_break_is_kept() -> None:
    _words, read = fault(b"* 1 FETCH (UID 4 BODY[] {2}\r\nab)\r\n* 2 FETCH (UID 5 BODY[] {9}\r\nab", 4, 5)

    assert read == {4: b"ab"}


def test_a_refusal_of_one_command_leaves_what_the_other_gave() -> None:
    asked = sections(
        Script(b"L1 NO [SERVERBUG] gone\r\n* 2 FETCH (UID 5 BODY[] {2}\r\nab)\r\nL2 OK done\r\n")
    )

    with pytest.raises(IMAPClientError, match=r"^\[SERVERBUG\] gone$"):
        asked.ask([4, 5])

    assert asked.given == {5: b"ab"}


def test_a_fault_of_the_connection_is_told_as_one_to_whoever_reads() -> None:
    class Slow(Script):
        def __init__(self) -> None:
            super().__init__(b"* 1 FETCH (UID 4 BODY[] {2}\r\n")
            self.read = self.wait

        def wait(self, _size: int | None = -1, /) -> bytes:
            raise TimeoutError

    def keep(pieces: Iterator[bytes]) -> bytes:
        return b"".join(pieces)

    with pytest.raises(IMAPClientAbortError, match="no answer in time"):
        Sections(Slow(), "BODY.PEEK[]", LIMIT, keep).ask([4])


@pytest.mark.parametrize(
    ("uids", "written"),
    [([7], b"7"), ([4, 5, 6, 9], b"4:6,9"), ([1, 3, 4, 4_294_967_295], b"1,3:4,4294967295")],
)
def test_neighbours_are_written_as_a_range(uids: list[int], written: bytes) -> None:
    assert uid_set(uids) == written
