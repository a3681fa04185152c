"""The program of a worker process: it opens the archive, and takes apart what it is ordered to."""

from __future__ import annotations

import logging
import sys
from functools import partial
from multiprocessing.connection import Connection

from postroom.app.archive import open_store
from postroom.app.crew_brief import Brief
from postroom.app.opening import opening_of
from postroom.jobs.carrying_out import take_apart
from postroom.jobs.crew_member import Channel, Craft, Teller, hold, serve
from postroom.stages import Ledger


def main(connection: int, leash: int) -> None:
    """Serve the parent at the other end of `connection` for as long as it holds the `leash`."""
    hold(leash)
    channel = Channel(Connection(connection))
    serve(channel, partial(_craft, channel))


def _craft(channel: Channel, brief: Brief) -> Craft:
    settings = brief.settings
    root = logging.getLogger()
    root.handlers = [Teller(channel)]
    root.setLevel(logging.WARNING)  # libraries: what a person must know
    logging.getLogger("postroom").setLevel(settings.log.level.upper())
    return Craft(
        partial(take_apart, store=open_store(settings), opening=opening_of(settings)),
        threads=brief.threads,
        ledger=Ledger() if brief.counts_time else None,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
