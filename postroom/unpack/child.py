"""The child that opens one container: it caps itself, does it, writes the answer, and is gone."""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from postroom.unpack.container import Room
from postroom.unpack.order import BEGUN, CANNOT_WRITE, LONGEST_ANSWER, Order, write_answer
from postroom.unpack.shelf import Full, Shelf, ShelfBroken

Decoder = Callable[[Path, Shelf], None]


def main(text: str) -> int:
    """Carry out an order; return 0 when the answer is written, 75 when this machine did not let it be."""
    order = Order.from_text(text)
    into = Path(order.into)
    decode = _decoder(order)  # imported before the caps, so that a missing library is no container's fault
    _cap(order)
    shelf = Shelf(into, Room(order.things, order.total_bytes))
    try:
        (into / BEGUN).touch()
        _open(decode, Path(order.content), shelf)
        write_answer(shelf.contents(), into)
    except (OSError, ShelfBroken):
        return CANNOT_WRITE
    return 0


def _open(decode: Decoder, content: Path, shelf: Shelf) -> None:
    try:
        decode(content, shelf)
    except Full as limit:
        shelf.full(limit.limit)
    except MemoryError:
        shelf.full("unpack_memory")
    except (OSError, ShelfBroken):
        raise
    except Exception:  # a stranger's bytes make a decoder raise anything: that is an answer
        shelf.miss("damaged container")


def _decoder(order: Order) -> Decoder:
    """Return what opens this kind; only its own libraries are imported."""
    if order.kind == "tnef":
        import tnefparse  # noqa: F401, PLC0415  (an extra: its absence is no fault of a mail's)

        from postroom.unpack.tnef import open_tnef  # noqa: PLC0415

        return open_tnef
    if order.kind == "signed":
        from postroom.unpack.cms import open_signed  # noqa: PLC0415

        return lambda content, shelf: open_signed(content, shelf, name=order.name)
    from postroom.unpack.archive import open_zip  # noqa: PLC0415

    return lambda content, shelf: open_zip(content, shelf, ratio=order.ratio)


def _cap(order: Order) -> None:
    """Bound this process for good: memory, processor, files, and an end of its own if its parent is gone."""
    seconds = max(1, round(order.seconds))
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, order.memory_bytes)
    _limit(resource.RLIMIT_FSIZE, order.total_bytes + LONGEST_ANSWER)
    _limit(resource.RLIMIT_CPU, seconds, seconds + 1)  # SIGXCPU first, which says what it was
    _limit(resource.RLIMIT_NOFILE, 64)
    signal.setitimer(signal.ITIMER_REAL, order.patience_seconds)  # SIGALRM ends it


def _limit(which: int, most: int, hardest: int | None = None) -> None:
    """Lower one bound, soft and hard; one that is tighter already stays as it is."""
    _, hard = resource.getrlimit(which)
    if hard == resource.RLIM_INFINITY or hard > most:
        resource.setrlimit(which, (most, most if hardest is None else hardest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
