"""When sources are to be polled because of mail: at once after a quiet time, and at a pace in a stream."""

from __future__ import annotations

from typing import Final

_SHORTEST_REST_SECONDS: Final = 0.03
_LONGEST_REST_SECONDS: Final = 0.1
_WAKES_APART_SECONDS: Final = 0.25  # where no poll comes of them, whatever a server says
_LOOKS: Final = (1, 6)  # rests after which a source is polled again that had mail, although nothing told


class Wakes:
    """Which sources are due, by the seconds of a clock that each call is told.

    After a poll a source rests half as long as the poll took, 30 to 100 ms.  Where mail was taken more may
    follow, and a server may be slow to tell of it (Dovecot is half a second late): such a source is polled
    twice more without being told of anything.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._rests_until: dict[str, float] = {}
        self._looks: dict[str, int] = {}

    def told(self, name: str, now: float) -> None:
        """Mail arrived: the source is due now, or at the end of its rest."""
        moment = max(now, self._rests_until.get(name, now))
        self._due[name] = min(moment, self._due.get(name, moment))

    def polled(self, name: str, began: float, now: float, *, took_mail: bool) -> None:
        """Let the source rest from now on: its poll ended, and came of whatever was due."""
        rest = min(max((now - began) / 2, _SHORTEST_REST_SECONDS), _LONGEST_REST_SECONDS)
        self._rests_until[name] = now + rest
        look = 0 if took_mail else self._looks.get(name, len(_LOOKS))
        if look < len(_LOOKS):
            self._due[name] = now + rest * _LOOKS[look]
            self._looks[name] = look + 1
        else:
            self._looks.pop(name, None)

    def forget(self, name: str) -> None:
        """Drop what is due: a poll begins that finds whatever there is."""
        self._due.pop(name, None)

    def seconds_left(self, now: float, most: float) -> float:
        """Return how long nothing is due, at most `most`."""
        return max(0.0, min(most, min(self._due.values(), default=now + most) - now))

    def take(self, now: float) -> list[str]:
        """Return the sources that are due, each once."""
        names = [name for name, moment in self._due.items() if moment <= now]
        for name in names:
            del self._due[name]
            self._rests_until[name] = now + _WAKES_APART_SECONDS
        return names
