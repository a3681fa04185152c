"""A stage that faults befall one after the other while mails come in: each passes, and all drains again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.crash.counting import Count
from tests.crash.ledger import Post
from tests.crash.results import Result
from tests.crash.stages import Stage, tail
from tests.crash.ways import Relays
from tests.servers.waiting import wait_until

_ASKED_EACH_SECONDS = 0.5
_LONGEST_SECONDS = 60.0


@dataclass(slots=True)
class Ordeal:
    """A stage, and the faults that it has met so far; the ledger is checked at the end."""

    stage: Stage
    part: str
    seed: int
    largest_bytes: int = 8_000
    chance: random.Random = field(init=False)
    post: Post = field(init=False)
    result: Result = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311  (a seed repeats a campaign)
        self.post = Post(self.seed, largest_bytes=self.largest_bytes)
        self.result = Result(self.stage.cell, self.part, self.seed, Count(0))

    def send(self) -> None:
        """Send a mail to every source, those of a host in turn."""
        for number in range(len(self.stage.hosts)):
            self.stage.sent += self.stage.way.send_to_each(number, self.post.write)

    def met(self, fault: str, *, bit: bool) -> None:
        """Write down a fault; one that had no effect proves nothing, and is a breach."""
        (self.result.reached if bit else self.result.breaches).append(fault if bit else f"no effect: {fault}")

    def logged(self, words: bytes) -> int:
        """Return how often the hosts' logs say that."""
        return sum(host.log.read_bytes().count(words) for host in self.stage.hosts)

    def begin(self) -> None:
        """Let every host start, and return when each is up and the database made."""
        self.stage.start_all()
        wait_until(lambda: all(host.is_up for host in self.stage.hosts), "all to start", _LONGEST_SECONDS)
        self.stage.drain()

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for a condition while postroom polls again and again.

        A mailbox rests for more than a minute after a fault, so as not to knock at a server's door all the
        time; a person who sees that the server is back asks for a poll.
        """
        asked = 0.0

        def holds_by_now() -> bool:
            nonlocal asked
            if time.monotonic() - asked > _ASKED_EACH_SECONDS:
                asked = time.monotonic()
                self.stage.poll_now()
            return holds()

        try:
            wait_until(holds_by_now, what, _LONGEST_SECONDS)
        except AssertionError as error:
            tails = (tail(host.log) for host in self.stage.hosts)
            raise AssertionError("\n".join([str(error), *self.result.reached[-3:], *tails])) from error

    def recover(self, *, by_itself: bool = False) -> None:
        """Let all drain, now that no fault is left, and take the time; `by_itself`: unasked."""
        begun = time.monotonic()
        if by_itself:
            self.stage.drain()
        else:
            self.wait(self.stage.is_drained, f"{self.stage.cell} to drain")
        self.result.recoveries.append(time.monotonic() - begun)

    def conclude(self) -> Result:
        """End all hosts, and count what became of the mails; `kills` is how many faults there were.

        A reply of a relay other than 4xx is a breach: only the sender's server can keep the mail meanwhile.
        """
        self.recover()
        self.stage.kill_all()
        self.result.count = self.stage.count()
        self.result.count.kills = len(self.result.reached)
        if isinstance(self.stage.way, Relays):
            said = self.stage.way.refusals
            self.result.breaches += [f"the relay said {code}" for code in said if not 400 <= code < 500]
        return self.result
