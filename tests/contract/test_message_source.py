"""What every source of mail promises, whichever it is."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from postroom import maildir
from postroom.config.settings import Action, After, MaildirFolder, Recipients, Zone
from postroom.core.limits import DEFAULT_LIMITS
from postroom.errors import SourceUnavailable
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.maildir_source import MaildirSource
from postroom.fetcher.source import Batch, Fetched, MessageSource
from tests.servers.fixtures import fresh_mailbox
from tests.servers.imap_server import ImapServer
from tests.servers.memory import MemoryInRam

RECIPIENTS = Recipients(org="acme", trust=(), trusted_hops=0, trusted_zone=Zone.ALL, to_cc=False)


class Bench(Protocol):
    """A source, and its mailbox seen from the other side."""

    source: MessageSource

    def deliver(self, mail: bytes) -> None: ...

    def flags(self) -> list[str]:
        """Return the flags of each mail that is still there, "" for none."""
        ...

    def remove_all(self) -> None: ...

    def break_down(self) -> None: ...


class MaildirBench:
    def __init__(self, folder: Path, action: Action) -> None:
        maildir.create(folder)
        self.folder = folder
        after = After(action, folder="Processed")
        settings = MaildirFolder("intake", folder, False, "poll", 30.0, 200, after, RECIPIENTS)
        self.source: MessageSource = MaildirSource(settings, folder.with_name("spool"))

    def deliver(self, mail: bytes) -> None:
        maildir.deliver(self.folder, mail)

    def flags(self) -> list[str]:
        names = maildir.listing(self.folder, "new") + maildir.listing(self.folder, "cur")
        return [maildir.flags(name) for name in names]

    def remove_all(self) -> None:
        for path in (self.folder / "new").iterdir():
            path.unlink()

    def break_down(self) -> None:
        (self.folder / "new").rename(self.folder / "lost")


class ImapBench:
    def __init__(self, server: ImapServer, spool: Path, action: Action) -> None:
        self.mailbox = fresh_mailbox(server, action)
        self.server = server
        self.source: MessageSource = ImapSource(self.mailbox, spool, DEFAULT_LIMITS)

    def deliver(self, mail: bytes) -> None:
        self.server.deliver(self.mailbox.user, mail)

    def flags(self) -> list[str]:
        return self.server.flags(self.mailbox.user)

    def remove_all(self) -> None:
        self.server.remove(self.mailbox.user, *(f"mail {number}" for number in range(len(self.flags()) + 1)))

    def break_down(self) -> None:
        self.server.forget_user(self.mailbox.user)


@pytest.fixture(
    params=[
        "maildir",
        pytest.param("dovecot", marks=pytest.mark.dovecot),
        pytest.param("greenmail", marks=pytest.mark.greenmail),
    ]
)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def action() -> Action:
    return Action.DELETE


@pytest.fixture
def bench(kind: str, action: Action, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made: Bench
    if kind == "maildir":
        made = MaildirBench(tmp_path / "Maildir", action)
    else:
        made = ImapBench(request.getfixturevalue(kind), tmp_path / "spool", action)
    yield made
    made.source.close()


def mail(number: int, body: bytes = b"") -> bytes:
    return b"Message-ID: <%d@sender.example>\r\nSubject: mail %d\r\n\r\n" % (number, number) + body


def subject(copy: Fetched) -> bytes:
    return copy.path.read_bytes().partition(b"Subject: ")[2].partition(b"\r\n")[0]


def take(bench: Bench, memory: MemoryInRam, limit: int = 200) -> list[bytes]:
    """Poll once as the pipeline does, the commit before the settling; return the subjects."""
    subjects = []
    for batch in bench.source.batches(memory, limit=limit):
        subjects += [subject(copy) for copy in batch.fetched]
        memory.commit(batch)
        settle(bench, memory, [batch])
    return subjects


def settle(bench: Bench, memory: MemoryInRam, batches: Sequence[Batch]) -> None:
    places = [copy.place for batch in batches for copy in batch.fetched]
    done = bench.source.settle(places)
    memory.settled += [file for file in memory.files if file.file_name in {place.file_name for place in done}]


def test_everything_new_comes_once_and_in_its_order(bench: Bench) -> None:
    memory = MemoryInRam()
    for number in (1, 2, 3):
        bench.deliver(mail(number))

    polls = [take(bench, memory), take(bench, memory)]

    assert polls == [[b"mail 1", b"mail 2", b"mail 3"], []]


def test_what_comes_later_comes_at_the_next_poll(bench: Bench) -> None:
    memory = MemoryInRam()
    bench.deliver(mail(1))
    take(bench, memory)
    bench.deliver(mail(2))

    taken = take(bench, memory)

    assert taken == [b"mail 2"]


def test_digest_and_size_are_those_of_the_bytes(bench: Bench) -> None:
    raw = mail(1, bytes(range(1, 256)).replace(b"\n", b"").replace(b"\r", b"") * 40 + b"\r\n")
    bench.deliver(raw)

    (batch,) = (
        (copy.path.read_bytes(), copy.sha256, copy.size_bytes)
        for batch in bench.source.batches(MemoryInRam(), limit=1)
        for copy in batch.fetched
    )

    assert batch == (raw, hashlib.sha256(raw).hexdigest(), len(raw))


def test_reading_changes_nothing(bench: Bench) -> None:
    bench.deliver(mail(1))
    bench.deliver(mail(2))

    list(bench.source.batches(MemoryInRam(), limit=200))

    assert bench.flags() == ["", ""]


def test_a_batch_that_was_not_committed_is_met_again(bench: Bench) -> None:
    memory = MemoryInRam()
    bench.deliver(mail(1))
    lost = [len(batch.fetched) for batch in bench.source.batches(memory, limit=200)]

    taken = take(bench, memory)

    assert (lost, taken) == ([1], [b"mail 1"])


def test_no_more_than_the_limit_comes_and_the_rest_the_next_time(bench: Bench) -> None:
    memory = MemoryInRam()
    for number in (1, 2, 3):
        bench.deliver(mail(number))

    polls = [take(bench, memory, limit=2), take(bench, memory, limit=2)]

    assert polls == [[b"mail 1", b"mail 2"], [b"mail 3"]]


def test_a_batch_has_at_most_fifty_copies(bench: Bench) -> None:
    for number in range(120):
        bench.deliver(mail(number))

    sizes = [len(batch.fetched) for batch in bench.source.batches(MemoryInRam(), limit=200)]

    assert sizes == [50, 50, 20]


def test_an_empty_mailbox_gives_nothing(bench: Bench) -> None:
    batches = list(bench.source.batches(MemoryInRam(), limit=200))

    assert batches == []


@pytest.mark.parametrize(
    ("action", "flags_left"),
    [
        pytest.param(Action.DELETE, [], id="delete"),
        pytest.param(Action.MOVE, [], id="move"),
    ],
)
def test_settling_is_safe_to_repeat(bench: Bench, flags_left: list[str]) -> None:
    bench.deliver(mail(1))
    places = [c.place for b in bench.source.batches(MemoryInRam(), limit=1) for c in b.fetched]

    done = [list(bench.source.settle(places)), list(bench.source.settle(places))]

    assert done == [places, places]
    assert bench.flags() == flags_left


def test_settling_touches_only_what_it_is_told(bench: Bench) -> None:
    for number in (1, 2, 3):
        bench.deliver(mail(number))
    first, second, third = itertools.chain.from_iterable(
        [copy.place for copy in batch.fetched] for batch in bench.source.batches(MemoryInRam(), limit=3)
    )

    bench.source.settle([first, third])

    assert len(bench.flags()) == 1
    again = [c.place for b in bench.source.batches(MemoryInRam(), limit=3) for c in b.fetched]
    assert again == [second]


def test_a_mail_that_is_gone_is_done(bench: Bench) -> None:
    bench.deliver(mail(1))
    places = [c.place for b in bench.source.batches(MemoryInRam(), limit=1) for c in b.fetched]
    bench.remove_all()

    done = bench.source.settle(places)

    assert list(done) == places


def test_a_mail_left_alone_comes_again_only_when_orgs_were_added(bench: Bench) -> None:
    memory = MemoryInRam()
    bench.deliver(mail(1))
    for batch in bench.source.batches(memory, limit=1):
        memory.commit(batch)
        memory.alone = [copy.place for copy in batch.fetched]

    before = take(bench, memory)
    memory.orgs_were_added = True
    after = take(bench, memory)

    assert (before, after) == ([], [b"mail 1"])


def test_a_source_that_is_away_says_so(bench: Bench) -> None:
    bench.deliver(mail(1))
    bench.break_down()

    with pytest.raises(SourceUnavailable) as raised:
        list(bench.source.batches(MemoryInRam(), limit=1))

    assert raised.value.fix


@pytest.mark.parametrize("action", [Action.KEEP])
def test_what_a_source_holds_is_counted_beside_what_is_remembered(bench: Bench) -> None:
    memory = MemoryInRam()
    for number in (1, 2, 3):
        bench.deliver(mail(number))
    for batch in bench.source.batches(memory, limit=2):
        memory.commit(batch)

    holdings = list(bench.source.holdings(memory))

    assert (sum(each.copies for each in holdings), sum(each.waiting for each in holdings)) == (3, 1)
    assert [place for each in holdings for place in each.strays] == []


@pytest.mark.parametrize("action", [Action.KEEP])
def test_a_mail_that_was_taken_can_be_picked_again(bench: Bench) -> None:
    memory = MemoryInRam()
    for number in (1, 2, 3):
        bench.deliver(mail(number))
    places = [copy.place for batch in bench.source.batches(memory, limit=3) for copy in batch.fetched]

    picked = [
        (copy.place, copy.path.read_bytes().splitlines()[1])
        for batch in bench.source.picked(places[1:2], most_bytes=1000)
        for copy in batch.fetched
    ]

    assert picked == [(places[1], b"Subject: mail 2")]


def test_a_mail_that_is_gone_cannot_be_picked(bench: Bench) -> None:
    bench.deliver(mail(1))
    places = [c.place for b in bench.source.batches(MemoryInRam(), limit=1) for c in b.fetched]
    bench.remove_all()

    assert [b.fetched for b in bench.source.picked(places, most_bytes=1000) if b.fetched] == []


def test_closing_is_safe_to_repeat(bench: Bench) -> None:
    bench.deliver(mail(1))
    list(bench.source.batches(MemoryInRam(), limit=1))

    bench.source.close()
    bench.source.close()

    assert len(bench.flags()) == 1
